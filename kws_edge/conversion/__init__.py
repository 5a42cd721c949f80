"""Keras to TFLite, and what must hold of the result."""

from kws_edge.conversion.tflite import TFLM_OPS, check_int8, convert_float, convert_int8

__all__ = ["TFLM_OPS", "check_int8", "convert_float", "convert_int8"]
