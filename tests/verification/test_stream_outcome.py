"""Detections judged against a stream's truth, and detections at many settings from outputs computed once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.corpus.truth import Scene, StreamTruth, Word
from kws_edge.detection import detect
from kws_edge.spec import DetectionSettings, FeatureSpec
from kws_edge.verification.detection import HeardWord, Judge
from kws_edge.verification.operating_points import Sweep, det_curve, thresholds_between

RATE = 8000
LABELS = ("yes", "no", "silence", "unknown")
YES, NO, UNKNOWN = 0, 1, 3


def truth(*words: Word, hours: float = 1.0) -> StreamTruth:
    samples = round(hours * 3600 * RATE)
    half = samples // 2
    return StreamTruth(
        split="test",
        sample_rate_hz=RATE,
        samples=samples,
        labels=LABELS,
        words=words,
        scenes=(Scene("words", 0, half), Scene("noise", half, samples)),
    )


def spoken(label: int, start_s: float, end_s: float) -> Word:
    return Word(LABELS[label], label, round(start_s * RATE), round(end_s * RATE))


def heard(label: int, at_s: float) -> HeardWord:
    return HeardWord(label, round(at_s * RATE))


STREAM = truth(spoken(YES, 10, 10.5), spoken(NO, 12, 12.4), spoken(UNKNOWN, 14, 14.5), hours=2.0)


def test_a_detection_is_a_hit_from_the_words_start_until_the_tolerance_after_its_end() -> None:
    judge = Judge(STREAM, tolerance_ms=1000)
    for at_s, hits in ((9.999, 0), (10.0, 1), (10.5, 1), (11.5, 1), (11.501, 0)):
        outcome = judge.judge([heard(YES, at_s)])
        assert (outcome.keywords["yes"].hits, outcome.keywords["yes"].false_accepts) == (hits, 1 - hits), at_s


def test_everything_is_counted_once() -> None:
    outcome = Judge(STREAM).judge(
        [heard(YES, 10.7), heard(YES, 11.2), heard(YES, 12.5), heard(YES, 14.2), heard(NO, 3601)]
    )
    yes, no = outcome.keywords["yes"], outcome.keywords["no"]
    assert (yes.spoken, yes.hits, yes.duplicates, yes.false_accepts, yes.misses) == (1, 1, 1, 2, 0)
    assert (no.spoken, no.hits, no.duplicates, no.false_accepts, no.misses) == (1, 0, 0, 1, 1)
    assert outcome.false_accepts_per_hour == 1.5
    assert outcome.false_reject_rate == 0.5
    assert yes.false_accepts_per_hour == 1.0 and yes.false_reject_rate == 0.0
    assert {kind: scene.false_accepts_per_hour for kind, scene in outcome.scenes.items()} == {"words": 2, "noise": 1}


def test_each_word_in_reach_is_hit_once_the_earliest_first() -> None:
    twice = truth(spoken(YES, 10, 10.4), spoken(YES, 10.6, 11))
    outcome = Judge(twice).judge([heard(YES, 10.9), heard(YES, 11.1)])
    assert (outcome.total.hits, outcome.total.duplicates, outcome.total.false_accepts) == (2, 0, 0)
    assert outcome.latency_p50_ms == pytest.approx((500 + 100) / 2)


def test_latency_counts_from_the_end_of_the_word_and_may_be_negative() -> None:
    many = truth(*(spoken(YES, 10 * n, 10 * n + 0.5) for n in range(1, 102)))
    outcome = Judge(many).judge([heard(YES, 10 * n + 0.5 + (n - 11) / 1000) for n in range(1, 102)])
    assert outcome.latency_p50_ms == pytest.approx(40)
    assert outcome.latency_p95_ms == pytest.approx(85)
    assert Judge(many).judge([]).latency_p95_ms is None


def test_a_stream_without_keywords_has_no_miss_rate() -> None:
    outcome = Judge(truth()).judge([heard(NO, 100)])
    assert outcome.false_reject_rate is None
    assert outcome.to_json()["false_reject_rate"] is None
    assert outcome.false_accepts_per_hour == 1.0


def test_few_false_accepts_say_little_of_their_rate() -> None:
    """Against the exact limits of the Poisson distribution (any table of them), in two hours of stream."""
    for count, low, high in ((0, 0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.6)):
        found = [heard(YES, 100 + 3 * n) for n in range(count)]
        limits = Judge(truth(hours=2.0)).judge(found).total.false_accepts_per_hour_range
        assert limits == (pytest.approx(low / 2, rel=0.01, abs=0.02), pytest.approx(high / 2, rel=0.02)), count


@st.composite
def streams(draw: st.DrawFn) -> np.ndarray:
    """Outputs in which one label often stays the largest for a while, as in speech."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    runs = draw(st.integers(0, 40))
    winner = np.repeat(rng.integers(0, len(LABELS), runs), rng.integers(1, 12, runs))
    logits = rng.integers(-40, 40, (len(winner), len(LABELS)))
    logits[np.arange(len(winner)), winner] += rng.integers(0, 60, len(winner))
    return logits.astype(np.int8)


@given(
    streams(),
    st.builds(
        DetectionSettings,
        smoothing_window=st.integers(1, 6),
        threshold=st.sampled_from([0.05, 0.3, 0.6, 0.9, 1.0]),
        thresholds=st.sampled_from([{}, {"no": 0.2}, {"yes": 0.99, "no": 0.4}]),
        minimum_count=st.integers(1, 5),
        refractory_ms=st.sampled_from([0, 100, 500, 1200]),
    ),
)
@settings(max_examples=200, deadline=None)
def test_detections_by_runs_are_the_detectors(logits: np.ndarray, chosen: DetectionSettings) -> None:
    sweep = Sweep(logits, Judge(STREAM), FeatureSpec(), 0.08)
    assert sweep.detections(chosen) == detect(logits, sweep.tables(chosen))


def test_a_curve_falls_from_false_accepts_to_misses() -> None:
    rng = np.random.default_rng(1)
    logits = rng.integers(-20, 20, (2000, 4)).astype(np.int8)
    logits[:, UNKNOWN] += 40
    every = 800
    words = [Word("yes", YES, 9000 + every * n, 9000 + every * n + 4000) for n in range(50, 1900, 50)]
    for word in words:
        at = (word.end - 8000) // every
        logits[at : at + 8, YES] = rng.integers(60, 120)
    sweep = Sweep(logits, Judge(truth(*words, hours=2000 * every / RATE / 3600)), FeatureSpec(), 0.08)
    base = DetectionSettings(smoothing_window=2, minimum_count=1, refractory_ms=500)
    curve = det_curve(sweep.curve(base, thresholds_between(0.1, 0.995, 12)))
    assert curve[0].false_accepts_per_hour > 100 > curve[-1].false_accepts_per_hour
    assert curve[0].false_reject_rate < 0.2 < curve[-1].false_reject_rate
    assert sweep.point(base).outcome.total.spoken == len(words)
