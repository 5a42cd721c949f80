"""A sweep as pictures: accuracy over each cost, and the candidates that nothing beats."""

from __future__ import annotations

import io
from collections.abc import Sequence

from kws_edge.sweep.search import Result
from kws_edge.sweep.tables import described

_COSTS = (("weight_bytes", "weights, bytes"), ("ram_bytes", "RAM, bytes"), ("macs", "multiply-accumulates"))


def pareto_png(results: Sequence[Result]) -> bytes:
    """Validation accuracy over weights, RAM and MACs, a colour for each family, a line along the front of each cost.

    Needs matplotlib.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(14, 4.8), layout="constrained")
    panels = figure.subplots(1, len(_COSTS), sharey=True)
    for axes, (cost, label) in zip(panels, _COSTS, strict=True):
        for arch, group in _families(results, cost).items():
            axes.plot([c for c, _, _ in group], [100 * a for _, a, _ in group], "o", label=arch, alpha=0.8)
        front = _front(results, cost)
        axes.step([c for c, _ in front], [100 * a for _, a in front], where="post", color="black", linewidth=1)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("validation accuracy, %")
    if panels[0].lines[1:]:  # one is the front
        panels[0].legend()
    stream = io.BytesIO()
    # without metadata, so that the same sweep gives the same file
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()


def pareto_html(results: Sequence[Result]) -> str:
    """The same as a page that needs nothing else: each point says what it is. Needs plotly."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=len(_COSTS), shared_yaxes=True)
    colours = {arch: number for number, arch in enumerate(dict.fromkeys(one.arch for one in results))}
    for column, (cost, label) in enumerate(_COSTS, start=1):
        for arch, group in _families(results, cost).items():
            figure.add_scatter(
                x=[c for c, _, _ in group],
                y=[100 * a for _, a, _ in group],
                text=[_told(one) for _, _, one in group],
                hovertemplate="%{y:.2f} %<br>%{text}<extra></extra>",
                mode="markers",
                marker={
                    "size": [12 if one.pareto else 8 for _, _, one in group],
                    "color": f"hsl({(colours[arch] * 137) % 360}, 65%, 45%)",
                    "line": {"width": [2 if one.pareto else 0 for _, _, one in group], "color": "black"},
                },
                name=arch,
                legendgroup=arch,
                showlegend=column == 1,
                row=1,
                col=column,
            )
        front = _front(results, cost)
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
    figure.update_yaxes(title_text="validation accuracy, %", row=1, col=1)
    figure.update_layout(
        title="kws-edge sweep: outlined points are beaten by none in every respect", hovermode="closest"
    )
    return str(figure.to_html(include_plotlyjs=True, full_html=True))


def _families(results: Sequence[Result], cost: str) -> dict[str, list[tuple[int, float, Result]]]:
    """Family to (cost, accuracy, result) of what was trained in full and has that cost."""
    groups: dict[str, list[tuple[int, float, Result]]] = {}
    for one in results:
        value = None if one.price is None else getattr(one.price, cost)
        if one.dropped is None and one.accuracy is not None and value is not None:
            groups.setdefault(one.arch, []).append((value, one.accuracy, one))
    return groups


def _front(results: Sequence[Result], cost: str) -> list[tuple[int, float]]:
    """(cost, accuracy) of what is better than all that costs no more, cheapest first."""
    points = sorted((c, -a) for group in _families(results, cost).values() for c, a, _ in group)
    front: list[tuple[int, float]] = []
    for value, negative in points:
        if not front or -negative > front[-1][1]:
            front.append((value, -negative))
    return front


def _told(result: Result) -> str:
    price = result.price
    assert price is not None
    ram = "unknown" if price.ram_bytes is None else f"{price.ram_bytes:,}"
    lines = [
        result.name,
        described(dict(result.options)),
        f"features: {described(dict(result.features))}",
        f"weights {price.weight_bytes:,} B, RAM {ram} B, {price.macs:,} MACs",
    ]
    return "<br>".join(lines)
