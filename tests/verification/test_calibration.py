"""Calibration keeps its target, prefers fewer misses, and says when nothing will do."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kws_edge.corpus.truth import Scene, StreamTruth, Word
from kws_edge.errors import SettingsError
from kws_edge.spec import DetectionSettings, FeatureSpec
from kws_edge.verification.calibration import Calibration, Target, calibrate
from kws_edge.verification.detection import Judge
from kws_edge.verification.operating_points import Sweep

RATE = 8000
LABELS = ("yes", "no", "silence", "unknown")
STRIDE = 800
INFERENCES = 18_000
SCALE = 0.1
GRID = {"smoothing_windows": (1, 3), "minimum_counts": (1, 3)}


def a_stream(seed: int, *, weak_no: bool = False) -> Sweep:
    """Half an hour in which keywords are sure for some inferences and other sounds resemble them for fewer or less."""
    rng = np.random.default_rng(seed)
    logits = np.full((INFERENCES, 4), -40) + rng.integers(-3, 4, (INFERENCES, 4))
    logits[:, 3] += 60
    words = []
    for place in range(100, INFERENCES - 100, 100):
        label = int(rng.integers(0, 2))
        height, length = rng.integers(60, 110), int(rng.integers(4, 9))
        if place % 300:
            # something else: shorter, and for the first keyword as sure as the word itself
            length = int(rng.integers(1, 5))
            height = rng.integers(30, 105 if label == 0 else 60)
        else:
            height -= 25 if weak_no and label == 1 else 0
            end = 8000 + STRIDE * (place + 2)
            words.append(Word(LABELS[label], label, end - 4000, end))
        logits[place : place + length, label] += height
    samples = 8000 + STRIDE * INFERENCES
    truth = StreamTruth(
        split="validation",
        sample_rate_hz=RATE,
        samples=samples,
        labels=LABELS,
        words=tuple(words),
        scenes=(Scene("words", 0, samples),),
    )
    return Sweep(np.clip(logits, -128, 127).astype(np.int8), Judge(truth), FeatureSpec(), SCALE)


def chosen(sweep: Sweep, **target: object) -> Calibration:
    (found,) = calibrate(sweep, DetectionSettings(), [Target(**target)], **GRID)  # type: ignore[arg-type]
    return found


def test_the_target_is_kept_and_paid_for_with_as_few_misses_as_can_be() -> None:
    sweep = a_stream(0)
    before = sweep.point(DetectionSettings(smoothing_window=3, minimum_count=2))
    misses = []
    rates = (2, 10, 30)
    all_found = calibrate(sweep, DetectionSettings(), [Target(false_accepts_per_hour=rate) for rate in rates], **GRID)
    for rate, found in zip(rates, all_found, strict=True):
        assert found.chosen is not None
        assert found.chosen.outcome.false_accepts_per_hour <= rate < before.outcome.false_accepts_per_hour
        assert sweep.point(found.chosen.settings).outcome == found.chosen.outcome
        misses.append(found.chosen.outcome.total.misses)
    assert misses == sorted(misses, reverse=True)


def test_a_threshold_for_each_keyword_misses_fewer() -> None:
    sweep = a_stream(1, weak_no=True)
    one = chosen(sweep, false_accepts_per_hour=6, false_reject_rate=1).chosen
    own = chosen(sweep, false_accepts_per_hour=6, false_reject_rate=1, per_keyword=True).chosen
    assert one is not None and own is not None
    assert one.settings.thresholds == {} and set(own.settings.thresholds) == {"yes", "no"}
    assert own.outcome.false_accepts_per_hour <= 6
    assert own.outcome.total.misses < one.outcome.total.misses
    assert own.settings.thresholds["no"] < own.settings.thresholds["yes"]


def test_where_no_setting_meets_the_target_none_is_chosen_and_the_nearest_is_told() -> None:
    found = chosen(a_stream(2), false_accepts_per_hour=2, false_reject_rate=0.01)
    assert found.chosen is None
    rate = found.nearest.outcome.false_reject_rate
    assert rate is not None and rate > 0.01
    assert found.nearest.outcome.false_accepts_per_hour <= 2


def test_every_stride_but_the_streams_own_is_left_alone() -> None:
    base = DetectionSettings(inference_stride_ms=100.0, thresholds={"yes": 0.2})
    (found,) = calibrate(a_stream(3), base, [Target(false_accepts_per_hour=10)], **GRID)
    assert found.chosen is not None
    assert found.chosen.settings.inference_stride_ms == base.inference_stride_ms


def test_a_stream_that_cannot_tell_is_refused() -> None:
    sweep = a_stream(4)
    with pytest.raises(SettingsError, match="make the stream 2 hours or longer"):
        chosen(sweep, false_accepts_per_hour=0.5)
    empty = dataclasses.replace(sweep.judge.truth, words=())
    silent = Sweep(np.zeros((10, 4), np.int8), Judge(empty), FeatureSpec(), SCALE)
    with pytest.raises(SettingsError, match="no keywords"):
        chosen(silent, false_accepts_per_hour=6)
    for wrong in ({"false_accepts_per_hour": -1}, {"false_accepts_per_hour": 1, "false_reject_rate": 0}):
        with pytest.raises(SettingsError):
            Target(**wrong)
