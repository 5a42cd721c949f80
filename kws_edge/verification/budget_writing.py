"""A budget made from what a bundle takes now, so that a later one that takes more fails by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kws_edge.errors import SettingsError
from kws_edge.settings import to_mapping, to_toml
from kws_edge.verification.measurements import Measured, Measurements

# sizes and counts, as whole numbers with the margin on top
_WHOLE = (
    "flash_bytes",
    "ram_bytes",
    "arena_bytes",
    "stack_bytes",
    "instructions_per_inference",
    "instructions_per_second",
)
# share of the clips, one percentage point, that a later training may lose by chance
_ACCURACY_SLACK = 0.01


def budget_toml(measurements: Measurements, *, margin_percent: float = 5.0) -> str:
    """A budget file that `measurements` just keep, with so many percent of margin on sizes, counts and rates.

    What could not be measured is named in a comment. Latency is left out: it is this machine's, not the bundle's. Bytes
    of layers and the front end have no margin: they change only when somebody changes them.
    """
    if not 0 <= margin_percent <= 1000:
        raise SettingsError(f"--margin {margin_percent:g}: use 0 to 1000 percent")
    factor = 1 + margin_percent / 100
    limits: dict[str, Any] = {}
    missing: list[str] = []

    def take(name: str, measured: Measured, value: Any) -> None:
        if measured.value is None:
            missing.append(f"# {name}: not measured: {' '.join(measured.how.split())}\n")
        else:
            limits[name] = value

    accuracy = measurements.accuracy
    take("accuracy_min", accuracy, round(max((accuracy.value or 0) - _ACCURACY_SLACK, 0), 4))
    for quantity in _WHOLE:
        measured = measurements.value(quantity)
        take(f"{quantity}_max", measured, math.floor((measured.value or 0) * factor))
    if measurements.stream is not None:
        for quantity in ("false_accepts_per_hour", "false_reject_rate"):
            measured = measurements.value(quantity)
            most = 1.0 if quantity == "false_reject_rate" else math.inf
            take(f"{quantity}_max", measured, min(_rounded_up((measured.value or 0) * factor), most))
    for name in ("weight_bytes", "output_bytes"):
        sizes = measurements.layer_bytes(name)
        if isinstance(sizes, Mapping):
            limits[f"layer_{name}_max"] = dict(sizes)
        else:
            missing.append(f"# layer_{name}_max: not measured: {' '.join(sizes.split())}\n")
    header = (
        f"# What {measurements.bundle.name} takes, and {margin_percent:g} percent of margin. Written by "
        "`kws-edge verify --write-budget`.\n" + "".join(missing)
    )
    return to_toml(
        header=header,
        board=to_mapping(measurements.board),
        budget=limits,
        front_end=to_mapping(measurements.bundle.features),
    )


def _rounded_up(value: float) -> float:
    """`value` to four decimals, and never less than it: what was measured must keep the limit made of it."""
    rounded = round(value, 4)
    return rounded if rounded >= value else round(rounded + 1e-4, 4)
