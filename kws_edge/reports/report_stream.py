"""The report's page on a long stream: hits, misses, false accepts, the DET curve."""

from __future__ import annotations

from kws_edge.reports.detection import latency_text, settings_text
from kws_edge.reports.page import Lines, Part, Plot, Plots, Section, Table
from kws_edge.reports.svg import Axis, Series, line_plot
from kws_edge.verification.stream_verification import StreamVerification


def stream_section(heard: StreamVerification | None) -> Section:
    """What the detector made of a stream; no section without one."""
    if heard is None:
        return Section("stream", "Stream", ())
    outcome, firmware = heard.outcome, heard.firmware_detections
    lines = [
        f"{outcome.total.hours:.2f} h of stream made of the {outcome.split} split, {heard.inferences:,} inferences by "
        f"{heard.interpreter}",
        settings_text(heard.point.settings),
        latency_text(outcome),
        *heard.differences,
    ]
    if firmware is not None and not heard.differences:
        lines.append(f"the compiled spotter heard the same: {firmware} detections, every output equal")
    parts: list[Part] = [Lines(tuple(lines))]
    if heard.det:
        parts.append(Plots((_det(heard),)))
    words = [*outcome.keywords.items(), ("all", outcome.total)]
    rows = tuple(
        (
            word,
            *map(str, (one.spoken, one.hits, one.misses)),
            "" if one.false_reject_rate is None else f"{100 * one.false_reject_rate:.1f}",
            *map(str, (one.duplicates, one.false_accepts)),
            f"{one.false_accepts_per_hour:.2f}",
        )
        for word, one in words
    )
    heads = ("keyword", "spoken", "hits", "misses", "miss %", "duplicates", "false accepts", "an hour")
    scenes = tuple(
        (kind, f"{one.hours:.2f}", str(one.false_accepts), f"{one.false_accepts_per_hour:.2f}")
        for kind, one in outcome.scenes.items()
    )
    parts += [Table(heads, rows), Table(("scene", "hours", "false accepts", "an hour"), scenes)]
    return Section("stream", "Stream", tuple(parts))


def _det(heard: StreamVerification) -> Plot:
    """Miss rate over false accepts an hour; a rate of 0 is drawn at the left edge."""
    rates = [point.false_accepts_per_hour for point in heard.det if point.false_accepts_per_hour > 0]
    left = min(rates, default=0.1) / 2
    best: dict[float, float] = {}
    for point in heard.det:
        place = max(point.false_accepts_per_hour, left)
        best[place] = min(100 * point.false_reject_rate, best.get(place, 100.0))
    series = [Series(name="one threshold for all", points=tuple(sorted(best.items())), steps=True)]
    own = heard.outcome
    if own.false_reject_rate is not None:
        own_point = (max(own.false_accepts_per_hour, left), 100 * own.false_reject_rate)
        series.append(Series(name="the bundle's setting", points=(own_point,), dots=True))
    caption = "DET curve: missed keywords over false accepts an hour; the left edge is none at all"
    x = Axis(title="false accepts an hour", logarithmic=True, low=left)
    return Plot(caption, line_plot(series, x, Axis(title="missed, %", low=0, high=100), caption))
