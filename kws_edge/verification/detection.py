"""Detections held against a stream's truth: hits, misses, duplicates, false accepts per hour, latency.

A detection is a hit if its keyword was being spoken or had ended at most `tolerance_ms` before; each spoken word can be
hit once, the earliest first. A detection for which only words that were already hit are in reach is a duplicate; every
other one is a false accept, whatever was said: another word, another keyword, or nothing. A keyword without a hit is a
miss.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from kws_edge.corpus.truth import StreamTruth
from kws_edge.spec import SILENCE, UNKNOWN

# a word has left a model that sees one second when this has passed since its end
TOLERANCE_MS = 1000.0
# of the standard normal distribution, two-sided
_NORMAL_95 = 1.96


@dataclass(frozen=True)
class HeardWord:
    """A detection on the time scale of a stream."""

    # index into the labels
    label: int
    # samples of the stream that had been pushed when it was made
    end_sample: int


@dataclass(frozen=True, kw_only=True)
class KeywordOutcome:
    """What became of one keyword, or of all together."""

    spoken: int
    hits: int
    duplicates: int
    false_accepts: int
    # of the stream
    hours: float

    @property
    def misses(self) -> int:
        """Times it was spoken and not detected."""
        return self.spoken - self.hits

    @property
    def false_reject_rate(self) -> float | None:
        """Share of the spoken ones that were missed, 0 to 1; None if it was never spoken."""
        return self.misses / self.spoken if self.spoken else None

    @property
    def false_accepts_per_hour(self) -> float:
        """Detections of it that nobody caused, duplicates not counted, per hour of the whole stream."""
        return self.false_accepts / self.hours

    @property
    def false_accepts_per_hour_range(self) -> tuple[float, float]:
        """Rates of false accepts, low and high, that hours like these are compatible with at 95 % confidence.

        Byar's approximation of the exact Poisson limits (Breslow and Day, Statistical Methods in Cancer Research II,
        1987, section 2.3); independent events are assumed.
        """
        count = self.false_accepts
        low = count * (1 - 1 / (9 * count) - _NORMAL_95 / (3 * sqrt(count))) ** 3 if count else 0.0
        more = count + 1
        high = more * (1 - 1 / (9 * more) + _NORMAL_95 / (3 * sqrt(more))) ** 3
        return low / self.hours, high / self.hours

    def to_json(self) -> dict[str, Any]:
        """Counts and rates as plain JSON types."""
        return {
            **asdict(self),
            "misses": self.misses,
            "false_reject_rate": self.false_reject_rate,
            "false_accepts_per_hour": self.false_accepts_per_hour,
            "false_accepts_per_hour_range": list(self.false_accepts_per_hour_range),
        }


@dataclass(frozen=True, kw_only=True)
class SceneOutcome:
    """False accepts in all stretches of one kind: how often a device wakes depends on what an hour holds."""

    hours: float
    false_accepts: int

    @property
    def false_accepts_per_hour(self) -> float:
        """Per hour of such scenes."""
        return self.false_accepts / self.hours


@dataclass(frozen=True, kw_only=True)
class StreamOutcome:
    """What a detector made of a stream."""

    # part of the corpus that the stream was made of
    split: str
    # all keywords together
    total: KeywordOutcome
    # keyword to its own, in the order of the labels
    keywords: dict[str, KeywordOutcome]
    # kind of scene to what it caused
    scenes: dict[str, SceneOutcome]
    # milliseconds from the end of a word to its detection, half and 95 % of the hits below; None without a hit.
    # Negative where a word is known before it is over
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    # milliseconds after a word's end within which its detection is a hit
    tolerance_ms: float

    @property
    def false_accepts_per_hour(self) -> float:
        """Of all keywords, per hour of the stream."""
        return self.total.false_accepts_per_hour

    @property
    def false_reject_rate(self) -> float | None:
        """Share of all spoken keywords that were missed, 0 to 1; None if none was spoken."""
        return self.total.false_reject_rate

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON types; docs/detection.md explains the fields."""
        return {
            "split": self.split,
            **self.total.to_json(),
            "latency_p50_ms": self.latency_p50_ms,
            "latency_p95_ms": self.latency_p95_ms,
            "tolerance_ms": self.tolerance_ms,
            "keywords": {word: outcome.to_json() for word, outcome in self.keywords.items()},
            "scenes": {
                kind: {**asdict(outcome), "false_accepts_per_hour": outcome.false_accepts_per_hour}
                for kind, outcome in self.scenes.items()
            },
        }


class Judge:
    """The truth of one stream, prepared to judge many sets of detections."""

    def __init__(self, truth: StreamTruth, *, tolerance_ms: float = TOLERANCE_MS) -> None:
        self.truth = truth
        self.tolerance_ms = tolerance_ms
        self._tolerance = round(tolerance_ms * truth.sample_rate_hz / 1000)
        self._keywords = [label for label, word in enumerate(truth.labels) if word not in (SILENCE, UNKNOWN)]
        self._words = {label: [word for word in truth.words if word.label == label] for label in self._keywords}
        self._starts = {label: [word.start for word in words] for label, words in self._words.items()}
        self._ends = {label: [word.end for word in words] for label, words in self._words.items()}
        self._scene_starts = [scene.start for scene in truth.scenes]
        self._scene_samples: dict[str, int] = {}
        for scene in sorted(truth.scenes, key=lambda scene: scene.kind):
            self._scene_samples[scene.kind] = self._scene_samples.get(scene.kind, 0) + scene.end - scene.start

    def judge(self, heard: Iterable[HeardWord]) -> StreamOutcome:
        """The outcome of detections, in any order, all of them from this stream."""
        hit: dict[int, set[int]] = {label: set() for label in self._keywords}
        duplicates = dict.fromkeys(self._keywords, 0)
        false_accepts = dict.fromkeys(self._keywords, 0)
        in_scene = dict.fromkeys(self._scene_samples, 0)
        latencies = []
        for found in sorted(heard, key=lambda found: found.end_sample):
            label, at = found.label, found.end_sample
            reach = range(bisect_left(self._ends[label], at - self._tolerance), bisect_right(self._starts[label], at))
            word = next((number for number in reach if number not in hit[label]), None)
            if word is not None:
                hit[label].add(word)
                latencies.append(at - self._ends[label][word])
            elif reach:
                duplicates[label] += 1
            else:
                false_accepts[label] += 1
                in_scene[self.truth.scenes[bisect_right(self._scene_starts, at - 1) - 1].kind] += 1
        per_ms = self.truth.sample_rate_hz / 1000
        p50, p95 = np.quantile(latencies, (0.5, 0.95)) / per_ms if latencies else (None, None)
        hours = self.truth.hours
        keywords = {
            self.truth.labels[label]: KeywordOutcome(
                spoken=len(self._words[label]),
                hits=len(hit[label]),
                duplicates=duplicates[label],
                false_accepts=false_accepts[label],
                hours=hours,
            )
            for label in self._keywords
        }
        return StreamOutcome(
            split=self.truth.split,
            total=_together(list(keywords.values()), hours),
            keywords=keywords,
            scenes={
                kind: SceneOutcome(
                    hours=samples / self.truth.sample_rate_hz / 3600,
                    false_accepts=in_scene[kind],
                )
                for kind, samples in self._scene_samples.items()
            },
            latency_p50_ms=None if p50 is None else float(p50),
            latency_p95_ms=None if p95 is None else float(p95),
            tolerance_ms=self.tolerance_ms,
        )


def _together(outcomes: list[KeywordOutcome], hours: float) -> KeywordOutcome:
    return KeywordOutcome(
        spoken=sum(outcome.spoken for outcome in outcomes),
        hits=sum(outcome.hits for outcome in outcomes),
        duplicates=sum(outcome.duplicates for outcome in outcomes),
        false_accepts=sum(outcome.false_accepts for outcome in outcomes),
        hours=hours,
    )
