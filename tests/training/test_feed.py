"""Batches are the same in every run, scarce labels come more often, and statistics describe the columns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kws_edge.corpus import NoiseBank, Split
from kws_edge.frontend import features, float_features
from kws_edge.spec import AugmentationSettings, FeatureSpec
from kws_edge.training.feed import Feed, balanced_order, column_statistics, masked

COUNTS = {0: 400, 1: 100, 3: 25}
LABELS = np.concatenate([np.full(count, label) for label, count in COUNTS.items()])


def shares(balance):
    order = balanced_order(LABELS, balance=balance, rng=np.random.default_rng(0))
    return np.bincount(LABELS[order], minlength=4), order


def test_without_balance_every_clip_comes_once():
    counts, order = shares(0.0)
    assert counts.tolist() == [400, 100, 0, 25]
    assert sorted(order) == list(range(525))


def test_full_balance_draws_all_labels_equally_and_each_clip_evenly():
    counts, order = shares(1.0)
    assert counts.tolist() == [175, 175, 0, 175]
    of_scarce = np.bincount(order)[LABELS == 3]
    assert of_scarce.min() == of_scarce.max() == 7
    assert np.bincount(order)[LABELS == 0].max() == 1


def test_half_balance_follows_the_square_root_of_the_counts():
    counts, _ = shares(0.5)
    np.testing.assert_allclose(counts[[0, 1, 3]] / counts[3], [4.0, 2.0, 1.0], rtol=0.05)


def test_no_batch_is_empty_however_shares_are_rounded(tones):
    labels = np.repeat([0, 1, 2, 3, 4], [3, 3, 1, 2, 23])
    assert len(balanced_order(labels, balance=0.5, rng=np.random.default_rng(0))) == len(labels) - 1
    split = Split(np.zeros((len(labels), 8000), np.int16), labels, ("",) * len(labels), ("",) * len(labels))
    settings = {"batch_size": 1, "class_balance": 0.5, "seed": 0}
    feed = Feed(split, tones.noise("train"), FeatureSpec(), AugmentationSettings(), **settings)
    try:
        assert [len(batch.labels) for batch in feed.epoch(0, 0)] == [1] * len(labels)
    finally:
        feed.close()


@pytest.fixture
def feed(tones):
    feeds = []

    def make(seed=0):
        feeds.append(
            Feed(
                tones.split("train"),
                tones.noise("train"),
                FeatureSpec(),
                AugmentationSettings(),
                batch_size=20,
                class_balance=0.5,
                seed=seed,
            )
        )
        return feeds[-1]

    yield make
    for each in feeds:
        each.close()


def batches(feed, phase, epoch):
    return [(batch.features.copy(), batch.labels.copy()) for batch in feed.epoch(phase, epoch)]


def test_one_seed_gives_one_epoch(feed):
    first, again = batches(feed(), 0, 3), batches(feed(), 0, 3)
    assert len(first) == feed().steps > 3
    for (a, la), (b, lb) in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(la, lb)
    assert first[0][0].dtype == np.int8
    assert first[0][0].shape == (20, 49, 10)


@pytest.mark.parametrize("other", [(1, 0, 3), (0, 1, 3), (0, 0, 4)])
def test_seed_phase_and_epoch_each_change_it(feed, other):
    seed, phase, epoch = other
    assert not np.array_equal(batches(feed(), 0, 3)[0][0], batches(feed(seed), phase, epoch)[0][0])


def test_normalized_columns_have_mean_0_and_deviation_1(tones):
    spec, split = FeatureSpec(), tones.split("train")
    calibrated = spec.normalized(*column_statistics(split, spec))
    values = float_features(split.clips, calibrated).reshape(-1, spec.columns)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=2e-3)
    assert calibrated.scale == 1 / 32


def masks(**settings):
    spec = FeatureSpec(zero_point=7)
    features = np.full((400, *spec.shape), 50, np.int8)
    hidden = masked(features, AugmentationSettings(**settings), spec, np.random.default_rng(0))
    assert set(np.unique(hidden)) <= {7, 50}
    return hidden == 7


def test_a_time_mask_hides_one_run_of_whole_frames_up_to_its_length():
    hidden = masks(time_mask_ms=200.0)
    assert (hidden.all(axis=2) == hidden.any(axis=2)).all()
    lengths = hidden.any(axis=2).sum(axis=1)
    assert set(lengths) == set(range(11))
    starts = np.diff(hidden.any(axis=2).astype(int), axis=1, prepend=0) == 1
    assert (starts.sum(axis=1) == (lengths > 0)).all()


def test_a_column_mask_hides_one_run_of_whole_columns():
    hidden = masks(column_mask=3)
    assert (hidden.all(axis=1) == hidden.any(axis=1)).all()
    assert set(hidden.any(axis=1).sum(axis=1)) == {0, 1, 2, 3}


def test_without_masks_features_stay_what_they_are():
    assert not masks().any()


def test_of_a_waveform_nothing_is_masked():
    spec = FeatureSpec(kind="waveform")
    heard = np.full((20, *spec.shape), 50, np.int8)
    settings = AugmentationSettings(time_mask_ms=100.0, column_mask=2)
    assert (masked(heard, settings, spec, np.random.default_rng(0)) == 50).all()


STILL = AugmentationSettings(time_shift_ms=0, gain_db=0, speed=0, noise_probability=0)
HUM = NoiseBank.of([np.linspace(1, 120, 20000).astype(np.int16)])


def heard_as_silence(fresh, synthetic):
    """Six one-second clips through two epochs, of which two are silence and one of these digital zero."""
    clips = np.repeat(np.array([[100], [0], [100], [100], [100], [0]], np.int16), 8000, axis=1)
    labels = np.array([0, 1, 0, 0, 1, 0], np.int64)
    settings = dataclasses.replace(STILL, fresh_silence=fresh, synthetic_noise_share=synthetic)
    spec = FeatureSpec(kind="waveform", scale=1.0)
    split = Split(clips, labels, ("",) * 6, ("",) * 6)
    feed = Feed(split, HUM, spec, settings, batch_size=6, class_balance=0, seed=0, silence=1)
    try:
        heard = [batch.features[..., 0] for epoch in (0, 1) for batch in feed.epoch(0, epoch)]
        return heard, features(clips, spec)[..., 0]
    finally:
        feed.close()


def test_fresh_silence_replaces_silence_alone_and_anew_in_every_epoch():
    (first, second), before = heard_as_silence(fresh=True, synthetic=0)
    np.testing.assert_array_equal(first[[0, 1, 2, 3, 5]], before[[0, 1, 2, 3, 5]])
    assert (first[4] != before[4]).any() and (first[4] != second[4]).any()
    assert (np.diff(first[4].astype(int)) >= 0).all()  # a stretch of the hum, softer


def test_fresh_silence_is_a_colour_as_often_as_background_is():
    (first, _), _ = heard_as_silence(fresh=True, synthetic=1)
    assert (np.diff(first[4].astype(int)) < 0).any()


def test_silence_stays_unless_it_is_asked_for():
    epochs, before = heard_as_silence(fresh=False, synthetic=0)
    for heard in epochs:
        np.testing.assert_array_equal(heard, before)


def test_mixup_keeps_the_greater_share_and_views_see_the_same_clips(tones):
    spec = FeatureSpec()
    quiet = AugmentationSettings(time_mask_ms=0)
    arguments = {"batch_size": 20, "class_balance": 0.5, "seed": 0}
    feed = Feed(tones.split("train"), tones.noise("train"), spec, quiet, **arguments, mixup=0.4, views=(spec,))
    try:
        batch = next(feed.epoch(0, 0))
    finally:
        feed.close()
    assert ((batch.shares >= 0.5) & (batch.shares <= 1)).all()
    assert len(np.unique(batch.shares)) == 20
    assert sorted(batch.partners) == list(range(20))
    np.testing.assert_array_equal(batch.views[0], batch.features)
