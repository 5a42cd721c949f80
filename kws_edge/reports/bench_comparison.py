"""Two benches side by side, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from kws_edge.reports.bench import MEBI, github_table, or_empty
from kws_edge.verification.bench_comparison import Comparison

_EQUAL = {True: "equal", False: "DIFFERENT", None: ""}


def comparison_markdown(comparison: Comparison) -> str:
    """Two benches side by side."""
    first, second = comparison.names
    rows = [
        [
            engine.title,
            *(or_empty(value, "{:.3f}") for value in engine.inference_p50_ms),
            or_empty(engine.speed, "{:.2f}"),
            *(or_empty(value, "{:.4f}") for value in engine.real_time_factor),
            *(or_empty(value and value / MEBI, "{:.1f}") for value in engine.resident_bytes),
            *(or_empty(value and 100 * value, "{:.2f}") for value in engine.accuracy),
            _EQUAL[engine.same_outputs],
        ]
        for engine in comparison.engines
    ]
    pairs = ("inference p50 ms", "real-time factor", "resident MiB", "accuracy %")
    heads = [f"{name} {which}" for name in pairs for which in (first, second)]
    return "\n\n".join(
        [
            f"# {first} and {second}",
            "\n".join(f"- {line}" for line in comparison_lines(comparison)),
            github_table(("", first, second), comparison.machines),
            github_table(("engine", *heads[:2], f"times as fast on {second}", *heads[2:], "outputs"), rows),
        ]
    )


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """What must be equal, and whether it is."""
    if not comparison.same_model:
        yield "they ran different models or front ends: only the machines compare"
        return
    if comparison.read_differently:
        yield (
            "they read the same recordings and got other samples, because resampling rounds differently on other "
            "processors: to compare integers give both recordings at the model's own rate"
        )
        return
    if comparison.clips is None:
        yield "they did not run the same recordings: give both the same --data and --clips to compare their integers"
        return
    yield f"features of {comparison.clips:,} clips: {_EQUAL[comparison.same_features]}"
    first, second = comparison.references
    yield f"outputs of {first} and {second}, which stand for the device: {_EQUAL[comparison.same_reference_outputs]}"
