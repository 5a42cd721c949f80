"""Networks as pictures: accuracy over each cost, and those that nothing beats; of a sweep, or of the catalogue."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kws_edge.sweep.catalogue import Entry
from kws_edge.sweep.search import Result
from kws_edge.sweep.tables import described

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COSTS = (
    ("weight_bytes", "weights, bytes"),
    ("ram_bytes", "RAM of the network, bytes"),
    ("macs", "multiply-accumulates"),
)


@dataclass(frozen=True)
class Point:
    """One network in every panel whose cost is known."""

    family: str
    # share, 0 to 1
    accuracy: float
    # `weight_bytes`, `ram_bytes` and `macs`, as far as they are known
    costs: Mapping[str, int]
    # what a page shows of it under the pointer, a line each
    told: tuple[str, ...]
    # written beside it in a picture; empty for nothing
    label: str = ""
    # no other matches it in every respect
    outlined: bool = False


def sweep_points(results: Sequence[Result]) -> list[Point]:
    """What was trained in full, by its validation accuracy."""
    points = []
    for one in results:
        if one.dropped is not None or one.accuracy is None or one.price is None:
            continue
        told = (one.name, described(dict(one.options)), f"features: {described(dict(one.features))}")
        costs = {cost: getattr(one.price, cost) for cost, _ in _COSTS if getattr(one.price, cost) is not None}
        points.append(Point(one.arch, one.accuracy, costs, (*told, _told(costs)), outlined=one.pareto))
    return points


def catalogue_points(entries: Sequence[Entry]) -> list[Point]:
    """What was measured, by the int8 accuracy that it is known to reach; a preset on several front ends by the best."""
    best: dict[str, Point] = {}
    for entry in entries:
        price, measured = entry.price, entry.best
        if measured is None:
            continue
        costs = {cost: getattr(price, cost) for cost, _ in _COSTS if getattr(price, cost) is not None}
        told = (price.preset, f"{measured.data}; trainings: {measured.seeds}", measured.note, _told(costs))
        point = Point(price.arch, measured.int8_accuracy, costs, told, label=price.preset)
        if price.preset not in best or best[price.preset].accuracy < point.accuracy:
            best[price.preset] = point
    return list(best.values())


def accuracy_png(points: Sequence[Point], ordinate: str) -> bytes:
    """Accuracy over weights, RAM and MACs, a colour for each family, a line along the front of each cost.

    `ordinate` says which accuracy it is. Needs matplotlib.
    """
    stream = io.BytesIO()
    # without metadata, so that the same points give the same file
    accuracy_figure(points, ordinate).savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()


def accuracy_figure(points: Sequence[Point], ordinate: str) -> Figure:
    """What `accuracy_png` draws."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    named = any(point.label for point in points)
    figure = Figure(figsize=(14, 6 if named else 4.8), layout="constrained")
    panels = figure.subplots(1, len(_COSTS), sharey=True)
    for axes, (cost, label) in zip(panels, _COSTS, strict=True):
        for family, group in _families(points, cost).items():
            axes.plot([p.costs[cost] for p in group], [100 * p.accuracy for p in group], "o", label=family, alpha=0.8)
        front = _front(points, cost)
        axes.step([c for c, _ in front], [100 * a for _, a in front], where="post", color="black", linewidth=1)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
        if named:
            _name(axes, points, cost)
    panels[0].set_ylabel(ordinate)
    if points and not named:
        panels[0].legend()
    return figure


def _name(axes: Axes, points: Sequence[Point], cost: str) -> None:
    """Write the points' names beside them, on a scale on which the good ones, which lie close together, have room."""
    here = [point for point in points if cost in point.costs]
    if not here:
        return
    # the same part of the remaining error is the same length
    axes.set_yscale(
        "function", functions=(lambda y: -np.log(np.maximum(101 - y, 1e-3)), lambda z: 101 - np.exp(-np.asarray(z)))
    )
    reached = [100 * point.accuracy for point in points]
    axes.set_ylim(min(reached) - 2, min(100.5, max(reached) + 0.3))
    axes.margins(x=0.2)
    places = axes.transData.transform([(point.costs[cost], 100 * point.accuracy) for point in here])
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in places]  # pixels: left, lower, right and upper edge
    for (x, y), point in sorted(zip(places, here, strict=True), key=lambda one: float(one[0][1])):
        width, height = 6 * len(point.label), 12
        corners = [(x + 5, y - 14), (x + 5, y + 4), (x - 5 - width, y + 4), (x - 5 - width, y - 14)]
        boxes = [(left, lower, left + width, lower + height) for left, lower in corners]
        best = min(boxes, key=lambda box: sum(_overlap(box, other) for other in taken))
        taken.append(best)
        axes.annotate(
            point.label,
            (point.costs[cost], 100 * point.accuracy),
            ((best[0] - x) * 0.72, (best[1] - y) * 0.72),  # points, of which an inch has 72, and 100 pixels
            textcoords="offset points",
            fontsize=8,
        )


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Area that two boxes share, each left, lower, right and upper edge."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)


def accuracy_html(points: Sequence[Point], ordinate: str, title: str) -> str:
    """The same as a page that needs nothing else: each point says what it is. Needs plotly."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=len(_COSTS), shared_yaxes=True)
    colours = {family: number for number, family in enumerate(dict.fromkeys(one.family for one in points))}
    for column, (cost, label) in enumerate(_COSTS, start=1):
        for family, group in _families(points, cost).items():
            figure.add_scatter(
                x=[point.costs[cost] for point in group],
                y=[100 * point.accuracy for point in group],
                text=["<br>".join(point.told) for point in group],
                hovertemplate="%{y:.2f} %<br>%{text}<extra></extra>",
                mode="markers",
                marker={
                    "size": [12 if point.outlined else 8 for point in group],
                    "color": f"hsl({(colours[family] * 137) % 360}, 65%, 45%)",
                    "line": {"width": [2 if point.outlined else 0 for point in group], "color": "black"},
                },
                name=family,
                legendgroup=family,
                showlegend=column == 1,
                row=1,
                col=column,
            )
        front = _front(points, cost)
        figure.add_scatter(
            x=[c for c, _ in front],
            y=[100 * a for _, a in front],
            mode="lines",
            line={"shape": "hv", "color": "black", "width": 1},
            hoverinfo="skip",
            showlegend=False,
            row=1,
            col=column,
        )
        figure.update_xaxes(type="log", title_text=label, row=1, col=column)
    figure.update_yaxes(title_text=ordinate, row=1, col=1)
    figure.update_layout(title=title, hovermode="closest")
    return str(figure.to_html(include_plotlyjs=True, full_html=True))


def _families(points: Sequence[Point], cost: str) -> dict[str, list[Point]]:
    """Family to its points that have that cost."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        if cost in point.costs:
            groups.setdefault(point.family, []).append(point)
    return groups


def _front(points: Sequence[Point], cost: str) -> list[tuple[int, float]]:
    """(cost, accuracy) of what is better than all that costs no more, cheapest first."""
    front: list[tuple[int, float]] = []
    for value, negative in sorted((p.costs[cost], -p.accuracy) for p in points if cost in p.costs):
        if not front or -negative > front[-1][1]:
            front.append((value, -negative))
    return front


def _told(costs: Mapping[str, int]) -> str:
    ram = f"{costs['ram_bytes']:,}" if "ram_bytes" in costs else "unknown"
    return f"weights {costs['weight_bytes']:,} B, RAM {ram} B, {costs['macs']:,} MACs"
