"""What a spec means in real numbers: window, mel filters, cepstrum matrix. Integer tables are rounded from these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kws_edge.spec import FeatureSpec

Float64Array = NDArray[np.float64]

# regression over 5 frames, oldest first: sum of n * (c[t+n] - c[t-n]) over 2 * sum of n^2, shifted by two to be causal
DELTA_WEIGHTS = (-2, -1, 0, 1, 2)
DELTA_DIVISOR = 10


def window(spec: FeatureSpec) -> Float64Array:
    """The symmetric analysis window, float64[window_samples], 0 to 1."""
    count = spec.window_samples
    if spec.window_function == "rectangular":
        return np.ones(count)
    floor = 0.0 if spec.window_function == "hann" else 0.08
    turn = 2 * np.pi * np.arange(count) / (count - 1)
    return (1 + floor) / 2 - (1 - floor) / 2 * np.cos(turn)


def mel_edges(spec: FeatureSpec) -> NDArray[np.int64]:
    """Bins between which the triangles lie, int64[mel_bands + 2], ascending but not always distinct.

    Points equally spaced on the mel scale ``2595 log10(1 + f / 700)``, floored to bins of ``fft_length + 1`` steps:
    python_speech_features' `get_filterbanks`.
    """
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (spec.mel_lower_hz, spec.mel_upper_edge_hz))
    hertz = 700 * (10 ** (np.linspace(low, high, spec.mel_bands + 2) / 2595) - 1)
    return np.floor((spec.transform_length + 1) * hertz / spec.sample_rate_hz).astype(np.int64)


def mel_weights(spec: FeatureSpec) -> Float64Array:
    """Triangular filters, float64[fft_length // 2 + 1, mel_bands], peak 1.

    On the bins between two edges the falling side of one filter and the rising side of the next add up to 1.
    """
    edges = mel_edges(spec)
    weights = np.zeros((spec.transform_length // 2 + 1, spec.mel_bands))
    for band, (left, peak, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rising, falling = np.arange(left, peak), np.arange(peak, right)
        weights[rising, band] = (rising - left) / max(peak - left, 1)
        weights[falling, band] = (right - falling) / max(right - peak, 1)
    return weights


def cepstrum_matrix(spec: FeatureSpec) -> Float64Array:
    """Orthonormal DCT-II with the lifter ``1 + L/2 sin(pi n / L)`` in its columns, float64[mel_bands, coefficients]."""
    n = np.arange(spec.coefficients)
    bands = np.arange(spec.mel_bands)[:, None]
    matrix = np.sqrt(2 / spec.mel_bands) * np.cos(np.pi * n * (2 * bands + 1) / (2 * spec.mel_bands))
    matrix[:, 0] /= np.sqrt(2)
    if spec.cepstral_lifter:
        matrix *= 1 + spec.cepstral_lifter / 2 * np.sin(np.pi * n / spec.cepstral_lifter)
    return np.asarray(matrix)


def column_mean(spec: FeatureSpec) -> Float64Array:
    """What is subtracted from each column, float64[columns]."""
    return np.array(spec.mean or (0.0,) * spec.columns)


def column_std(spec: FeatureSpec) -> Float64Array:
    """What each column is divided by, float64[columns]."""
    return np.array(spec.std or (1.0,) * spec.columns)
