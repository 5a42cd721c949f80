"""A budget held against what was measured: a verdict for every line, none left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from kws_edge.settings import to_mapping
from kws_edge.spec import FeatureSpec
from kws_edge.verification.budget import PER_KEYWORD, Budget
from kws_edge.verification.measurements import Measured, Measurements

# limit to the figure that it is for
_QUANTITIES = {
    "accuracy_min": "accuracy",
    "accuracy_drop_max_points": "accuracy_drop_points",
    "flash_bytes_max": "flash_bytes",
    "ram_bytes_max": "ram_bytes",
    "arena_bytes_max": "arena_bytes",
    "stack_bytes_max": "stack_bytes",
    "instructions_per_inference_max": "instructions_per_inference",
    "instructions_per_second_max": "instructions_per_second",
    "latency_p95_ms_max": "latency_p95_ms",
    "false_accepts_per_hour_max": "false_accepts_per_hour",
    "false_reject_rate_max": "false_reject_rate",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One limit, what was measured, and whether it holds."""

    # the limit's name in the file, and the keyword's or layer's behind a dot
    name: str
    limit: float | None
    # None if it was not measured
    measured: float | None
    # None if it was not measured and cannot be told without
    passed: bool | None
    # how it was measured, why it was not, or what is wrong
    detail: str

    @property
    def verdict(self) -> Literal["pass", "fail", "not measured"]:
        """The line's last word."""
        if self.passed is None:
            return "not measured"
        return "pass" if self.passed else "fail"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Every line of one budget."""

    # the file, or the preset's name
    source: str
    # for people; empty if the budget names none
    board: str
    lines: tuple[Line, ...]
    # whether a line that was not measured counts as failed
    strict: bool

    @property
    def passed(self) -> bool:
        """Whether no line failed, and if strict none was left unmeasured."""
        return all(line.passed or (line.passed is None and not self.strict) for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON types; docs/budgets.md explains the fields."""
        return {
            "source": self.source,
            "board": self.board,
            "strict": self.strict,
            "lines": [{**asdict(line), "verdict": line.verdict} for line in self.lines],
            "passed": self.passed,
        }


def judge(budget: Budget, measurements: Measurements, *, strict: bool = False) -> Verdict:
    """Measure whatever the limits of `budget` ask for and compare; a limit itself is still allowed.

    What firmware costs that computes something else is worth nothing: where it was measured and does, a line says so.
    """
    lines = [line for name, limit in budget.limits.given() for line in _lines(name, limit, measurements)]
    if budget.front_end is not None:
        lines.append(_front_end(budget.front_end, measurements.bundle.features))
    wrong = measurements.firmware_differences
    if wrong:
        lines.append(Line(name="firmware", limit=0, measured=len(wrong), passed=False, detail="; ".join(wrong)))
    return Verdict(source=budget.source, board=budget.board.name, lines=tuple(lines), strict=strict)


def _lines(name: str, limit: Any, measurements: Measurements) -> Iterator[Line]:
    if name.startswith("layer_"):
        yield from _layer_lines(name, limit, measurements)
    elif name.endswith(PER_KEYWORD):
        quantity = _QUANTITIES[name.removesuffix(PER_KEYWORD)]
        for keyword, number in limit.items():
            measured = getattr(measurements, f"{quantity}_of")(keyword)
            yield _line(f"{name}.{keyword}", number, measured, smaller=True)
    else:
        line = _line(name, limit, measurements.value(_QUANTITIES[name]), smaller=not name.endswith("_min"))
        if name == "arena_bytes_max" and line.passed is False:
            refusal = measurements.arena_refusal(limit)
            line = Line(**{**vars(line), "detail": f"{line.detail}; {refusal}" if refusal else line.detail})
        yield line


def _line(name: str, limit: float, measured: Measured, *, smaller: bool) -> Line:
    value, detail = measured.value, measured.how
    if value is not None:
        passed: bool | None = value <= limit if smaller else value >= limit
        if not passed:
            detail = f"{_amount(abs(value - limit))} too {'much' if smaller else 'little'}; {detail}"
        return Line(name=name, limit=limit, measured=value, passed=passed, detail=detail)
    if smaller and measured.at_least is not None and measured.at_least > limit:
        least = f"{measured.at_least:,.0f} at least"
        return Line(name=name, limit=limit, measured=None, passed=False, detail=f"{least}; {detail}")
    return Line(name=name, limit=limit, measured=None, passed=None, detail=detail)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def _layer_lines(name: str, limits: Mapping[str, int], measurements: Measurements) -> Iterator[Line]:
    layers = measurements.layer_bytes(name.removeprefix("layer_").removesuffix("_max"))
    if isinstance(layers, str):
        for layer, limit in limits.items():
            yield Line(name=f"{name}.{layer}", limit=limit, measured=None, passed=None, detail=layers)
        return
    for layer, limit in limits.items():
        if layer in layers:
            size, grown = layers[layer], layers[layer] - limit
            detail = f"layer {layer} grew by {grown:,} bytes" if grown > 0 else "the int8 model"
            yield Line(name=f"{name}.{layer}", limit=limit, measured=size, passed=grown <= 0, detail=detail)
        else:
            detail = f"the model has no layer {layer}"
            yield Line(name=f"{name}.{layer}", limit=limit, measured=None, passed=None, detail=detail)
    for layer in [layer for layer in layers if layer not in limits]:
        detail = f"layer {layer} is new: the budget does not name it"
        yield Line(name=f"{name}.{layer}", limit=0, measured=layers[layer], passed=False, detail=detail)


def _front_end(expected: Mapping[str, Any], actual: FeatureSpec) -> Line:
    found = to_mapping(actual)
    changed = [f"{name} is {found[name]}, not {value}" for name, value in expected.items() if found[name] != value]
    detail = "the front end is another: " + "; ".join(changed) if changed else f"{len(expected)} settings"
    return Line(name="front_end", limit=0, measured=len(changed), passed=not changed, detail=detail)
