"""From rows of model outputs to detections, in integers: the twin of `firmware_export/core/kws_detector.c`.

For every inference:

1. The int8 logits become probabilities in Q15 by a softmax over a table of exponentials.
2. Each label's probability is averaged over the last `smoothing_window` inferences (those before the first count as
   0), the posterior smoothing of Chen, Parada and Heigold, "Small-footprint keyword spotting using deep neural
   networks" (ICASSP 2014), section 2.3. That average is the score.
3. The candidate is the keyword with the highest score among those that reach their threshold, the first of equals.
4. A keyword that has been the candidate for `minimum_count` inferences in a row is detected. Then nothing counts for
   the refractory time; after it any other keyword can be detected, and the same one once an inference has had another
   candidate or none. So whatever keeps one keyword's outputs high, and however long, is one detection.

The C equals this on every input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from kws_edge.errors import SettingsError
from kws_edge.spec import SILENCE, UNKNOWN, DetectionSettings, FeatureSpec

# Q15: the probability 1
ONE = 1 << 15
# threshold of a label that is no keyword; no score reaches it
NEVER = 65535


@dataclass(frozen=True)
class DetectorTables:
    """Everything that settings, labels and a model's output scale determine, in integers; the C has the same."""

    # Q31, at most 16: exp(-16 * i * output scale), falling from 2**31; beyond the end 0
    coarse: tuple[int, ...]
    # Q31, 16: exp(-j * output scale), falling from 2**31
    fine: tuple[int, ...]
    # per label, Q15, or NEVER
    threshold: tuple[int, ...]
    # inferences
    smoothing_window: int
    # inferences in a row
    minimum_count: int
    # inferences after a detection that count for nothing
    refractory: int

    @property
    def exponential(self) -> tuple[int, ...]:
        """Q15, 256 values from 32768 down: exp(-d * output scale) for d steps below the largest logit.

        d = 16 * i + j; two tables of 16 take a quarter of the flash that all the products would.
        """
        products = [(high * low + (1 << 46)) >> 47 for high in self.coarse for low in self.fine]
        return (*products, *[0] * (256 - len(products)))


@dataclass(frozen=True)
class Detection:
    """One detected keyword."""

    # index into the model's labels
    label: int
    # Q15, 0 to 32768
    score: int
    # number of the inference that completed it, from 0
    inference: int

    @property
    def probability(self) -> float:
        """The score as 0 to 1."""
        return self.score / ONE


def inference_rows(settings: DetectionSettings, spec: FeatureSpec) -> int:
    """Rows of features between two inferences: the setting in whole rows, at least 1 and at most a clip's."""
    row_ms = 1000 * _row_samples(spec) / spec.sample_rate_hz
    return min(max(round(settings.inference_stride_ms / row_ms), 1), spec.frames)


def inference_samples(settings: DetectionSettings, spec: FeatureSpec) -> int:
    """Samples between two inferences."""
    return inference_rows(settings, spec) * _row_samples(spec)


def end_sample(inference: int, settings: DetectionSettings, spec: FeatureSpec) -> int:
    """Samples of a stream that have been pushed when its inference number `inference`, from 0, is made."""
    window = 1 if spec.kind == "waveform" else spec.window_samples
    return window + (spec.frames - 1) * _row_samples(spec) + inference * inference_samples(settings, spec)


def _row_samples(spec: FeatureSpec) -> int:
    return 1 if spec.kind == "waveform" else spec.stride_samples


def stream_windows(rows: NDArray[np.int8], settings: DetectionSettings, spec: FeatureSpec) -> NDArray[np.int8]:
    """What each inference of a stream sees: int8[inferences, frames, columns], a view of the stream's `rows`.

    `rows` is int8[n, columns], the features of the whole stream; there is no inference before a clip is full.
    """
    if len(rows) < spec.frames:
        return np.empty((0, *spec.shape), np.int8)
    windows = sliding_window_view(rows, spec.frames, axis=0)[:: inference_rows(settings, spec)]
    return windows.transpose(0, 2, 1)


def check_thresholds(settings: DetectionSettings, keywords: Sequence[str]) -> None:
    """Raise SettingsError for a threshold of a word that is none of `keywords`."""
    for word in settings.thresholds:
        if word not in keywords:
            raise SettingsError(f"thresholds.{word}: the model has no such keyword; it has {', '.join(keywords)}")


def detector_tables(
    settings: DetectionSettings, spec: FeatureSpec, labels: Sequence[str], output_scale: float
) -> DetectorTables:
    """The integers of one model's detector; `output_scale` is the real value of one step of its int8 logits.

    Every label but silence and unknown is a keyword. Raises SettingsError for a threshold of a word that is none.
    """
    keywords = [label for label in labels if label not in (SILENCE, UNKNOWN)]
    check_thresholds(settings, keywords)
    if not (math.isfinite(output_scale) and output_scale > 0):
        raise SettingsError(f"the model's output scale is {output_scale}; it must be positive")
    coarse, fine = (
        tuple(math.floor((1 << 31) * math.exp(-step * i * output_scale) + 0.5) for i in range(16)) for step in (16, 1)
    )
    period_ms = 1000 * inference_samples(settings, spec) / spec.sample_rate_hz
    return DetectorTables(
        # less than half a step of Q15 is nothing
        coarse=tuple(value for value in coarse if value >= 1 << 15),
        fine=fine,
        threshold=tuple(
            max(math.floor(ONE * settings.threshold_of(label) + 0.5), 1) if label in keywords else NEVER
            for label in labels
        ),
        smoothing_window=settings.smoothing_window,
        minimum_count=settings.minimum_count,
        refractory=min(math.ceil(settings.refractory_ms / period_ms), 65535),
    )


def probabilities(logits: NDArray[np.int8], tables: DetectorTables) -> NDArray[np.int64]:
    """Softmax in Q15, int64[n, labels] from 0 to 32768, of int8[n, labels], rounded to nearest."""
    table = np.array(tables.exponential, np.int64)
    wide = logits.astype(np.int64)
    powers = table[wide.max(axis=1, keepdims=True) - wide]
    total = powers.sum(axis=1, keepdims=True)
    quotient: NDArray[np.int64] = (powers * ONE + total // 2) // total
    return quotient


class Detector:
    """A detector on one stream; its state is what the C keeps."""

    def __init__(self, tables: DetectorTables) -> None:
        self._tables = tables
        self._least = np.array(tables.threshold, np.int64) * tables.smoothing_window
        self._history = np.zeros((tables.smoothing_window, len(tables.threshold)), np.int64)
        self._inferences = 0
        self._candidate: int | None = None
        self._count = 0
        self._quiet = 0
        self._held: int | None = None

    @property
    def sums(self) -> NDArray[np.int64]:
        """Q15 probabilities summed over the smoothing window, int64[labels]; the score is that over the window."""
        total: NDArray[np.int64] = self._history.sum(axis=0)
        return total

    def push(self, logits: NDArray[np.int8]) -> list[Detection]:
        """Take the outputs of further inferences, int8[n, labels], and return what they complete."""
        labels = len(self._tables.threshold)
        if logits.dtype != np.int8 or logits.ndim != 2 or logits.shape[1] != labels:
            raise SettingsError(f"logits are {logits.dtype}{list(logits.shape)}; expected int8[n, {labels}]")
        found = []
        for sums in self._smoothed(logits):
            detection = self._step(sums)
            self._inferences += 1
            if detection is not None:
                found.append(detection)
        return found

    def _smoothed(self, logits: NDArray[np.int8]) -> NDArray[np.int64]:
        """Sums over the smoothing window that ends with each inference."""
        if not len(logits):
            return np.empty((0, len(self._tables.threshold)), np.int64)
        rows = np.concatenate([self._history, probabilities(logits, self._tables)])
        window = self._tables.smoothing_window
        self._history = rows[-window:]
        running = np.cumsum(rows, axis=0)
        sums: NDArray[np.int64] = running[window:] - running[:-window]
        return sums

    def _step(self, sums: NDArray[np.int64]) -> Detection | None:
        tables = self._tables
        if self._quiet:
            self._quiet -= 1
            return None
        hits = np.where(sums >= self._least, sums, 0)
        candidate = int(hits.argmax()) if hits.any() else None
        self._count = self._count + 1 if candidate == self._candidate else 1
        self._candidate = candidate
        if candidate == self._held:
            return None
        self._held = None
        if candidate is None or self._count < tables.minimum_count:
            return None
        self._held = candidate
        self._candidate = None
        self._count = 0
        self._quiet = tables.refractory
        return Detection(candidate, int(sums[candidate]) // tables.smoothing_window, self._inferences)


def detect(logits: NDArray[np.int8], tables: DetectorTables) -> list[Detection]:
    """All detections in the outputs of one stream, int8[inferences, labels], from its beginning."""
    return Detector(tables).push(logits)
