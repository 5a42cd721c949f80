"""The mel filters that both peers use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peers.sounds import SPEC, Float


def mel_of(frequency_hz: npt.ArrayLike) -> Float:
    """Both peers' mel scale (O'Shaughnessy's, in natural logarithms)."""
    return 1127.0 * np.log1p(np.asarray(frequency_hz, np.float64) / 700.0)


def triangles(first_bin: int, upper_hz: float) -> Float:
    """Mel filters, [bands, bins]: sides straight on the mel scale, nothing below `first_bin`."""
    edges = np.linspace(mel_of(SPEC.mel_lower_hz), mel_of(upper_hz), SPEC.mel_bands + 2)
    bins = mel_of(np.arange(SPEC.transform_length // 2 + 1) * SPEC.sample_rate_hz / SPEC.transform_length)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[:, :first_bin] = 0
    return weights
