"""A colour has the slope that its name promises; a bank gives every moment a chance and keeps splits apart."""

from __future__ import annotations

import numpy as np
import pytest

from kws_edge.corpus.noise import COLOURS, NoiseBank, coloured_noise, split_in_time, synthetic_bank

SLOPES_DB_PER_OCTAVE = {"white": 0, "pink": -3, "blue": 3, "brown": -6, "violet": 6}


def slope_db_per_octave(noise: np.ndarray, sample_rate_hz: int) -> float:
    """Slope of the power spectral density between 60 Hz and 0.45 of the rate: Welch's method with a Hann window, then a
    straight line through octave-spaced bands."""
    length = 2048
    segments = np.lib.stride_tricks.sliding_window_view(noise, length)[:: length // 2]
    power = (np.abs(np.fft.rfft(segments * np.hanning(length))) ** 2).mean(axis=0)
    frequency = np.fft.rfftfreq(length, 1 / sample_rate_hz)
    edges = 60 * 2 ** np.arange(0, np.log2(0.45 * sample_rate_hz / 60), 0.5)
    bands = [(low * 2**0.25, power[(frequency >= low) & (frequency < low * 2**0.5)].mean()) for low in edges[:-1]]
    centres, levels = np.array(bands).T
    return float(np.polyfit(np.log2(centres), 10 * np.log10(levels), 1)[0])


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("colour", COLOURS)
def test_each_colour_has_its_slope(colour: str, rate: int) -> None:
    noise = coloured_noise(colour, 30 * rate, rate, np.random.default_rng(7))
    assert noise.dtype == np.float32
    assert slope_db_per_octave(noise, rate) == pytest.approx(SLOPES_DB_PER_OCTAVE[colour], abs=0.25)
    assert np.sqrt(np.mean(noise.astype(float) ** 2)) == pytest.approx(1, abs=1e-3)
    assert abs(noise.mean()) < 1e-3


def test_the_bank_of_colours_keeps_the_slopes_after_rounding() -> None:
    bank = synthetic_bank(8000)
    parts = np.split(bank.samples, np.cumsum(bank.lengths)[:-1])
    for colour, part in zip(COLOURS, parts, strict=True):
        assert slope_db_per_octave(part.astype(float), 8000) == pytest.approx(SLOPES_DB_PER_OCTAVE[colour], abs=0.3)
        assert np.abs(part).max() < 32767


def test_banks_of_colours_differ_by_seed_and_repeat_by_it() -> None:
    synthetic_bank.cache_clear()
    first = synthetic_bank(8000, 1).samples.copy()
    synthetic_bank.cache_clear()
    assert np.array_equal(synthetic_bank(8000, 1).samples, first)
    assert not np.array_equal(synthetic_bank(8000, 2).samples, first)


def test_crops_reach_every_position_and_never_span_two_recordings() -> None:
    bank = NoiseBank.of([np.arange(10, dtype=np.int16), np.arange(100, 106, dtype=np.int16), np.array([7], np.int16)])
    crops = bank.crops(2000, 4, np.random.default_rng(0))
    assert crops.dtype == np.int16 and crops.shape == (2000, 4)
    assert (np.diff(crops.astype(int), axis=1) == 1).all()
    assert set(crops[:, 0]) == {*range(7), *range(100, 103)}


def test_a_bank_shorter_than_a_crop_is_repeated() -> None:
    bank = NoiseBank.of([np.array([1, 2], np.int16), np.array([3], np.int16)])
    assert bank.crops(1, 7, np.random.default_rng(0)).tolist() == [[1, 2, 3, 1, 2, 3, 1]]


def test_a_bank_whose_lengths_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not make up 5 samples"):
        NoiseBank(np.zeros(5, np.int16), (2, 2))


def test_splits_of_recordings_share_no_moment() -> None:
    # every sample of the recordings is a value of its own
    long = np.arange(-30000, -5000, dtype=np.int16)
    short = [np.arange(0, 900, dtype=np.int16), np.arange(1000, 2100, dtype=np.int16)]
    banks = split_in_time([long, *short], clip_samples=100)
    assert banks is not None
    heard = [set(bank.samples.tolist()) for bank in banks]
    assert not heard[0] & heard[1] and not heard[0] & heard[2] and not heard[1] & heard[2]
    assert [len(h) for h in heard] == [20000 + 1600, 2500 + 200, 2500 + 200]


def test_nothing_to_share_out_is_no_bank() -> None:
    assert split_in_time([], 100) is None
    assert split_in_time([np.zeros(3, np.int16)], 100) is None
