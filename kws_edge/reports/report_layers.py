"""The report's pages on what layers cost and lose: memory, instructions, latency, quantization."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kws_edge.reports.layers import cost_cells
from kws_edge.reports.page import Lines, Part, Plot, Plots, Section, Table, Text
from kws_edge.reports.svg import Bar, Block, bar_plot, memory_map
from kws_edge.verification.latency import Latency
from kws_edge.verification.layers import LayerCosts
from kws_edge.verification.quantization import Quantization


def layers_section(costs: LayerCosts | str) -> Section:
    """Memory and instructions, layer by layer."""
    if isinstance(costs, str):
        return Section("layers", "Layers", (Text(f"Not measured: {costs}"),))
    plots = (_memory(costs), _time(costs))
    return Section("layers", "Layers", (Lines(tuple(_arenas(costs))), Plots(plots), _costs(costs)))


def _arenas(costs: LayerCosts) -> Iterator[str]:
    yield f"engine aot's arena: {costs.aot_arena_bytes:,} bytes"
    split = costs.tflm_arena
    if split is not None:
        parts = ", ".join(f"{name} {size:,}" for name, size in split.tail_parts.items())
        yield (
            f"TFLM's arena on this host: {split.head_bytes + split.tail_bytes:,} bytes; activations take "
            f"{split.head_bytes:,}, the interpreter {split.tail_bytes:,} ({parts})"
        )
    if costs.not_counted:
        yield f"instructions were not counted: {costs.not_counted}"


def _memory(costs: LayerCosts) -> Plot:
    caption = "Engine aot's arena while each layer runs: blue tensors, orange scratch"
    blocks = [
        Block(
            name=block.name,
            offset_bytes=block.offset_bytes,
            size_bytes=block.size_bytes,
            first_layer=block.first_layer,
            last_layer=block.last_layer,
            colour=2 if block.name.endswith(" scratch") else 1,
        )
        for block in costs.aot_blocks
    ]
    return Plot(caption, memory_map([layer.name for layer in costs.layers], blocks, costs.aot_arena_bytes, caption))


def _time(costs: LayerCosts) -> Plot:
    counted = costs.not_counted is None
    unit = f"Instructions on {costs.core}" if counted else "Multiply-accumulates"
    values = [(layer.name, (layer.instructions or 0) if counted else layer.macs) for layer in costs.layers]
    total = sum(value for _, value in values)
    bars = [
        Bar(name=name, value=value, text=f"{value:,} ({100 * value / max(total, 1):.1f} %)")
        for name, value in values
        if value
    ]
    caption = f"{unit} of one inference: {total:,}"
    return Plot(caption, bar_plot(bars, caption))


def _costs(costs: LayerCosts) -> Table:
    rows = tuple(cost_cells(layer) for layer in costs.layers)
    heads = ("layer", "output", "MACs", "weights, B", "output, B", "alive, B", "aot arena, B", "instructions")
    return Table(heads, rows, words=(0, 1))


def latency_section(latencies: Sequence[Latency]) -> Section:
    """One inference on the machine that made the report."""
    if not latencies:
        return Section("latency", "Latency", ())
    bars = [
        Bar(name=each.interpreter, value=each.p50_ms, text=f"{each.p50_ms:.3f} ms", mark=each.p95_ms)
        for each in latencies
    ]
    one = latencies[0]
    caption = "Half of the inferences below the bar, 95 % below the mark; logarithmic"
    rows = tuple(
        (each.interpreter, *(f"{ms:.3f}" for ms in (each.p50_ms, each.p95_ms, each.p99_ms))) for each in latencies
    )
    said = (
        f"One inference on the host that made this report ({one.machine}), one thread, {one.runs} after {one.warm_up} "
        "to warm up. `kws-edge bench` measures a board."
    )
    parts: tuple[Part, ...] = (
        Text(said),
        Plots((Plot(caption, bar_plot(bars, caption, logarithmic=True)),)),
        Table(("interpreter", "p50 ms", "p95 ms", "p99 ms"), rows),
    )
    return Section("latency", "Latency", parts)


def quantization_section(quantization: Quantization) -> Section:
    """Noise, saturation and range of every layer."""
    measured = [(layer.layer, layer.sqnr_db) for layer in quantization.layers if layer.sqnr_db is not None]
    advice = [f"{layer.layer}: {layer.advice}" for layer in quantization.layers if layer.advice]
    if quantization.not_measured:
        advice.insert(0, f"no ratios: {quantization.not_measured}")
    parts: list[Part] = [Lines((quantization.advice, *advice))]
    if measured:
        caption = "Signal to quantization noise after each layer, higher is better"
        bars = [Bar(name=name, value=max(ratio, 0.0), text=f"{ratio:.1f} dB", colour=3) for name, ratio in measured]
        parts.append(Plots((Plot(caption, bar_plot(bars, caption)),)))
    rows = tuple(
        (
            layer.layer,
            f"{layer.scale:.5g}",
            _decibels(layer.sqnr_db),
            _decibels(layer.own_sqnr_db),
            f"{100 * layer.saturated_share:.3f}",
            f"{100 * layer.range_used:.0f}",
            f"{100 * layer.channel_range_used:.0f}",
        )
        for layer in quantization.layers
    )
    heads = ("layer", "step", "SQNR dB", "own dB", "clipped %", "range used %", "per channel %")
    parts.append(Table(heads, rows, f"{quantization.clips} clips"))
    return Section("quantization", "Quantization", tuple(parts))


def _decibels(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}"
