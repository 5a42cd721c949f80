"""Detections at many settings from outputs that were computed once: sweeps, DET curves, the choice of a setting.

Equal to `kws_edge.detection.detect` on every input: the inferences at which some keyword reaches its threshold are few,
neighbours with the same candidate form a run, and the detector's state changes only at a run's beginning and end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.detection import NEVER, Detection, DetectorTables, detector_tables, end_sample, probabilities
from kws_edge.settings import to_mapping
from kws_edge.spec import SILENCE, UNKNOWN, DetectionSettings, FeatureSpec
from kws_edge.verification.detection import HeardWord, Judge, StreamOutcome


@dataclass(frozen=True)
class OperatingPoint:
    """One setting of the detector and what it makes of a stream."""

    settings: DetectionSettings
    outcome: StreamOutcome

    def to_json(self) -> dict[str, Any]:
        """Settings and outcome as plain JSON types."""
        return {"settings": to_mapping(self.settings), **self.outcome.to_json()}


@dataclass(frozen=True)
class DetPoint:
    """One point of a DET curve: what one threshold for all keywords gives."""

    threshold: float
    false_accepts_per_hour: float
    # 0 to 1
    false_reject_rate: float


class Sweep:
    """The outputs of one model on one stream, to be looked at through any detection settings.

    `logits` is int8[inferences, labels], made every `inference_stride_ms` as `settings` of every call must have it;
    `output_scale` is the real value of one of their steps.
    """

    def __init__(self, logits: npt.NDArray[np.int8], judge: Judge, spec: FeatureSpec, output_scale: float) -> None:
        self.judge = judge
        self._logits = logits
        self._spec = spec
        self._scale = output_scale
        self._probabilities: npt.NDArray[np.int64] | None = None
        self._sums = lru_cache(maxsize=2)(self._smoothed)

    def tables(self, settings: DetectionSettings) -> DetectorTables:
        """The integers of a detector with these settings."""
        return detector_tables(settings, self._spec, self.judge.truth.labels, self._scale)

    def detections(self, settings: DetectionSettings) -> list[Detection]:
        """What the detector makes of all outputs."""
        tables = self.tables(settings)
        if self._probabilities is None:
            self._probabilities = probabilities(self._logits, tables)
        return list(_detections(*self._sums(tables.smoothing_window), tables))

    def point(self, settings: DetectionSettings) -> OperatingPoint:
        """Settings and what they make of the stream."""
        heard = (
            HeardWord(found.label, end_sample(found.inference, settings, self._spec))
            for found in self.detections(settings)
        )
        return OperatingPoint(settings, self.judge.judge(heard))

    def curve(self, settings: DetectionSettings, thresholds: npt.NDArray[np.float64]) -> list[OperatingPoint]:
        """The points of `settings` with one threshold for all keywords, for each of `thresholds`."""
        return [
            self.point(dataclasses.replace(settings, threshold=float(threshold), thresholds={}))
            for threshold in thresholds
        ]

    def _smoothed(self, window: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Q15 probabilities summed over the last `window` inferences, int64[inferences, labels]; the best keyword's."""
        assert self._probabilities is not None
        running = np.cumsum(self._probabilities, axis=0)
        running[window:] -= running[:-window].copy()
        keywords = [label for label, word in enumerate(self.judge.truth.labels) if word not in (SILENCE, UNKNOWN)]
        return running, running[:, keywords].max(axis=1, initial=0)


def thresholds_between(low: float, high: float, count: int) -> npt.NDArray[np.float64]:
    """`count` thresholds from `low` to `high`, 0 to 1, closer together near 1, where a sure model's scores lie."""
    odds = np.log([low / (1 - low), high / (1 - high)])
    return np.round(1 / (1 + np.exp(-np.linspace(odds[0], odds[1], count))), 4)


def det_curve(points: list[OperatingPoint]) -> list[DetPoint]:
    """The points as a DET curve, those of streams without keywords left out."""
    return [
        DetPoint(point.settings.threshold, point.outcome.false_accepts_per_hour, rate)
        for point in points
        if (rate := point.outcome.false_reject_rate) is not None
    ]


def _detections(
    sums: npt.NDArray[np.int64], highest: npt.NDArray[np.int64], tables: DetectorTables
) -> Iterator[Detection]:
    starts, ends, labels = _runs(sums, highest, tables)
    # the inference from which the detector counts again, and the keyword that it waits to see gone
    resumed, held = 0, -1
    for start, end, label in zip(starts, ends, labels, strict=True):
        if label == held and start <= resumed:
            continue
        completed = max(start, resumed) + tables.minimum_count - 1
        if completed < end:
            yield Detection(label, int(sums[completed, label]) // tables.smoothing_window, completed)
            resumed, held = completed + 1 + tables.refractory, label


def _runs(
    sums: npt.NDArray[np.int64], highest: npt.NDArray[np.int64], tables: DetectorTables
) -> tuple[list[int], list[int], list[int]]:
    """Stretches of inferences with one candidate: first, one after the last, and its label."""
    thresholds = np.array(tables.threshold, np.int64)
    keywords = np.flatnonzero(thresholds != NEVER)
    least = thresholds[keywords] * tables.smoothing_window
    busy = np.flatnonzero(highest >= least.min(initial=NEVER * tables.smoothing_window))
    scores = sums[np.ix_(busy, keywords)]
    hits = np.where(scores >= least, scores, 0)
    candidate = hits.argmax(axis=1)
    some = hits[np.arange(len(busy)), candidate] > 0 if len(busy) else np.zeros(0, bool)
    busy, candidate = busy[some], keywords[candidate[some]]
    if len(busy) == 0:
        return [], [], []
    first = np.flatnonzero((np.diff(busy, prepend=-2) != 1) | (np.diff(candidate, prepend=-1) != 0))
    last = np.append(first[1:], len(busy)) - 1
    return busy[first].tolist(), (busy[last] + 1).tolist(), candidate[first].tolist()
