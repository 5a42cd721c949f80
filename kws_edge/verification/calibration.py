"""The detector's settings for a target: at most so many false accepts an hour, and then as few misses as can be.

Every smoothing window and minimum count of a grid is tried with every threshold of a grid; then, where wanted, each
keyword gets a threshold of its own, and longer refractory times are tried. What is chosen was measured whole, by the
detections themselves, on the stream that is given: a validation stream. A testing stream says what it is worth.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kws_edge.errors import SettingsError
from kws_edge.spec import SILENCE, UNKNOWN, DetectionSettings
from kws_edge.verification.operating_points import OperatingPoint, Sweep, thresholds_between

# Inferences: a word of half a second is seen whole in some six of a one-second clip's, at ten a second.
SMOOTHING_WINDOWS = (1, 2, 3, 4, 6, 8)
MINIMUM_COUNTS = (1, 2, 3, 4, 5, 6, 7, 8)
# Milliseconds. A word has left the clip a second after its end: the first hears the next word soonest, the others are
# for words that flicker and are reported twice.
REFRACTORY_MS = (400, 700, 1000)
THRESHOLDS = thresholds_between(0.2, 0.998, 36)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the settings have to reach on the stream that they are chosen on."""

    # at most, of all keywords together, per hour of stream
    false_accepts_per_hour: float
    # at most, 0 to 1: a detector that never wakes accepts nothing falsely and is of no use
    false_reject_rate: float = 0.5
    # a threshold for each keyword
    per_keyword: bool = False

    def __post_init__(self) -> None:
        if self.false_accepts_per_hour < 0 or not math.isfinite(self.false_accepts_per_hour):
            raise SettingsError(f"false accepts per hour = {self.false_accepts_per_hour}; use 0 or more")
        if not 0 < self.false_reject_rate <= 1:
            raise SettingsError(f"false reject rate = {self.false_reject_rate}; use above 0 to 1")

    def check_hours(self, hours: float) -> None:
        """Raise SettingsError if so many hours of stream are too few to tell the false accepts allowed from none."""
        if 0 < self.false_accepts_per_hour * hours < 1:
            raise SettingsError(
                f"{hours:g} h cannot tell {self.false_accepts_per_hour:g} false accepts an hour from none; "
                f"make the stream {1 / self.false_accepts_per_hour:g} hours or longer"
            )

    def met_by(self, point: OperatingPoint) -> bool:
        """Whether a point reaches the target."""
        rate = point.outcome.false_reject_rate
        within = point.outcome.false_accepts_per_hour <= self.false_accepts_per_hour
        return within and rate is not None and rate <= self.false_reject_rate


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What the search found for one target."""

    target: Target
    # the best point that meets the target, or None
    chosen: OperatingPoint | None
    # the point nearest to the target: `chosen`, or else the fewest misses within the false accepts allowed, or the
    # fewest false accepts of all
    nearest: OperatingPoint


def calibrate(
    sweep: Sweep,
    base: DetectionSettings,
    targets: Sequence[Target],
    *,
    smoothing_windows: Sequence[int] = SMOOTHING_WINDOWS,
    minimum_counts: Sequence[int] = MINIMUM_COUNTS,
    progress: Progress | None = None,
) -> list[Calibration]:
    """The settings for each target, all of them with the inference stride of `base`, with which `sweep` was made.

    `progress(done, total)` counts pairs of a smoothing window and a minimum count.
    Raises SettingsError for a stream that is too short for a target: in H hours, 1/H an hour is the least that can be
    told from none; and for a stream without keywords.
    """
    truth = sweep.judge.truth
    if not any(truth.labels[word.label] not in (SILENCE, UNKNOWN) for word in truth.words):
        raise SettingsError("the stream holds no keywords, so misses cannot be counted")
    for target in targets:
        target.check_hours(truth.hours)
    shapes = [
        dataclasses.replace(
            base, smoothing_window=window, minimum_count=count, refractory_ms=REFRACTORY_MS[0], thresholds={}
        )
        for window in smoothing_windows
        for count in minimum_counts
    ]
    points: list[OperatingPoint] = []
    for number, shape in enumerate(shapes, 1):
        points += sweep.curve(shape, THRESHOLDS)
        if progress is not None:
            progress(number, len(shapes))
    return [_choose(sweep, points, target) for target in targets]


def _choose(sweep: Sweep, points: Sequence[OperatingPoint], target: Target) -> Calibration:
    within = [point for point in points if point.outcome.false_accepts_per_hour <= target.false_accepts_per_hour]
    if not within:
        return Calibration(target=target, chosen=None, nearest=min(points, key=_fewest_false_accepts))
    best = min(within, key=_fewest_misses)
    if target.per_keyword:
        best = _own_thresholds(sweep, points, best, target)
    quieter = [sweep.point(dataclasses.replace(best.settings, refractory_ms=time)) for time in REFRACTORY_MS[1:]]
    best = min([best, *(point for point in quieter if target.met_by(point))], key=_fewest_misses)
    return Calibration(target=target, chosen=best if target.met_by(best) else None, nearest=best)


def _fewest_misses(point: OperatingPoint) -> tuple[float, ...]:
    """Order of preference within a target: a duplicate is as bad as a miss; of equals, the quicker detector."""
    total = point.outcome.total
    return total.misses + total.duplicates, total.false_accepts, point.outcome.latency_p50_ms or 0.0


def _fewest_false_accepts(point: OperatingPoint) -> tuple[float, ...]:
    return point.outcome.total.false_accepts, point.outcome.total.misses


def _own_thresholds(
    sweep: Sweep, points: Sequence[OperatingPoint], best: OperatingPoint, target: Target
) -> OperatingPoint:
    """`best` with a threshold for each keyword, the fewest misses that the target's false accepts can buy.

    With every price for a false accept, in misses, each keyword takes the threshold at which its own misses and false
    accepts cost least; of the settings so found, the best that was measured to meet the target is returned.
    """
    shape = dataclasses.replace(best.settings, threshold=0.5, thresholds={})
    curve = [p for p in points if dataclasses.replace(p.settings, threshold=0.5, thresholds={}) == shape]
    words = list(best.outcome.keywords)
    misses = np.array([[point.outcome.keywords[word].misses for word in words] for point in curve])
    false_accepts = np.array([[point.outcome.keywords[word].false_accepts for word in words] for point in curve])
    found = [best]
    seen: set[tuple[float, ...]] = set()
    for price in np.geomspace(0.05, 50, 40):
        cheapest = (misses + price * false_accepts).argmin(axis=0)
        own = tuple(curve[place].settings.threshold for place in cheapest)
        if own in seen:
            continue
        seen.add(own)
        settings = dataclasses.replace(best.settings, thresholds=dict(zip(words, own, strict=True)))
        point = sweep.point(settings)
        if point.outcome.false_accepts_per_hour <= target.false_accepts_per_hour:
            found.append(point)
    return min(found, key=_fewest_misses)
