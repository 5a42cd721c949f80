"""Change training clips as rooms, microphones and people do: time, speed, level and background, a batch at a time.

Everything works on whole batches and nothing on single samples, so that a batch of 100 one-second clips takes about ten
milliseconds of one core, some thirty with an equalizer or a room: the thread that prepares it can run beside training.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from kws_edge.corpus.audio import Samples
from kws_edge.corpus.noise import NoiseBank, synthetic_bank
from kws_edge.spec import AugmentationSettings

Float = npt.NDArray[np.float32]

# Speeds are whole percents: a block of 100 output samples then takes a whole number of input samples, and resampling a
# clip is a product with one small matrix.
_BLOCK = 100
# Input samples under the interpolating filter, and where its pass band ends as a part of the narrower band.
_TAPS = 32
_CUTOFF = 0.92
_KAISER_BETA = 6.0

# A clip quieter than one step of int16 has no level that noise could relate to; its noise gets a level in this range,
# in dB of full scale: from a quiet room to a loud one.
_SILENT_BELOW_POWER = 1.0
_SILENT_NOISE_DBFS = (-70.0, -25.0)
_FULL_SCALE = 32767.0

# The equalizer draws a gain at this many places, equally far apart on the mel scale from 0 Hz to half the sample rate:
# at 8 kHz every 300 mel, wider than the bands of a filterbank and narrower than a telephone's.
_EQUALIZER_PLACES = 8
# A room's echo starts this long after the direct sound and has this level against it, in dB.
_ECHO_DELAY_MS = 3.0
_ECHO_DB = (-20.0, 0.0)


def augment(
    clips: Samples, settings: AugmentationSettings, noise: NoiseBank, rng: np.random.Generator, sample_rate_hz: int
) -> Samples:
    """A changed copy of `clips` int16[n, samples], with the same shape; the same `rng` state gives the same copy.

    Every clip is shifted in time and changed in speed about its middle (zeros come in from outside), then put into a
    room and through an equalizer, if the settings ask for them: both change the voice alone. Then it gets noise from
    `noise` or of a synthetic colour with the settings' probability at a random signal-to-noise ratio (powers over the
    whole clip), then a gain. The gain stops where the clip would leave int16, so augmentation never clips; only noise
    added to a clip that is itself near full scale lowers it.
    """
    count = len(clips)
    percent = round(100 * settings.speed)
    speeds = rng.integers(-percent, percent + 1, count)
    reach = round(settings.time_shift_ms * sample_rate_hz / 1000)
    shifts = rng.integers(-reach, reach + 1, count)
    mixed = _moved(clips, speeds, shifts, percent, reach)
    if settings.reverberation_ms:
        mixed = _in_rooms(mixed, settings.reverberation_ms, rng, sample_rate_hz)
    if settings.equalizer_db:
        mixed = _equalized(mixed, settings.equalizer_db, rng, sample_rate_hz)
    _add_noise(mixed, settings, noise, rng, sample_rate_hz)
    gain = 10 ** (rng.uniform(-settings.gain_db, settings.gain_db, count) / 20)
    peak = np.maximum(mixed.max(axis=1), -mixed.min(axis=1))
    mixed *= np.minimum(gain, _FULL_SCALE / np.maximum(peak, 1)).astype(np.float32)[:, None]
    return np.rint(mixed, out=mixed).astype(np.int16)


def _moved(
    clips: Samples, speeds: npt.NDArray[np.int64], shifts: npt.NDArray[np.int64], percent: int, reach: int
) -> Float:
    """Move each clip `shifts` samples later, then play it at ``1 + speeds / 100`` times its speed about its middle."""
    count, samples = clips.shape
    blocks = -(-samples // _BLOCK)
    longest = (blocks + 1) * (_BLOCK + percent)
    before = reach + percent * samples // 200 + _TAPS + 1
    padded = np.zeros((count, before + longest + reach), np.int16)
    padded[:, before : before + samples] = clips
    moved = np.empty((count, samples), np.float32)
    for speed in np.unique(speeds):
        rows = np.flatnonzero(speeds == speed)
        # the clip's middle stays in place: input position of output 0 is middle - middle * (1 + speed / 100)
        first = before - round(int(speed) * samples / 200) - shifts[rows]
        if speed == 0:
            moved[rows] = sliding_window_view(padded, samples, axis=1)[rows, first]
            continue
        advance = _BLOCK + int(speed)
        matrix = _resampling_matrix(advance)
        stretch = sliding_window_view(padded, (blocks + 1) * advance, axis=1)[rows, first - _TAPS // 2 + 1]
        inputs = stretch.astype(np.float32).reshape(len(rows), blocks + 1, advance)
        outputs = inputs[:, :-1] @ matrix[:advance]
        outputs += inputs[:, 1:, :_TAPS] @ matrix[advance:]
        moved[rows] = outputs.reshape(len(rows), -1)[:, :samples]
    return moved


@lru_cache(maxsize=128)
def _resampling_matrix(advance: int) -> Float:
    """float32[advance + _TAPS, _BLOCK]: input samples to the block of outputs that `advance` of them become.

    Column j is a Kaiser-windowed sinc about input position ``_TAPS / 2 - 1 + j * advance / _BLOCK``, its cut-off at the
    narrower of the two bands, scaled so that a constant stays what it is (Smith, "Digital Audio Resampling",
    ccrma.stanford.edu/~jos/resample).
    """
    centre = _TAPS // 2 - 1 + np.arange(_BLOCK) * (advance / _BLOCK)
    distance = np.arange(advance + _TAPS)[:, None] - centre[None, :]
    cutoff = _CUTOFF * min(1.0, _BLOCK / advance)
    inside = np.clip(1 - (distance / (_TAPS / 2)) ** 2, 0, None)
    window = np.where(inside > 0, np.i0(_KAISER_BETA * np.sqrt(inside)), 0)
    kernel = np.sinc(cutoff * distance) * window
    matrix: Float = (kernel / kernel.sum(axis=0)).astype(np.float32)
    return matrix


def _in_rooms(clips: Float, longest_ms: float, rng: np.random.Generator, sample_rate_hz: int) -> Float:
    """`clips` with an echo each: Gaussian noise whose level falls by 60 dB in up to `longest_ms`.

    The model of a diffuse field (Polack 1988; Moorer 1979, "About this reverberation business"); the direct sound stays
    as it is, and what rings on after the clip's end is cut off.
    """
    count, samples = clips.shape
    length = round(longest_ms * sample_rate_hz / 1000)
    delay = round(_ECHO_DELAY_MS * sample_rate_hz / 1000)
    decay_samples = rng.uniform(0.1, 1.0, (count, 1)) * length
    level = 10 ** (rng.uniform(*_ECHO_DB, (count, 1)) / 20)
    envelope = 10 ** (-3 * np.arange(length) / decay_samples)
    echo = rng.standard_normal((count, length), np.float32) * envelope.astype(np.float32)
    echo[:, : min(delay, length)] = 0
    echo *= (level / np.sqrt((echo**2).sum(axis=1, keepdims=True) + 1e-12)).astype(np.float32)
    echo[:, 0] = 1
    size = _transform_size(samples + length)
    heard = np.fft.irfft(np.fft.rfft(clips, size) * np.fft.rfft(echo, size), size)[:, :samples]
    return heard.astype(np.float32)


def _equalized(clips: Float, most_db: float, rng: np.random.Generator, sample_rate_hz: int) -> Float:
    """`clips`, each through its own zero-phase filter whose gain goes smoothly over mel, within +-`most_db`.

    The mel scale is that of the filterbank, `frontend.real_tables.mel_edges`.
    """
    count, samples = clips.shape
    size = _transform_size(samples + sample_rate_hz // 20)
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(size, 1 / sample_rate_hz) / 700)
    place = mel * ((_EQUALIZER_PLACES - 1) / mel[-1])
    left = np.minimum(place.astype(np.int64), _EQUALIZER_PLACES - 2)
    ease = (0.5 - 0.5 * np.cos(np.pi * (place - left))).astype(np.float32)
    gains_db = rng.uniform(-most_db, most_db, (count, _EQUALIZER_PLACES)).astype(np.float32)
    response = 10 ** ((gains_db[:, left] * (1 - ease) + gains_db[:, left + 1] * ease) / 20)
    heard = np.fft.irfft(np.fft.rfft(clips, size) * response, size)[:, :samples]
    return heard.astype(np.float32)


def _transform_size(least: int) -> int:
    """4, 5, 6 or 7 times a power of two, `least` or a little more: a length that transforms fast."""
    step = 1 << max(0, least.bit_length() - 3)
    return -(-least // step) * step


def _add_noise(
    mixed: Float, settings: AugmentationSettings, noise: NoiseBank, rng: np.random.Generator, sample_rate_hz: int
) -> None:
    count, samples = mixed.shape
    noisy = np.flatnonzero(rng.random(count) < settings.noise_probability)
    synthetic = rng.random(len(noisy)) < settings.synthetic_noise_share
    snr_db = rng.uniform(settings.snr_low_db, settings.snr_high_db, len(noisy))
    silent_dbfs = rng.uniform(*_SILENT_NOISE_DBFS, len(noisy))
    background = np.empty((len(noisy), samples), np.float32)
    background[synthetic] = synthetic_bank(sample_rate_hz).crops(int(synthetic.sum()), samples, rng)
    background[~synthetic] = noise.crops(int((~synthetic).sum()), samples, rng)
    signal = mixed[noisy]
    signal_power = np.einsum("ij,ij->i", signal, signal) / samples
    noise_power = np.einsum("ij,ij->i", background, background) / samples
    wanted_power = np.where(
        signal_power < _SILENT_BELOW_POWER,
        _FULL_SCALE**2 * 10 ** (silent_dbfs / 10),
        signal_power * 10 ** (-snr_db / 10),
    )
    # a stretch of digital silence in a recording stays silent rather than being divided by zero
    scale = np.sqrt(wanted_power / np.maximum(noise_power, 1e-3)) * (noise_power > 1e-3)
    background *= scale.astype(np.float32)[:, None]
    signal += background
    mixed[noisy] = signal
