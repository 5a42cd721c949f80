"""Plots as inline SVG: no library on the page, none to install, colours from the page's style, light and dark.

Every plot is 400 units wide, so that its text stays readable on a phone, and every mark has a <title> that says its
numbers to who points at it, or has it read out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

WIDTH = 400.0
_TEXT_LEFT = 46.0
_ROW = 34.0


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar of a bar plot."""

    name: str
    value: float
    # the value for people
    text: str
    # a mark further out, such as a 95th percentile; None for none
    mark: float | None = None
    # one of the page's colours: 1 to 3
    colour: int = 1


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a line plot."""

    name: str
    # finite, x ascending
    points: tuple[tuple[float, float], ...]
    # drawn as steps, as empirical curves are
    steps: bool = False
    # drawn as points alone
    dots: bool = False


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a line plot."""

    title: str
    logarithmic: bool = False
    # ends; None takes those of the points
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Block:
    """A rectangle in a map of memory over layers."""

    name: str
    offset_bytes: int
    size_bytes: int
    first_layer: int
    last_layer: int
    colour: int = 1


def bar_plot(bars: Sequence[Bar], title: str, *, logarithmic: bool = False) -> str:
    """Horizontal bars, each under its name; `title` is for who cannot see it. Values are not negative.

    `logarithmic` bars begin at half of the smallest value, and are for values above 0 alone.
    """
    root = _svg(_ROW * len(bars) + 4, title)
    ends = [value for bar in bars for value in (bar.value, bar.mark) if value is not None]
    low = min(ends, default=1.0) / 2 if logarithmic else 0.0
    axis = Axis(title="", logarithmic=logarithmic, low=low, high=max(ends, default=0.0) or 1.0)
    along = _Scale(axis, ends, 0.0, WIDTH)
    for number, bar in enumerate(bars):
        top = _ROW * number
        group = _add(root, "g")
        _add(group, "title", text=f"{bar.name}: {bar.text}")
        _text(group, 0, top + 12, bar.name)
        _text(group, WIDTH, top + 12, bar.text, anchor="end", kind="value")
        _add(group, "rect", x=0, y=top + 17, width=WIDTH, height=11, rx=3, kind="track")
        _add(
            group, "rect", x=0, y=top + 17, width=max(along(bar.value), 1.5), height=11, rx=3, kind=f"fill{bar.colour}"
        )
        if bar.mark is not None:
            place = min(along(bar.mark), WIDTH - 1)
            _add(group, "line", x1=place, x2=place, y1=top + 15, y2=top + 30, kind="mark")
    return _written(root)


def line_plot(
    series: Sequence[Series], x: Axis, y: Axis, title: str, *, borders: Sequence[tuple[float, str]] = ()
) -> str:
    """Lines over two axes with a legend; `borders` are vertical lines with a word beside each."""
    legend = 18.0 * math.ceil(len(series) / 2)
    top = legend + 24.0
    bottom = top + 190.0
    root = _svg(bottom + 42, title)
    points = [point for one in series for point in one.points]
    across = _Scale(x, [a for a, _ in points], _TEXT_LEFT, WIDTH - 8)
    up = _Scale(y, [b for _, b in points], bottom, top)
    for value, text in up.ticks:
        _add(root, "line", x1=_TEXT_LEFT, x2=WIDTH - 8, y1=up(value), y2=up(value), kind="grid")
        _text(root, _TEXT_LEFT - 5, up(value) + 4, text, anchor="end", kind="tick")
    for value, text in across.ticks:
        _add(root, "line", x1=across(value), x2=across(value), y1=top, y2=bottom, kind="grid")
        _text(root, across(value), bottom + 15, text, anchor="middle", kind="tick")
    _text(root, (_TEXT_LEFT + WIDTH) / 2, bottom + 34, x.title, anchor="middle", kind="tick")
    _text(root, 0, top - 10, y.title, kind="tick")
    for place, word in borders:
        _add(root, "line", x1=across(place), x2=across(place), y1=top, y2=bottom, kind="border")
        _text(root, across(place) - 4, bottom - 6, word, anchor="end", kind="tick")
    for number, one in enumerate(series):
        colour = 1 + number % 3
        placed = [(across(a), up(b)) for a, b in one.points]
        group = _add(root, "g")
        _add(group, "title", text=one.name)
        if not one.dots:
            path = _path(placed, steps=one.steps)
            _add(group, "path", d=path, kind=f"line{colour}" + (" dashed" if number >= 2 else ""))
        for (left, above), (a, b) in zip(placed, one.points, strict=True):
            dot = _add(group, "circle", cx=left, cy=above, r=4.5 if one.dots else 3, kind=f"dot{colour}")
            if not one.dots:
                dot.set("class", "hit")
            _add(dot, "title", text=f"{one.name}: {x.title} {a:.4g}, {y.title} {b:.4g}")
        column, row = number % 2, number // 2
        left = _TEXT_LEFT + 170.0 * column
        _add(root, "rect", x=left, y=18.0 * row, width=14, height=10, rx=2, kind=f"fill{colour}")
        _text(root, left + 20, 18.0 * row + 9, one.name, kind="tick")
    return _written(root)


def heat_map(labels: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> str:
    """A confusion matrix: true labels down, predicted labels across, colour by share of the true label's clips."""
    left, top, cell = 62.0, 58.0, (WIDTH - 92.0) / max(len(labels), 1)
    root = _svg(top + cell * len(labels) + 2, title)
    for number, label in enumerate(labels):
        _text(root, left - 5, top + cell * (number + 0.5) + 4, label, anchor="end", kind="tick")
        place = left + cell * (number + 0.5)
        turned = _text(root, place + 4, top - 5, label, kind="tick")
        turned.set("transform", f"rotate(-60 {place + 4:.1f} {top - 5:.1f})")
    for row, numbers in enumerate(counts):
        total = sum(numbers)
        for column, count in enumerate(numbers):
            share = count / total if total else 0.0
            x, y = left + cell * column, top + cell * row
            group = _add(root, "g")
            _add(group, "title", text=f"{labels[row]} taken for {labels[column]}: {count} of {total}")
            _add(group, "rect", x=x, y=y, width=cell - 1, height=cell - 1, kind="track")
            if count:
                rect = _add(group, "rect", x=x, y=y, width=cell - 1, height=cell - 1, kind="heat")
                # the root spreads the few mistakes, which are what one looks for
                rect.set("fill-opacity", f"{0.12 + 0.88 * math.sqrt(share):.3f}")
            if count and cell >= 18:
                kind = "inside" if share > 0.4 else "small"
                _text(group, x + cell / 2 - 0.5, y + cell / 2 + 3, str(count), anchor="middle", kind=kind)
    return _written(root)


def memory_map(layers: Sequence[str], blocks: Sequence[Block], arena_bytes: int, title: str) -> str:
    """What lies where in an arena (across) while each layer runs (down)."""
    left, row = 128.0, 19.0
    root = _svg(row * len(layers) + 40, title)
    scale = (WIDTH - left - 2) / max(arena_bytes, 1)
    for number, layer in enumerate(layers):
        _text(root, left - 6, row * number + 13, _short(layer), anchor="end", kind="tick")
        _add(root, "line", x1=left, x2=WIDTH, y1=row * (number + 1), y2=row * (number + 1), kind="grid")
    for block in blocks:
        group = _add(root, "g")
        span = f"{block.offset_bytes:,} to {block.offset_bytes + block.size_bytes:,}"
        _add(group, "title", text=f"{block.name}: {block.size_bytes:,} bytes at {span}")
        height = row * (block.last_layer - block.first_layer + 1) - 2
        x, y = left + scale * block.offset_bytes, row * block.first_layer + 1
        width = max(scale * block.size_bytes - 1, 1)
        _add(group, "rect", x=x, y=y, width=width, height=height, rx=2, kind=f"fill{block.colour} see")
    for value, text in ((0, "0"), (arena_bytes, f"{arena_bytes:,} bytes")):
        anchor = "start" if value == 0 else "end"
        _text(root, left + scale * value, row * len(layers) + 16, text, anchor=anchor, kind="tick")
    return _written(root)


class _Scale:
    """From values to places on the page."""

    def __init__(self, axis: Axis, values: Sequence[float], start: float, end: float) -> None:
        self._log = axis.logarithmic
        low = axis.low if axis.low is not None else min(values, default=0.0)
        high = axis.high if axis.high is not None else max(values, default=1.0)
        if high <= low:
            low, high = (low / 2, low * 2) if self._log and low > 0 else (low - 0.5, low + 0.5)
        self._low, self._high = self._number(low), self._number(high)
        self._start, self._end = start, end
        self.ticks = [(tick, f"{tick:g}") for tick in (_decades(low, high) if self._log else _steps(low, high))]

    def __call__(self, value: float) -> float:
        part = (self._number(value) - self._low) / (self._high - self._low)
        return self._start + (self._end - self._start) * min(max(part, 0.0), 1.0)

    def _number(self, value: float) -> float:
        return math.log10(max(value, 1e-12)) if self._log else value


def _steps(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, some five."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(step * number, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    found = [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    if len(found) >= 3:
        return found
    every = (base * 10.0**power for power in range(math.floor(math.log10(low)), 7) for base in (1, 2, 5))
    return [value for value in every if low <= value <= high]


def _path(points: Sequence[tuple[float, float]], *, steps: bool) -> str:
    parts: list[str] = []
    for number, (left, above) in enumerate(points):
        if steps and number:
            parts.append(f"H{left:.1f}")
            parts.append(f"V{above:.1f}")
        else:
            parts.append(f"{'L' if number else 'M'}{left:.1f} {above:.1f}")
    return "".join(parts)


def _short(name: str) -> str:
    return name if len(name) <= 19 else f"{name[:18]}…"


def _svg(height: float, title: str) -> ElementTree.Element:
    root = ElementTree.Element("svg", viewBox=f"0 0 {WIDTH:g} {height:g}", role="img")
    root.set("aria-label", title)
    root.set("class", "plot")
    return root


def _add(
    parent: ElementTree.Element, tag: str, *, kind: str = "", text: str = "", **attributes: float | str
) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag)
    if kind:
        child.set("class", kind)
    for name, value in attributes.items():
        child.set(name, value if isinstance(value, str) else f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}")
    child.text = text or None
    return child


def _text(
    parent: ElementTree.Element, x: float, y: float, text: str, *, anchor: str = "start", kind: str = "name"
) -> ElementTree.Element:
    child = _add(parent, "text", kind=kind, text=text, x=x, y=y)
    child.set("text-anchor", anchor)
    return child


def _written(root: ElementTree.Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")
