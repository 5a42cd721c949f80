"""Memory over the layers and where the time goes, as pictures. Needs matplotlib."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from kws_edge.verification.layers import LayerCosts

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_TENSOR, _SCRATCH, _ALIVE, _ARENA = "#4878a8", "#e0a458", "#a33b20", "#444444"


def memory_png(costs: LayerCosts, title: str) -> bytes:
    """A PNG of engine aot's arena while each layer runs, beside what is alive and TFLM's arena."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    names = [layer.name for layer in costs.layers]
    figure = Figure(figsize=(max(6.0, 0.55 * len(names) + 2), 4.8), layout="constrained")
    axes = figure.add_subplot()
    for block in costs.aot_blocks:
        colour = _SCRATCH if block.name.endswith(" scratch") else _TENSOR
        width = block.last_layer - block.first_layer + 1
        place = (block.first_layer - 0.5, block.offset_bytes)
        axes.add_patch(Rectangle(place, width, block.size_bytes, facecolor=colour, edgecolor="white", alpha=0.75))
    handles: list[Artist] = [Patch(color=_TENSOR, label="aot: tensor"), Patch(color=_SCRATCH, label="aot: scratch")]
    edges = [number - 0.5 for number in range(len(names) + 1)]
    alive = [layer.live_bytes for layer in costs.layers]
    handles.append(axes.stairs(alive, edges, color=_ALIVE, label="alive, if nothing overlapped"))
    arenas = [("aot's arena", costs.aot_arena_bytes, ":")]
    if costs.tflm_arena is not None:
        arenas.append(("TFLM's arena", costs.tflm_arena.head_bytes + costs.tflm_arena.tail_bytes, "--"))
    for label, size, style in arenas:
        handles.append(axes.axhline(size, color=_ARENA, linestyle=style, label=f"{label}: {size:,} bytes"))
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(0, 1.08 * max(size for _, size, _ in arenas))
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_ylabel("bytes")
    axes.set_title(title)
    figure.legend(handles=handles, fontsize=8, ncols=3, loc="outside lower center")
    return _png(figure)


def time_png(costs: LayerCosts, title: str) -> bytes:
    """A PNG of each layer's instructions, or of its multiply-accumulates where none were counted."""
    from matplotlib.figure import Figure

    layers = [layer for layer in costs.layers if layer.instructions or layer.macs]
    counted = costs.not_counted is None
    values = [(layer.instructions or 0) if counted else layer.macs for layer in layers]
    total = max(sum(values), 1)
    figure = Figure(figsize=(7.0, max(2.4, 0.32 * len(layers) + 1.2)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh([layer.name for layer in layers], values, color=_TENSOR)
    axes.bar_label(bars, [f"{100 * value / total:.1f} %" for value in values], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    unit = f"instructions on {costs.core}" if counted else "multiply-accumulates"
    axes.set_xlabel(f"{unit}, {total:,} in all")
    axes.set_title(title)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    # without metadata, so that the same measurement gives the same file
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()
