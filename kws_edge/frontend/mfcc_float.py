"""The MFCC in floating point, in python_speech_features' convention: what the integers are held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kws_edge.frontend.framing import Clips, Progress, blocks, checked_clips, frame_count
from kws_edge.frontend.real_tables import (
    DELTA_DIVISOR,
    DELTA_WEIGHTS,
    Float64Array,
    cepstrum_matrix,
    column_mean,
    column_std,
    mel_weights,
)
from kws_edge.frontend.spectrogram import log_energy, log_spectrogram, power_spectrum
from kws_edge.spec import FeatureSpec


def mfcc(clips: Clips, spec: FeatureSpec) -> Float64Array:
    """Cepstral coefficients with their deltas, float64[n, frames, columns], before normalization.

    Equal to ``python_speech_features.mfcc(clip, rate, winlen, winstep, numcep, nfilt, nfft, lowfreq, highfreq, preemph,
    ceplifter, appendEnergy, winfunc)``, except that energies are raised to `energy_floor` first and that no frame is
    padded at the end of the clip.
    """
    power = power_spectrum(clips, spec)
    cepstrum = log_energy(power @ mel_weights(spec), spec) @ cepstrum_matrix(spec)
    if spec.append_energy:
        cepstrum[..., 0] = log_energy(power.sum(axis=-1), spec)
    columns = [cepstrum]
    for _ in range(spec.deltas):
        columns.append(causal_delta(columns[-1]))
    return np.concatenate(columns, axis=-1)


def causal_delta(rows: Float64Array) -> Float64Array:
    """Slope per frame of [n, frames, columns], a regression over the frame and the four before it.

    The usual centred regression over 5 frames (HTK Book, section 5.9), two frames late so that a stream needs no look
    ahead; before the first frame lie copies of it.
    """
    padded = np.concatenate([np.repeat(rows[:, :1], len(DELTA_WEIGHTS) - 1, axis=1), rows], axis=1)
    count = rows.shape[1]
    total = sum(weight * padded[:, lag : lag + count] for lag, weight in enumerate(DELTA_WEIGHTS))
    return np.asarray(total / DELTA_DIVISOR)


def waveform(clips: Clips, spec: FeatureSpec) -> Float64Array:
    """The samples themselves at int16 scale, float64[n, samples, 1], before normalization."""
    return clips.astype(np.float64)[..., None]


def float_features(clips: Clips, spec: FeatureSpec, *, progress: Progress | None = None) -> NDArray[np.float32]:
    """Features before quantization, ``(x - mean) / std``, float32[n, frames, columns].

    `clips` is int16[n, samples], usually `spec.clip_samples` of them; `progress(done, total)` counts clips. Raises
    SettingsError for another type or shape, or for clips shorter than a window.
    """
    clips = checked_clips(clips, spec)
    compute = {"mfcc": mfcc, "log_spectrogram": log_spectrogram, "waveform": waveform}[spec.kind]
    result = np.empty((len(clips), frame_count(clips.shape[1], spec), spec.columns), np.float32)
    mean, std = column_mean(spec), column_std(spec)
    for place, block in blocks(clips, progress):
        result[place] = (compute(block, spec) - mean) / std
    return result


def quantize(values: NDArray[np.float32] | Float64Array, spec: FeatureSpec) -> NDArray[np.int8]:
    """Normalized features as int8 at the spec's scale and zero point: divided, rounded half up, shifted, clipped.

    Half up is what adding half a step and shifting right does in integers, so both paths round alike.
    """
    steps = np.floor(np.asarray(values, np.float64) / spec.scale + 0.5) + spec.zero_point
    quantized: NDArray[np.int8] = np.clip(steps, -128, 127).astype(np.int8)
    return quantized
