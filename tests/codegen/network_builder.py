"""int8 .tflite files written through the schema's object classes, without TensorFlow.

A builder carries a few float samples through the layers as it adds them, so that every tensor gets a scale and zero
point that its values fill: outputs that are all saturated would agree between engines for no good reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

SAMPLES = 6
ACTIVATIONS = {
    schema.ActivationFunctionType.NONE: (-np.inf, np.inf),
    schema.ActivationFunctionType.RELU: (0.0, np.inf),
    schema.ActivationFunctionType.RELU6: (0.0, 6.0),
    schema.ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
}


@dataclass(frozen=True)
class Affine:
    scale: float
    zero_point: int


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the model under construction and its float samples [SAMPLES, ...]."""

    index: int
    shape: tuple[int, ...]  # with the batch axis
    samples: np.ndarray[Any, Any]
    affine: Affine


class NetworkBuilder:
    """Adds layers to a model; every method that adds one returns its output."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.bias_spread = 0.5  # standard deviation, beside sums of about 1
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = "random"
        self.model.operatorCodes = []
        self.model.buffers = [schema.BufferT()]
        self.model.subgraphs = [self.graph]

    def input(self, shape: tuple[int, ...]) -> Value:
        value = self.value(self.rng.normal(size=(SAMPLES, *shape[1:])), shape)
        self.graph.inputs = [value.index]
        return value

    def finish(self, output: Value) -> bytes:
        self.graph.outputs = [output.index]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def affine_for(self, samples: np.ndarray[Any, Any]) -> Affine:
        """A scale and zero point that the samples fill, give or take some saturation and some room."""
        low, high = min(0.0, float(samples.min())), max(0.0, float(samples.max()))
        scale = float(np.float32(max(high - low, 1e-3) / 255.0 * self.rng.uniform(0.7, 1.2)))
        return Affine(scale, int(np.clip(round(-128 - low / scale), -128, 127)))

    def value(self, samples: np.ndarray[Any, Any], shape: Sequence[int], affine: Affine | None = None) -> Value:
        affine = affine or self.affine_for(samples)
        stored = np.clip(np.round(samples / affine.scale) + affine.zero_point, -128, 127)
        index = self._tensor(tuple(shape), schema.TensorType.INT8, [affine.scale], [affine.zero_point], 0, None)
        return Value(index, tuple(shape), (stored - affine.zero_point) * affine.scale, affine)

    def constant(self, values: np.ndarray[Any, Any]) -> Value:
        """A constant int8 activation of the shape of `values` (float)."""
        affine = self.affine_for(values)
        stored = np.clip(np.round(values / affine.scale) + affine.zero_point, -128, 127).astype(np.int8)
        real = (stored - float(affine.zero_point)) * affine.scale
        index = self._tensor(values.shape, schema.TensorType.INT8, [affine.scale], [affine.zero_point], 0, stored)
        return Value(index, values.shape, np.broadcast_to(real, (SAMPLES, *values.shape[1:])), affine)

    def integers(self, values: Sequence[int]) -> int:
        return self._tensor((len(values),), schema.TensorType.INT32, None, None, 0, np.array(values, np.int32))

    def _tensor(
        self, shape: Sequence[int], kind: int, scale: Any, zero_point: Any, axis: int, data: np.ndarray[Any, Any] | None
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name = list(shape), kind, f"t{len(self.graph.tensors)}"
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = list(scale), list(zero_point)
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None) -> None:
        number = getattr(schema.BuiltinOperator, kind)
        codes = [code.builtinCode for code in self.model.operatorCodes]
        if number not in codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
            self.model.operatorCodes.append(code)
            codes.append(number)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = codes.index(number), list(inputs), list(outputs)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(operator)

    def weights(self, shape: tuple[int, ...], axis: int, x: Value, *, bias: bool, per_channel: bool) -> Any:
        """Tensor indices of weights and bias (or none), and both as floats."""
        rng, channels = self.rng, shape[axis]
        stored = rng.integers(-127, 128, shape).astype(np.int8)
        if rng.random() < 0.1:
            stored[rng.random(shape) < 0.05] = -128  # outside of the specification, and met in the wild
        fan_in = stored.size // channels
        scales = rng.uniform(0.2, 2.0, channels if per_channel else 1) / (73.0 * np.sqrt(fan_in))
        if len(scales) > 1 and rng.random() < 0.1:
            scales[int(rng.integers(len(scales)))] *= 1e-7  # a channel that training has let die
        scales = scales.astype(np.float32).astype(np.float64)
        index = self._tensor(shape, schema.TensorType.INT8, scales, [0] * len(scales), axis, stored)
        spread = scales.reshape([-1 if i == axis and per_channel else 1 for i in range(len(shape))])
        real = stored * spread
        if not bias:
            return [index], real, np.zeros(channels)
        bias_scales = (scales * x.affine.scale).astype(np.float32)
        bias_stored = np.clip(
            np.round(rng.normal(size=channels) * self.bias_spread / bias_scales), -(1 << 18), 1 << 18
        ).astype(np.int32)
        bias_index = self._tensor(
            (channels,), schema.TensorType.INT32, bias_scales, [0] * len(bias_scales), 0, bias_stored
        )
        return [index, bias_index], real, bias_stored * bias_scales

    def activated(self, samples: np.ndarray[Any, Any], shape: Sequence[int], activation: int) -> Value:
        return self.value(np.clip(samples, *ACTIVATIONS[activation]), shape)


def windows(
    x: np.ndarray[Any, Any], kernel: Any, stride: Any, dilation: Any, same: bool, fill: float
) -> np.ndarray[Any, Any]:
    """[n, height, width, channels] to [n, rows, columns, kernel height, kernel width, channels]; SAME as TensorFlow."""
    pads = [(0, 0)]
    for axis in range(2):
        size, reach = x.shape[1 + axis], (kernel[axis] - 1) * dilation[axis] + 1
        outputs = -(-size // stride[axis])
        total = max(0, (outputs - 1) * stride[axis] + reach - size) if same else 0
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, [*pads, (0, 0)], constant_values=fill)
    reach = [(kernel[axis] - 1) * dilation[axis] + 1 for axis in range(2)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))
    view = view[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    return np.moveaxis(view, 3, 5)
