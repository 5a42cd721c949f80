"""Plots hold every number that they were given, and lie inside their frame."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_edge.bundle import HISTORY
from kws_edge.reports.report_accuracy import training_section
from kws_edge.reports.svg import WIDTH, Axis, Bar, Block, Series, bar_plot, heat_map, line_plot, memory_map


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


def rects(svg: str, kind: str) -> list[dict[str, float]]:
    return [
        {name: float(element.get(name, "0")) for name in ("x", "y", "width", "height")}
        for element in ElementTree.fromstring(svg).iter("rect")
        if kind in (element.get("class") or "").split()
    ]


def test_bars_are_as_long_as_their_values() -> None:
    svg = bar_plot([Bar(name="a", value=1, text="one"), Bar(name="b", value=4, text="four")], "t")
    short, long = rects(svg, "fill1")
    assert long["width"] == WIDTH
    assert short["width"] == WIDTH / 4
    assert texts(svg) == ["a", "one", "b", "four"]


def test_the_marks_of_bars_fit_too() -> None:
    svg = bar_plot([Bar(name="a", value=1, text="", mark=2)], "t")
    assert rects(svg, "fill1")[0]["width"] == WIDTH / 2
    (mark,) = ElementTree.fromstring(svg).iter("line")
    assert (mark.get("x1"), mark.get("x2")) == ("399", "399")


def test_logarithmic_bars_grow_evenly_with_the_ratio() -> None:
    bars = [Bar(name=str(value), value=value, text="") for value in (1.0, 10.0, 100.0)]
    widths = [rect["width"] for rect in rects(bar_plot(bars, "t", logarithmic=True), "fill1")]
    assert widths[2] - widths[1] == pytest.approx(widths[1] - widths[0], abs=0.2)
    assert widths[0] > 1.5


def test_names_are_text_and_never_markup() -> None:
    svg = bar_plot([Bar(name="<script>alert(1)</script>", value=1, text="&")], '"><script>')
    assert "<script" not in svg
    assert texts(svg) == ["<script>alert(1)</script>", "&"]


def test_no_bars_are_no_error() -> None:
    assert texts(bar_plot([], "t")) == []


finite = st.floats(-1e6, 1e6, allow_nan=False)


# drawing points is slow on a machine that trains beside it
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=30))
def test_every_point_lies_inside_the_frame(points: list[tuple[float, float]]) -> None:
    svg = line_plot([Series(name="s", points=tuple(sorted(points)))], Axis(title="x"), Axis(title="y"), "t")
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.get("viewBox", "").split())
    circles = list(root.iter("circle"))
    assert len(circles) == len(points)
    for circle in circles:
        assert 0 <= float(circle.get("cx", "-1")) <= width
        assert 0 <= float(circle.get("cy", "-1")) <= height
    assert not re.search(r"nan|inf", svg)


def test_a_training_that_diverged_on_the_way_is_drawn_without_those_epochs() -> None:
    history = "phase,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds\n"
    history += "float,1.5,0.5,1.2,0.6,3\nfloat,nan,0.1,inf,0.1,3\nfloat,nan,0.1,nan,0.1,3\n"
    section = training_section(SimpleNamespace(files={HISTORY: history.encode()}))
    loss, accuracy = (plot.svg for plot in section.parts[1].plots)
    assert (loss.count("<circle"), accuracy.count("<circle")) == (2, 6)
    assert not re.search(r"nan|inf", loss + accuracy)


def test_logarithmic_axes_name_their_decades() -> None:
    series = [Series(name="s", points=((0.5, 0.0), (200.0, 1.0)))]
    assert {"1", "10", "100"} <= set(texts(line_plot(series, Axis(title="x", logarithmic=True), Axis(title="y"), "t")))


def test_a_confusion_matrix_shows_every_count_and_the_share_as_colour() -> None:
    svg = heat_map(["a", "b"], [[9, 1], [0, 4]], "t")
    assert [text for text in texts(svg) if text.isdigit()] == ["9", "1", "4"]
    assert "a taken for b: 1 of 10" in svg
    opacities = [
        float(element.get("fill-opacity", "-1"))
        for element in ElementTree.fromstring(svg).iter("rect")
        if element.get("class") == "heat"
    ]
    assert opacities == pytest.approx([0.12 + 0.88 * math.sqrt(share) for share in (0.9, 0.1, 1.0)], abs=1e-3)


def test_memory_blocks_lie_where_they_lie() -> None:
    block = Block(name="x", offset_bytes=50, size_bytes=25, first_layer=1, last_layer=2)
    svg = memory_map(["l0", "l1", "l2"], [block], 100, "t")
    (drawn,) = rects(svg, "fill1")
    scale = (WIDTH - 130) / 100
    assert drawn["x"] == pytest.approx(128 + 50 * scale, abs=0.1)
    assert drawn["width"] == pytest.approx(25 * scale - 1, abs=0.1)
    assert (drawn["y"], drawn["height"]) == (20, 36)
    assert "x: 25 bytes at 50 to 75" in svg
