"""One hash for what a front end computes: kept with a model, it tells later whether the features are still the same."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from kws_edge.frontend.native import features
from kws_edge.spec import FeatureSpec

# of a glide, so that it passes every filter
_LOWEST_STEP = 300
_STEP_GROWTH = 5


def features_fingerprint(spec: FeatureSpec) -> str:
    """sha256 over the int8 features of two fixed clips, one of glides and one of noise from loud to faint.

    The clips are made of integers alone, so that the hash is the same on every machine as long as settings, tables and
    code give the same features. Raises SettingsError for a spec that integers cannot represent.
    """
    length = spec.clip_samples
    clips = np.stack([_glide(length), _noise(length)]).astype(np.int16)
    return hashlib.sha256(np.ascontiguousarray(features(clips, spec)).tobytes()).hexdigest()


def _glide(length: int) -> NDArray[np.int64]:
    """A triangle wave that rises, in bursts of growing loudness."""
    position = np.arange(length, dtype=np.int64)
    phase = np.cumsum(_LOWEST_STEP + _STEP_GROWTH * position) & 0xFFFF
    triangle: NDArray[np.int64] = np.abs(phase - 0x8000) - 0x4000
    return triangle * (1 + (position >> 9 & 7)) // 8


def _noise(length: int) -> NDArray[np.int64]:
    """A multiply-and-shift hash of the position, halved eight times on its way."""
    value = np.arange(1, length + 1, dtype=np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        value = (value ^ value >> np.uint32(shift)) * np.uint32(factor)
    samples: NDArray[np.int64] = (value >> np.uint32(16)).astype(np.int64) - 0x8000
    return samples >> 8 * np.arange(length, dtype=np.int64) // length
