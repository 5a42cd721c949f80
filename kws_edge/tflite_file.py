"""What a .tflite file says of itself: its operators, and the shape and quantization of its input and output."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from kws_edge.errors import ConversionError


@dataclass(frozen=True)
class TensorInfo:
    """One tensor at a model's edge."""

    # batch first, as the file stores it
    shape: tuple[int, ...]
    # NumPy's name: "int8", "float32"
    dtype: str
    # real value of one step and the integer that stands for 0.0; 1.0 and 0 for a float tensor
    scale: float = 1.0
    zero_point: int = 0


@dataclass(frozen=True)
class ModelSummary:
    """What the first subgraph of a model computes with, and on what."""

    input: TensorInfo
    output: TensorInfo
    # one name of the TFLite schema per operator, in order of execution: "CONV_2D", "DEPTHWISE_CONV_2D"
    operators: tuple[str, ...]

    @property
    def distinct_operators(self) -> tuple[str, ...]:
        """Each kind of operator once, in order of first use: what an op resolver has to register."""
        return tuple(dict.fromkeys(self.operators))


def summarize(model: bytes) -> ModelSummary:
    """Read the operators and the edges of `model`, the bytes of a .tflite file with one input and one output.

    Raises ConversionError when they are no such file. Source of the layout: TFLite's schema, through the reader that
    LiteRT generates from it.
    """
    from kws_edge.tflite_schema import schema

    if model[4:8] != b"TFL3":
        raise ConversionError(f"these {len(model)} bytes are no TFLite model: the identifier TFL3 is missing")
    try:
        parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
        graph = parsed.subgraphs[0]
        builtin_names = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in parsed.operatorCodes]
        operators = tuple(builtin_names[codes[operator.opcodeIndex]] for operator in graph.operators)
        edges = []
        for role, indices in (("input", graph.inputs), ("output", graph.outputs)):
            if len(indices) != 1:
                raise ConversionError(f"the model has {len(indices)} {role} tensors; it must have exactly one")
            edges.append(tensor_info(graph.tensors[indices[0]]))
    except (struct.error, IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConversionError(f"the TFLite model is damaged ({type(error).__name__}: {error})") from error
    return ModelSummary(edges[0], edges[1], operators)


def tensor_info(tensor: Any) -> TensorInfo:
    """Shape and quantization of a tensor as the schema's reader has it; of scales per channel the first."""
    from kws_edge.tflite_schema import schema

    dtype_names = {value: name.lower() for name, value in vars(schema.TensorType).items() if name.isupper()}
    shape = tuple(int(size) for size in tensor.shape)
    dtype = dtype_names[tensor.type]
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or len(quantization.scale) == 0:
        return TensorInfo(shape, dtype)
    return TensorInfo(shape, dtype, float(quantization.scale[0]), int(quantization.zeroPoint[0]))
