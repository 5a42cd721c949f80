"""Power spectra and their logarithm in floating point: the first half of the MFCC and a kind of features by itself."""

from __future__ import annotations

import numpy as np

from kws_edge.frontend.framing import Clips, frames_of
from kws_edge.frontend.real_tables import Float64Array, window
from kws_edge.spec import FeatureSpec


def power_spectrum(clips: Clips, spec: FeatureSpec) -> Float64Array:
    """``|X|^2 / fft_length`` of every windowed frame, float64[n, frames, fft_length // 2 + 1].

    `clips` is int16[n, samples] at int16 scale. Pre-emphasis runs over the signal, before which lies silence.
    """
    signal = clips.astype(np.float64)
    signal[:, 1:] -= spec.preemphasis * clips[:, :-1]
    spectrum = np.fft.rfft(frames_of(signal, spec) * window(spec), spec.transform_length)
    return (spectrum.real**2 + spectrum.imag**2) / spec.transform_length


def log_energy(energy: Float64Array, spec: FeatureSpec) -> Float64Array:
    """Natural logarithm of energies that are raised to `energy_floor`; a floor of 0 takes epsilon for 0."""
    floored = np.maximum(energy, spec.energy_floor)
    return np.log(np.where(floored == 0, np.finfo(np.float64).eps, floored))


def log_spectrogram(clips: Clips, spec: FeatureSpec) -> Float64Array:
    """Natural logarithm of the power spectrum, float64[n, frames, fft_length // 2 + 1], before normalization."""
    return log_energy(power_spectrum(clips, spec), spec)
