"""Augmentation does what its settings say, within them, and the same again for the same seed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_edge.corpus.augmentation import augment
from kws_edge.corpus.noise import NoiseBank
from kws_edge.spec import AugmentationSettings

NONE = AugmentationSettings(time_shift_ms=0, gain_db=0, speed=0, noise_probability=0)
RATE = 8000
HISS = NoiseBank.of([np.random.default_rng(9).normal(0, 2000, 80000).astype(np.int16)])


def speech(count: int = 20, samples: int = 8000, rms: float = 1500) -> np.ndarray:
    """Noise that swells and fades, as clips int16[count, samples]."""
    noise = np.random.default_rng(3).normal(0, rms, (count, samples)) * np.hanning(samples)
    return noise.clip(-32768, 32767).astype(np.int16)


def apply(clips: np.ndarray, seed: int = 0, noise: NoiseBank = HISS, rate: int = RATE, **changes: float) -> np.ndarray:
    wanted = dataclasses.replace(NONE, **changes)
    return augment(clips, wanted, noise, np.random.default_rng(seed), rate)


def test_nothing_asked_is_nothing_done() -> None:
    clips = speech()
    assert np.array_equal(apply(clips), clips)


def test_a_shift_moves_whole_clips_within_its_range_both_ways() -> None:
    clips = np.zeros((400, 8000), np.int16)
    clips[:, 4000] = 1000
    places = apply(clips, time_shift_ms=100).argmax(axis=1) - 4000
    assert -800 <= places.min() < -700 and 700 < places.max() <= 800
    assert (apply(clips, time_shift_ms=100) == 1000).sum() == 400


def test_zeros_come_in_from_outside() -> None:
    clips = np.full((200, 8000), 77, np.int16)
    moved = apply(clips, time_shift_ms=50)
    assert set(np.unique(moved)) == {0, 77}
    outside = (moved == 0).sum(axis=1)
    assert outside.max() <= 400
    edges = np.minimum(moved[:, 0], moved[:, -1])
    assert ((edges == 0) == (outside > 0)).all()


def test_speed_stretches_about_the_middle_and_keeps_pitch_with_it() -> None:
    time = np.arange(8000) / RATE
    clips = np.tile((8000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16), (300, 1))
    inner = apply(clips, speed=0.2)[:, 2000:6000]
    peaks = np.abs(np.fft.rfft(inner * np.hanning(4000))).argmax(axis=1) * RATE / 4000
    # every whole percent from 0.8 to 1.2 times, and nothing else
    assert set(np.round(peaks / 10).astype(int)) == set(range(80, 121))


@pytest.mark.parametrize(("percent", "frequency"), [(-20, 3000), (-7, 440), (5, 2000), (13, 2700), (20, 2500)])
def test_a_change_of_speed_is_a_clean_resampling(percent: int, frequency: int) -> None:
    def sound(position: np.ndarray) -> np.ndarray:
        inside = (position >= 0) & (position < 8000)
        swell = 0.5 - 0.5 * np.cos(2 * np.pi * position / 7999)
        return np.where(inside, 12000 * swell * np.sin(2 * np.pi * frequency * position / RATE), 0)

    time = np.arange(8000)
    clips = np.tile(np.rint(sound(time)).astype(np.int16), (200, 1))
    wanted = sound(4000 + (time - 4000) * (1 + percent / 100))
    errors = ((apply(clips, speed=0.2) - wanted) ** 2).mean(axis=1)
    # one of the rows was played at this speed; its error is that of rounding, 60 dB down
    assert 10 * np.log10(errors.min() / (wanted**2).mean()) < -60


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0, 25.0])
@pytest.mark.parametrize("synthetic", [0.0, 1.0])
def test_noise_has_the_asked_ratio_over_the_clip(snr_db: float, synthetic: float) -> None:
    clips = speech()
    noisy = apply(
        clips, noise_probability=1, snr_low_db=snr_db, snr_high_db=snr_db, synthetic_noise_share=synthetic
    ).astype(float)
    added = noisy - clips
    ratio = 10 * np.log10((clips.astype(float) ** 2).mean(axis=1) / (added**2).mean(axis=1))
    assert np.abs(ratio - snr_db).max() < 0.1


def test_the_ratio_covers_its_range() -> None:
    clips = speech(300)
    added = apply(clips, noise_probability=1, snr_low_db=0, snr_high_db=30).astype(float) - clips
    ratio = 10 * np.log10((clips.astype(float) ** 2).mean(axis=1) / (added**2).mean(axis=1))
    assert -0.1 < ratio.min() < 2 and 28 < ratio.max() < 30.1


def test_noise_comes_from_the_bank_or_the_colours_by_their_share() -> None:
    # a bank of one constant is told from any colour by its mean
    bank = NoiseBank.of([np.full(20000, 1000, np.int16)])
    clips = speech(1000)
    changes = {"noise_probability": 0.5, "snr_low_db": 0.0, "snr_high_db": 0.0, "synthetic_noise_share": 0.4}
    added = apply(clips, noise=bank, **changes).astype(float) - clips
    untouched = (added == 0).all(axis=1)
    recorded = ~untouched & (added.std(axis=1) < 1)
    assert untouched.sum() == pytest.approx(500, abs=60)
    assert recorded.sum() == pytest.approx(300, abs=60)


def test_gain_covers_its_range_and_keeps_the_wave() -> None:
    clips = speech(500, rms=300)
    factors = (apply(clips, gain_db=10).astype(float) * clips).sum(axis=1) / (clips.astype(float) ** 2).sum(axis=1)
    decibels = 20 * np.log10(factors)
    assert -10.1 < decibels.min() < -9 and 9 < decibels.max() < 10.1


def test_gain_never_clips() -> None:
    clips = speech(rms=6000)
    changed = apply(clips, gain_db=40).astype(float)
    scale = (changed * clips).sum(axis=1) / (clips.astype(float) ** 2).sum(axis=1)
    assert np.abs(changed - clips * scale[:, None]).max() < 1.5


def test_digital_silence_gets_noise_of_a_level_of_its_own() -> None:
    silent = np.zeros((200, 8000), np.int16)
    noisy = apply(silent, noise_probability=1).astype(float)
    level = 20 * np.log10(np.sqrt((noisy**2).mean(axis=1)) / 32767)
    assert -71 < level.min() < -65 and -30 < level.max() < -24


def test_silent_noise_changes_nothing() -> None:
    clips = speech()
    silent = NoiseBank.of([np.zeros(20000, np.int16)])
    assert np.array_equal(apply(clips, noise=silent, noise_probability=1, synthetic_noise_share=0), clips)


def response_db(changed: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Gain of each clip at each frequency, [n, frequencies]."""
    return 20 * np.log10(np.abs(np.fft.rfft(changed)) / np.abs(np.fft.rfft(clips)))


def test_the_equalizer_is_smooth_within_its_range_and_another_for_each_clip() -> None:
    clips = np.zeros((300, 8000), np.int16)
    clips[:, 4000] = 16000
    gain = response_db(apply(clips, equalizer_db=6), clips)
    assert -6.1 < gain.min() < -5.8 and 5.8 < gain.max() < 6.1
    assert np.abs(np.diff(gain)).max() < 0.12  # dB a hertz, also where bands are narrow, at the low end
    assert gain.std(axis=0).min() > 1.5


def test_an_equalized_word_stays_where_it_was() -> None:
    clips = np.zeros((100, 8000), np.int16)
    clips[:, 0] = 16000
    heard = np.abs(apply(clips, equalizer_db=12).astype(float))
    assert (heard.argmax(axis=1) == 0).all()
    assert heard[:, 2000:].max() <= 1  # nothing of the start is heard at the end


def test_a_room_rings_for_as_long_as_it_may_and_leaves_the_direct_sound() -> None:
    clips = np.zeros((300, 8000), np.int16)
    clips[:, 1000] = 16000
    heard = apply(clips, reverberation_ms=200).astype(float)
    assert (np.abs(heard[:, :1000]) <= 1).all()
    assert np.abs(heard[:, 1000] - 16000).max() <= 1
    assert np.abs(heard[:, 1001:1024]).max() <= 1  # the first echo needs its three milliseconds
    assert np.abs(heard[:, 1000 + 1600 :]).max() <= 1
    echo_db = 10 * np.log10((heard[:, 1024:] ** 2).sum(axis=1) / 16000**2)
    assert -20.2 < echo_db.min() < -18 and -2 < echo_db.max() < 0.1


def test_a_room_of_one_value_of_decay_falls_by_60_db_in_it() -> None:
    clips = np.zeros((400, 8000), np.int16)
    clips[:, 0] = 16000
    power = (apply(clips, reverberation_ms=500).astype(float) ** 2)[:, 24:]
    # of decays between 50 and 500 ms the longest is what is left late: 6 dB in each 50 ms
    late = 10 * np.log10([power[:, start : start + 400].sum(axis=1).max() for start in (0, 800, 1600)])
    assert -14 < late[1] - late[0] < -9 and -14 < late[2] - late[1] < -9


def test_one_seed_gives_one_result_and_the_source_is_left_alone() -> None:
    clips = speech()
    before = clips.copy()
    defaults = AugmentationSettings(equalizer_db=6, reverberation_ms=200)
    first, again, other = (augment(clips, defaults, HISS, np.random.default_rng(s), RATE) for s in (5, 5, 6))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(clips, before)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 5),
    samples=st.integers(1, 3000),
    shift=st.floats(0, 400),
    gain=st.floats(0, 60),
    speed=st.floats(0, 0.49),
    probability=st.floats(0, 1),
    equalizer=st.floats(0, 60),
    room=st.sampled_from([0.0, 50.0, 333.3]),
    rate=st.sampled_from([4000, 8000, 16000]),
    fill=st.sampled_from([0, 1, 32767, -32768]),
)
def test_any_settings_and_any_clip_keep_shape_and_type(
    count: int,
    samples: int,
    shift: float,
    gain: float,
    speed: float,
    probability: float,
    equalizer: float,
    room: float,
    rate: int,
    fill: int,
) -> None:
    clips = np.full((count, samples), fill, np.int16)
    wanted = {"time_shift_ms": shift, "gain_db": gain, "speed": speed, "noise_probability": probability}
    changed = apply(clips, **wanted, equalizer_db=equalizer, reverberation_ms=room, rate=rate)
    assert changed.shape == clips.shape and changed.dtype == np.int16
