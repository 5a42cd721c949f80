"""What a detector made of a stream, as text and as a DET plot."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from tabulate import tabulate

from kws_edge.spec import DetectionSettings
from kws_edge.verification.detection import StreamOutcome
from kws_edge.verification.operating_points import DetPoint, OperatingPoint
from kws_edge.verification.stream_verification import StreamVerification


def outcome_text(outcome: StreamOutcome) -> str:
    """Totals, one row per keyword, one per kind of scene, and the latency."""
    rows = [
        [
            word,
            keyword.spoken,
            keyword.hits,
            keyword.misses,
            _percent(keyword.false_reject_rate),
            keyword.duplicates,
            keyword.false_accepts,
            f"{keyword.false_accepts_per_hour:.2f}",
        ]
        for word, keyword in [*outcome.keywords.items(), ("all", outcome.total)]
    ]
    headers = ["keyword", "spoken", "hits", "misses", "miss %", "duplicates", "false accepts", "per hour"]
    scenes = [
        [kind, f"{scene.hours:.2f}", scene.false_accepts, f"{scene.false_accepts_per_hour:.2f}"]
        for kind, scene in outcome.scenes.items()
    ]
    return "\n\n".join(
        [
            tabulate(rows, headers=headers, disable_numparse=True),
            tabulate(scenes, headers=["scene", "hours", "false accepts", "per hour"], disable_numparse=True),
            latency_text(outcome),
        ]
    )


def stream_text(verification: StreamVerification) -> str:
    """The whole report for people."""
    outcome, firmware = verification.outcome, verification.firmware_detections
    said = (
        f"{outcome.total.hours:.2f} h of stream made of the {outcome.split} split, "
        f"{verification.inferences:,} inferences by {verification.interpreter}, "
        f"{verification.audited:,} of them by the oracle too\n"
        f"{settings_text(verification.point.settings)}"
    )
    if firmware is not None and not verification.differences:
        said += f"\nthe compiled spotter heard the same: {firmware} detections, every output equal"
    return "\n\n".join([said, outcome_text(outcome)])


def latency_text(outcome: StreamOutcome) -> str:
    """From the end of a word to its detection."""
    if outcome.latency_p50_ms is None:
        return "nothing was hit, so there is no latency"
    return (
        f"from the end of a word to its detection: {outcome.latency_p50_ms:.0f} ms (half of the hits), "
        f"{outcome.latency_p95_ms:.0f} ms (95 %)"
    )


def settings_text(settings: DetectionSettings) -> str:
    """Detection settings on one line."""
    own = "".join(f", {word} {threshold:g}" for word, threshold in settings.thresholds.items())
    return (
        f"an inference every {settings.inference_stride_ms:g} ms, smoothing {settings.smoothing_window}, "
        f"threshold {settings.threshold:g}{own}, "
        f"minimum count {settings.minimum_count}, refractory {settings.refractory_ms} ms"
    )


def points_table(points: Mapping[str, OperatingPoint]) -> str:
    """One row per operating point, under the name that it has here."""
    rows = [
        [
            name,
            f"{outcome.false_accepts_per_hour:.2f}",
            "{:.1f} to {:.1f}".format(*outcome.total.false_accepts_per_hour_range),
            _percent(outcome.false_reject_rate),
            outcome.total.duplicates,
            "" if outcome.latency_p50_ms is None else f"{outcome.latency_p50_ms:.0f} / {outcome.latency_p95_ms:.0f}",
            *(f"{scene.false_accepts_per_hour:.1f}" for scene in outcome.scenes.values()),
        ]
        for name, point in points.items()
        for outcome in [point.outcome]
    ]
    kinds = next(iter(points.values())).outcome.scenes if points else {}
    headers = [
        "",
        "false accepts/h",
        "95 %",
        "miss %",
        "duplicates",
        "latency ms p50 / p95",
        *(f"in {kind}" for kind in kinds),
    ]
    return tabulate(rows, headers=headers, disable_numparse=True)


def det_png(curves: Mapping[str, Sequence[DetPoint]], points: Mapping[str, OperatingPoint], title: str) -> bytes:
    """A PNG of DET curves (miss rate over false accepts per hour, logarithmic) with operating points on them.

    Needs matplotlib. No false accept at all is drawn at the left edge.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    rates = [point.false_accepts_per_hour for curve in curves.values() for point in curve]
    left = min((rate for rate in rates if rate > 0), default=0.1) / 2
    for name, curve in curves.items():
        places = [max(point.false_accepts_per_hour, left) for point in curve]
        axes.step(places, [100 * point.false_reject_rate for point in curve], where="pre", label=name, linewidth=1.4)
    for name, point in points.items():
        rate = point.outcome.false_reject_rate
        if rate is not None:
            axes.plot(max(point.outcome.false_accepts_per_hour, left), 100 * rate, "o", markersize=5, label=name)
    axes.set_xscale("log")
    axes.set_ylim(0, 100)
    axes.set_xlabel("false accepts per hour")
    axes.set_ylabel("missed keywords, %")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3, which="both", linewidth=0.5)
    axes.legend(fontsize=8)
    stream = io.BytesIO()
    # without metadata, so that the same measurement gives the same file
    figure.savefig(stream, format="png", dpi=100, metadata={"Software": None})
    return stream.getvalue()


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
