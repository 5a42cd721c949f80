"""Clips to int8 features: one specification in integers, one C implementation of it, one float reference."""

from __future__ import annotations

from kws_edge.frontend.mfcc_fixed import reference_features
from kws_edge.frontend.mfcc_float import float_features, quantize
from kws_edge.frontend.native import Stream, features

__all__ = ["Stream", "features", "float_features", "quantize", "reference_features"]
