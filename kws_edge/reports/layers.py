"""What each layer costs and loses, as tables of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from kws_edge.verification.latency import Latency
from kws_edge.verification.layer_parity import LayerParity
from kws_edge.verification.layers import LayerCost, LayerCosts
from kws_edge.verification.quantization import Quantization


def cost_cells(layer: LayerCost) -> tuple[str, ...]:
    """Name, output shape, MACs, weights, output, live and arena bytes, and instructions (empty if not counted)."""
    return (
        layer.name,
        "x".join(map(str, layer.output_shape[1:])),
        f"{layer.macs:,}",
        f"{layer.weight_bytes:,}",
        f"{layer.output_bytes:,}",
        f"{layer.live_bytes:,}",
        f"{layer.aot_arena_bytes:,}",
        _count(layer.instructions),
    )


def cost_table(costs: LayerCosts) -> str:
    """One row per layer and a total; memory in bytes."""
    total = sum(layer.instructions or 0 for layer in costs.layers)
    rows = [
        [
            *cost_cells(layer),
            "" if not total or layer.instructions is None else f"{100 * layer.instructions / total:.1f}",
        ]
        for layer in costs.layers
    ]
    rows.append(
        [
            "total",
            "",
            f"{sum(layer.macs for layer in costs.layers):,}",
            f"{sum(layer.weight_bytes for layer in costs.layers):,}",
            "",
            f"{max(layer.live_bytes for layer in costs.layers):,}",
            f"{costs.aot_arena_bytes:,}",
            _count(total or None),
            "",
        ]
    )
    heads = ["layer", "output", "MACs", "weights", "output B", "alive B", "aot arena B", f"{costs.core} instr.", "%"]
    table = tabulate(rows, heads, disable_numparse=True, colalign=("left", "left", *["right"] * 7))
    notes = [f"\ninstructions were not counted: {costs.not_counted}"] if costs.not_counted else []
    return "\n".join([table, "", *_arena_lines(costs), *notes])


def latency_table(latencies: Sequence[Latency]) -> str:
    """One row per interpreter: milliseconds for one inference."""
    rows = [
        [each.interpreter, each.threads, f"{each.p50_ms:.3f}", f"{each.p95_ms:.3f}", f"{each.p99_ms:.3f}"]
        for each in latencies
    ]
    table = tabulate(rows, ["interpreter", "threads", "p50 ms", "p95 ms", "p99 ms"], disable_numparse=True)
    one = latencies[0]
    return f"{table}\n\n{one.runs} inferences on this {one.machine} machine after {one.warm_up} to warm up"


def layer_parity_cells(parity: LayerParity) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Heads and rows, layers down and interpreters across: largest difference, and the share of outputs that differ."""
    by_layer = {each.interpreter: {layer.layer: layer for layer in each.layers} for each in parity.comparisons}
    rows = []
    for name in dict.fromkeys(layer.layer for each in parity.comparisons for layer in each.layers):
        row = [name]
        for found in by_layer.values():
            layer = found.get(name)
            row.append("" if layer is None else f"{layer.largest_lsb} ({100 * layer.different / layer.outputs:.2f} %)")
        rows.append(tuple(row))
    return ("layer", *by_layer), tuple(rows)


def departure_lines(parity: LayerParity) -> list[str]:
    """Which interpreters part from the device's, and where; or that none does."""
    lines = [
        f"{each.interpreter} parts from {parity.device} in layer {each.first_departure}"
        for each in parity.comparisons
        if each.first_departure
    ]
    return lines or [f"no interpreter parts from {parity.device} by more than rounding, in any layer"]


def layer_parity_table(parity: LayerParity) -> str:
    """Layers down, interpreters across: largest difference in int8 steps, and the share of outputs that differ."""
    heads, rows = layer_parity_cells(parity)
    title = (
        f"largest difference from {parity.device} in int8 steps (share of outputs that differ), {parity.clips} clips"
    )
    return "\n".join([title, "", tabulate(rows, heads, disable_numparse=True), "", *departure_lines(parity)])


def quantization_table(quantization: Quantization) -> str:
    """One row per layer, then what to widen."""
    rows = [
        [
            layer.layer,
            f"{layer.scale:.5g}",
            _decibels(layer.sqnr_db),
            _decibels(layer.own_sqnr_db),
            f"{100 * layer.saturated_share:.3f}",
            "" if layer.clipping_noise_share is None else f"{100 * layer.clipping_noise_share:.0f}",
            f"{100 * layer.range_used:.0f}",
            f"{100 * layer.channel_range_used:.0f}",
        ]
        for layer in quantization.layers
    ]
    heads = ["layer", "step", "SQNR dB", "own dB", "clipped %", "of own noise %", "range used %", "per channel %"]
    table = tabulate(rows, heads, disable_numparse=True, colalign=("left", *["right"] * 7))
    advice = [f"{layer.layer}: {layer.advice}" for layer in quantization.layers if layer.advice]
    notes = [f"no ratios: {quantization.not_measured}"] if quantization.not_measured else []
    return "\n".join([table, "", *notes, *advice, quantization.advice])


def _arena_lines(costs: LayerCosts) -> list[str]:
    lines = [f"engine aot's arena: {costs.aot_arena_bytes:,} bytes"]
    split = costs.tflm_arena
    if split is not None:
        parts = ", ".join(f"{name} {size:,}" for name, size in split.tail_parts.items())
        lines.append(
            f"TFLM's arena: {split.head_bytes + split.tail_bytes:,} bytes: head {split.head_bytes:,} (activations), "
            f"tail {split.tail_bytes:,} ({parts})"
        )
    return lines


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _decibels(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}"
