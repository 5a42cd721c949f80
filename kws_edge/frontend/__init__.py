"""Clips to int8 features: one specification in integers, one C implementation of it, one float reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kws_edge.frontend.framing import Clips
from kws_edge.frontend.mfcc_float import float_features, quantize
from kws_edge.spec import FeatureSpec

__all__ = ["features", "float_features", "quantize", "reference_features"]


def features(clips: Clips, spec: FeatureSpec) -> NDArray[np.int8]:
    """int8[n, frames, columns] of int16[n, samples] at the model's input scale and zero point."""
    return quantize(float_features(clips, spec), spec)


def reference_features(clips: Clips, spec: FeatureSpec) -> NDArray[np.int8]:
    """int8[n, frames, columns] of int16[n, samples], by the specification."""
    return quantize(float_features(clips, spec), spec)
