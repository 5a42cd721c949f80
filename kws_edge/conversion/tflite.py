"""Keras to full-int8 and float TFLite, from a concrete function with batch 1, checked before anyone sees the model."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from kws_edge.errors import ConversionError
from kws_edge.native_notices import without_native_notices
from kws_edge.spec import FeatureSpec

# ops that both TensorFlow Lite Micro and the ahead-of-time engine have in int8; TFLM alone has more
TFLM_OPS = frozenset(
    {
        "ADD",
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "LOGISTIC",
        "MAX_POOL_2D",
        "MEAN",
        "MUL",
        "PAD",
        "QUANTIZE",
        "RELU",
        "RELU6",
        "RESHAPE",
        "SOFTMAX",
        "SPLIT",
        "STRIDED_SLICE",
    }
)
REPRESENTATIVE_ROWS = 16  # the converter demands a data set even though every range is already in the graph


def _converter(model: keras.Model) -> Any:
    shape = [1, *model.inputs[0].shape[1:]]
    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="features"))
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)


def _run(converter: Any) -> bytes:
    # the converter prints to the process's own streams, past Python's logging
    with without_native_notices(), contextlib.redirect_stdout(io.StringIO()):
        try:
            return bytes(converter.convert())
        except Exception as error:  # the converter raises many kinds; all mean the same to the user
            failure = error
    raise ConversionError(f"TensorFlow's converter refused the model: {failure}") from failure


def convert_float(model: keras.Model) -> bytes:
    """Float32 TFLite of a network in the float_export form. Raises ConversionError."""
    return _run(_converter(model))


def convert_int8(model: keras.Model, features: np.ndarray[Any, Any], spec: FeatureSpec) -> bytes:
    """Full-int8 TFLite of a network in the int8_export form.

    `features` are some int8 [n, frames, columns] of real clips. Raises ConversionError when the result has a float
    tensor, a dynamic shape, an op that the firmware lacks, or an input that is not on the spec's own grid.
    """
    rows = (features[:REPRESENTATIVE_ROWS].astype(np.float32) - spec.zero_point) * np.float32(spec.scale)
    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[np.newaxis, ..., np.newaxis]] for row in rows)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content = _run(converter)
    check_int8(content, spec)
    return content


def check_int8(content: bytes, spec: FeatureSpec) -> tuple[str, ...]:
    """Raise ConversionError unless the model is fit for the firmware; returns the ops it uses, each once, in order."""
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    (features,), (logits,) = interpreter.get_input_details(), interpreter.get_output_details()
    expected = (1, *spec.shape, 1)
    if tuple(features["shape"]) != expected or any(size < 1 for size in features["shape_signature"]):
        raise ConversionError(f"the model's input is {tuple(features['shape_signature'])}, the spec's is {expected}")
    for end in (features, logits):
        if end["dtype"] is not np.int8:
            raise ConversionError(f"tensor {end['name']!r} is {end['dtype'].__name__}, the firmware needs int8")
    scale, zero_point = features["quantization"]
    if np.float32(scale) != np.float32(spec.scale) or zero_point != spec.zero_point:
        raise ConversionError(
            f"the model's input grid is scale {scale}, zero point {zero_point}; the front end's is {spec.scale}, "
            f"{spec.zero_point}: features would be misread"
        )
    for tensor in interpreter.get_tensor_details():
        if tensor["dtype"] not in (np.int8, np.int32):
            raise ConversionError(f"tensor {tensor['name']!r} is {tensor['dtype'].__name__}; int8 is not full")
        if any(size < 0 for size in tensor["shape_signature"]):
            raise ConversionError(f"tensor {tensor['name']!r} has the dynamic shape {tensor['shape_signature']}")
    ops = tuple(dict.fromkeys(op["op_name"] for op in interpreter._get_ops_details()))
    strangers = [op for op in ops if op not in TFLM_OPS and op != "DELEGATE"]
    if strangers:
        raise ConversionError(f"the model uses {', '.join(strangers)}, which the firmware lacks")
    return ops
