"""An operator of a .tflite file under validation: its tensors and options, and errors that name it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from firmware_export.codegen import ir
from firmware_export.codegen.fixed_point import quantized
from firmware_export.codegen.tflite_file import RawModel, RawOperator
from kws_edge.errors import ExportError
from kws_edge.tflite_schema import schema

TFLM_INSTEAD = "use --engine tflm, which runs every operator that TensorFlow Lite Micro has"


class Operands:
    """An operator under validation: access to its tensors and options, and errors that name it."""

    def __init__(self, raw: RawModel, operator: RawOperator, source: str) -> None:
        self._raw = raw
        self._operator = operator
        self._source = source
        self.kind = operator.kind

    def error(self, what: str) -> ExportError:
        place = f"operator {self._operator.number} ({self.kind})"
        return ExportError(f"{self._source}: {place}: {what}; {TFLM_INSTEAD}")

    def require(self, condition: bool, what: str) -> None:
        if not condition:
            raise self.error(what)

    def counts(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        self.require(len(self._operator.inputs) in inputs, f"it has {len(self._operator.inputs)} inputs")
        self.require(len(self._operator.outputs) in outputs, f"it has {len(self._operator.outputs)} outputs")

    def options(self, name: str) -> Any:
        """The options table; TFLM, too, refuses an operator without the one of its kind."""
        found = self._operator.options
        self.require(type(found).__name__ == name, f"its options are not {name}")
        return found

    @property
    def input_count(self) -> int:
        return len(self._operator.inputs)

    @property
    def output_count(self) -> int:
        return len(self._operator.outputs)

    def _tensor(self, index: int) -> ir.Tensor:
        self.require(index >= 0, "it leaves out a tensor that it needs")
        entry = self._raw.tensors[index]
        if entry.tensor is None:
            raise self.error(f"tensor {index} ({entry.name!r}) is {entry.type_name}, and this engine computes in int8")
        return entry.tensor

    def input(self, position: int) -> ir.Tensor:
        """An int8 activation or constant with one scale."""
        return self._activation(self._tensor(self._operator.inputs[position]))

    def output(self, position: int = 0) -> ir.Tensor:
        """An int8 activation with one scale."""
        return self._activation(self._tensor(self._operator.outputs[position]))

    def _activation(self, tensor: ir.Tensor) -> ir.Tensor:
        self.require(tensor.dtype == "int8", f"tensor {tensor.index} ({tensor.name!r}) is {tensor.dtype}, not int8")
        quantization = tensor.quantization
        if quantization is None or len(quantization.scale) != 1 or quantization.scale[0] <= 0.0:
            raise self.error(f"tensor {tensor.index} ({tensor.name!r}) has no single positive scale")
        self.require(-128 <= quantization.zero_point[0] <= 127, f"tensor {tensor.index} has an impossible zero point")
        return tensor

    def weights(self, position: int, axes: int, channel_axis: int) -> ir.Tensor:
        """Constant symmetric int8 weights with one scale, or one for each channel."""
        tensor = self._tensor(self._operator.inputs[position])
        self.require(tensor.dtype == "int8" and tensor.data is not None, "its weights are not constant int8")
        self.require(len(tensor.shape) == axes, f"its weights have {len(tensor.shape)} axes")
        quantization = tensor.quantization
        if quantization is None:
            raise self.error("its weights have no scale")
        self.require(
            len(quantization.scale) == 1 or quantization.axis == channel_axis, "its scales are not per output channel"
        )
        self.require(not any(quantization.zero_point), "its weights have a zero point")
        return tensor

    def bias(self, position: int, channels: int) -> ir.Tensor | None:
        """Constant int32 biases, or None when left out."""
        if position >= self.input_count or self._operator.inputs[position] < 0:
            return None
        tensor = self._tensor(self._operator.inputs[position])
        self.require(tensor.dtype == "int32" and tensor.data is not None, "its bias is not constant int32")
        self.require(tensor.elements == channels, f"its bias has {tensor.elements} values for {channels} channels")
        return tensor

    def integers(self, position: int) -> tuple[int, ...]:
        """A constant int32 argument, flattened."""
        tensor = self._tensor(self._operator.inputs[position])
        if tensor.dtype != "int32" or tensor.data is None:
            raise self.error(f"argument {position} is not constant int32")
        self.require(tensor.elements <= 16, f"argument {position} has {tensor.elements} values")
        return tuple(int(value) for value in tensor.data.reshape(-1))

    def clamp(self, activation: int, output: ir.Tensor) -> ir.Pair:
        """The quantized range of a fused activation, as TFLM's CalculateActivationRangeQuantized has it."""
        kinds = schema.ActivationFunctionType
        ranges = {
            kinds.NONE: (None, None),
            kinds.RELU: (0.0, None),
            kinds.RELU_N1_TO_1: (-1.0, 1.0),
            kinds.RELU6: (0.0, 6.0),
        }
        self.require(activation in ranges, f"fused activation {activation} is not computed here")
        low, high = ranges[activation]
        self.require(low is None or 6.0 / output.scale < 2.0**31, "the output scale is too small for its activation")
        least = -128 if low is None else max(-128, quantized(low, output.scale, output.zero_point))
        most = 127 if high is None else min(127, quantized(high, output.scale, output.zero_point))
        self.require(least <= most, "its activation leaves no output value")
        return least, most

    def image(self, tensor: ir.Tensor) -> tuple[int, int, int]:
        """Height, width and channels of a [1, height, width, channels] tensor."""
        self.require(len(tensor.shape) == 4 and tensor.shape[0] == 1, f"tensor {tensor.index} is not one image")
        self.require(max(tensor.shape) < 1 << 15, f"tensor {tensor.index} has shape {list(tensor.shape)}")
        return tensor.shape[1], tensor.shape[2], tensor.shape[3]

    def window(
        self, given: ir.Tensor, made: ir.Tensor, kernel: ir.Pair, stride: ir.Pair, dilation: ir.Pair, padding: int
    ) -> ir.Window:
        """Padding and output size as TFLM computes them; the output tensor must have that size."""
        self.require(padding in (schema.Padding.SAME, schema.Padding.VALID), f"padding {padding} is unknown")
        pads = []
        for axis in range(2):
            size = self.image(given)[axis]
            for value, what in ((kernel[axis], "kernel size"), (stride[axis], "stride"), (dilation[axis], "dilation")):
                self.require(1 <= value < 1 << 15, f"{what} {value} is impossible")
            reach = (kernel[axis] - 1) * dilation[axis] + 1
            if padding == schema.Padding.SAME:
                outputs = -(-size // stride[axis])
            else:
                outputs = max(0, -(-(size - reach + 1) // stride[axis]))
            self.require(
                self.image(made)[axis] == outputs, f"its output is {list(made.shape)}, not {outputs} on axis {axis + 1}"
            )
            pads.append(max(0, (outputs - 1) * stride[axis] + reach - size) // 2)
            self.require(pads[-1] < 1 << 15, "its padding is impossible")
        return ir.Window(kernel=kernel, stride=stride, dilation=dilation, pad=(pads[0], pads[1]))


Reader: TypeAlias = Callable[[Operands], ir.Operator]
