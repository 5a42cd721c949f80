"""From a .tflite file to the IR: types, shapes and attributes of every operator are checked against TFLM's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from firmware_export.codegen import ir
from firmware_export.codegen.fixed_point import quantized
from firmware_export.codegen.tflite_file import RawModel, RawOperator, malformed_is_an_error, read_model
from kws_edge.errors import ExportError

_TFLM_INSTEAD = "use --engine tflm, which runs every operator that TensorFlow Lite Micro has"

Reader = Callable[["_Operands"], ir.Operator]


def import_network(model: bytes, source: str) -> ir.Network:
    """The network in the .tflite file `model`; `source` names it in error messages.

    Raises ExportError for a malformed file and, with the way out, for an operator, type or attribute outside of what
    this engine computes.
    """
    raw = read_model(model, source)
    tensors = [entry.tensor for entry in raw.tensors]
    with malformed_is_an_error(source):
        operators = tuple(_operator(raw, operator, source) for operator in raw.operators)
    if len(raw.inputs) != 1 or len(raw.outputs) != 1:
        raise ExportError(
            f"{source}: {len(raw.inputs)} inputs and {len(raw.outputs)} outputs; this engine takes networks with "
            f"one of each; {_TFLM_INSTEAD}"
        )
    graph_input, graph_output = tensors[raw.inputs[0]], tensors[raw.outputs[0]]
    if graph_input is None or graph_output is None or graph_input.dtype != "int8" or graph_output.dtype != "int8":
        raise ExportError(
            f"{source}: input and output must be int8; convert with inference_input_type=tf.int8 and output"
        )
    _check_order(graph_input, graph_output, operators, source)
    return ir.Network(input=graph_input, output=graph_output, operators=operators)


def _check_order(
    graph_input: ir.Tensor, graph_output: ir.Tensor, operators: tuple[ir.Operator, ...], source: str
) -> None:
    known: set[ir.Tensor] = {graph_input}
    if graph_input.data is not None:
        raise ExportError(f"{source}: its input is a constant")
    for number, operator in enumerate(operators):
        for tensor in ir.reads(operator):
            if tensor.data is None and tensor not in known:
                raise ExportError(f"{source}: operator {number} reads tensor {tensor.index} before it is computed")
        for tensor in ir.writes(operator):
            if tensor.data is not None or tensor in known:
                raise ExportError(
                    f"{source}: operator {number} writes tensor {tensor.index}, which has a value already"
                )
            known.add(tensor)
    if graph_output not in known:
        raise ExportError(f"{source}: no operator computes its output")


class _Operands:
    """An operator under validation: access to its tensors and options, and errors that name it."""

    def __init__(self, raw: RawModel, operator: RawOperator, source: str) -> None:
        self._raw = raw
        self._operator = operator
        self._source = source
        self.kind = operator.kind

    def error(self, what: str) -> ExportError:
        place = f"operator {self._operator.number} ({self.kind})"
        return ExportError(f"{self._source}: {place}: {what}; {_TFLM_INSTEAD}")

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


def _operator(raw: RawModel, operator: RawOperator, source: str) -> ir.Operator:
    operands = _Operands(raw, operator, source)
    reader = _READERS.get(operator.kind)
    if reader is None:
        raise operands.error("this engine has no such operator")
    return reader(operands)


def _conv(op: _Operands) -> ir.Operator:
    op.counts((2, 3), (1,))
    options = op.options("Conv2DOptions")
    given, made = op.input(0), op.output()
    weights = op.weights(1, 4, 0)
    channels, height, width, depth = weights.shape
    op.require(op.image(given)[2] % depth == 0, f"{op.image(given)[2]} channels do not divide into groups of {depth}")
    op.require(channels % (op.image(given)[2] // depth) == 0, "its output channels do not divide into its groups")
    op.require(op.image(made)[2] == channels, f"its output has {op.image(made)[2]} channels for {channels} filters")
    stride = (options.StrideH(), options.StrideW())
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    window = op.window(given, made, (height, width), stride, dilation, options.Padding())
    clamp = op.clamp(options.FusedActivationFunction(), made)
    return ir.Conv2D(given, made, weights, op.bias(2, channels), window, clamp)


def _depthwise(op: _Operands) -> ir.Operator:
    op.counts((2, 3), (1,))
    options = op.options("DepthwiseConv2DOptions")
    given, made = op.input(0), op.output()
    weights = op.weights(1, 4, 3)
    one, height, width, channels = weights.shape
    op.require(one == 1 and channels % op.image(given)[2] == 0, f"its weights are {list(weights.shape)}")
    op.require(op.image(made)[2] == channels, f"its output has {op.image(made)[2]} channels for {channels} filters")
    multiplier = options.DepthMultiplier()
    op.require(multiplier == channels // op.image(given)[2], f"depth multiplier {multiplier} does not fit its weights")
    stride = (options.StrideH(), options.StrideW())
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    window = op.window(given, made, (height, width), stride, dilation, options.Padding())
    clamp = op.clamp(options.FusedActivationFunction(), made)
    return ir.DepthwiseConv2D(given, made, weights, op.bias(2, channels), window, clamp)


def _fully_connected(op: _Operands) -> ir.Operator:
    op.counts((2, 3), (1,))
    options = op.options("FullyConnectedOptions")
    given, made = op.input(0), op.output()
    weights = op.weights(1, 2, 0)
    units, depth = weights.shape
    default = schema.FullyConnectedOptionsWeightsFormat.DEFAULT
    op.require(options.WeightsFormat() == default, "its weights are shuffled")
    op.require(bool(made.shape) and made.shape[-1] == units, f"its output is {list(made.shape)} for {units} units")
    op.require(given.elements == made.elements // units * depth, f"{given.elements} inputs do not fit depth {depth}")
    op.require(max(units, depth, made.elements // units) < 1 << 15, f"its weights are {list(weights.shape)}")
    clamp = op.clamp(options.FusedActivationFunction(), made)
    return ir.FullyConnected(given, made, weights, op.bias(2, units), clamp)


def _pool(op: _Operands) -> ir.Operator:
    op.counts((1,), (1,))
    options = op.options("Pool2DOptions")
    given, made = op.input(0), op.output()
    op.require(op.image(given)[2] == op.image(made)[2], "it changes the number of channels")
    op.require(abs(given.scale - made.scale) <= 1e-6, "it changes the scale")
    op.require(given.zero_point == made.zero_point, "it changes the zero point")
    kernel = (options.FilterHeight(), options.FilterWidth())
    stride = (options.StrideH(), options.StrideW())
    window = op.window(given, made, kernel, stride, (1, 1), options.Padding())
    clamp = op.clamp(options.FusedActivationFunction(), made)
    return ir.Pool2D("average" if op.kind == "AVERAGE_POOL_2D" else "max", given, made, window, clamp)


def _mean(op: _Operands) -> ir.Operator:
    op.counts((2,), (1,))
    options = op.options("ReducerOptions")
    given, made = op.input(0), op.output()
    rank = len(given.shape)
    op.require(rank <= 4, f"it reduces a tensor of {rank} axes")
    given_axes = op.integers(1)
    op.require(
        all(-rank <= axis < rank for axis in given_axes), f"axes {given_axes} are not those of {list(given.shape)}"
    )
    axes = tuple(sorted({axis % rank for axis in given_axes}))
    keep = bool(options.KeepDims())
    shape = tuple(1 if i in axes else size for i, size in enumerate(given.shape) if keep or i not in axes)
    op.require(made.shape == shape, f"its output is {list(made.shape)}, not {list(shape)}")
    return ir.Mean(given, made, axes)


def _binary(op: _Operands) -> ir.Operator:
    op.counts((2,), (1,))
    options = op.options("AddOptions" if op.kind == "ADD" else "MulOptions")
    a, b, made = op.input(0), op.input(1), op.output()
    rank = max(len(a.shape), len(b.shape))
    op.require(rank <= 4, f"it broadcasts {rank} axes")
    extended = [(1,) * (rank - len(tensor.shape)) + tensor.shape for tensor in (a, b)]
    shape = tuple(max(sizes) for sizes in zip(*extended, strict=True))
    fits = all(size in (1, full) for one in extended for size, full in zip(one, shape, strict=True))
    op.require(fits and made.shape == shape, f"{list(a.shape)} and {list(b.shape)} do not make {list(made.shape)}")
    op.require(max(shape, default=1) < 1 << 16, f"its output is {list(made.shape)}")
    clamp = op.clamp(options.FusedActivationFunction(), made)
    return ir.Binary("add" if op.kind == "ADD" else "mul", a, b, made, clamp)


def _unary(op: _Operands) -> ir.Operator:
    op.counts((1,), (1,))
    given, made = op.input(0), op.output()
    op.require(given.shape == made.shape, f"it changes {list(given.shape)} to {list(made.shape)}")
    match op.kind:
        case "QUANTIZE":
            return ir.Unary("quantize", given, made)
        case "LOGISTIC":
            op.require(made.zero_point == -128, f"its output has zero point {made.zero_point}, not -128")
            return ir.Unary("logistic", given, made)
        case "RELU":
            return ir.Unary("relu", given, made)
        case _:
            return ir.Unary("relu6", given, made)


def _softmax(op: _Operands) -> ir.Operator:
    op.counts((1,), (1,))
    options = op.options("SoftmaxOptions")
    given, made = op.input(0), op.output()
    beta = float(options.Beta())
    op.require(bool(given.shape) and given.shape == made.shape, f"it changes {list(given.shape)} to {list(made.shape)}")
    op.require(made.scale == 1.0 / 256.0 and made.zero_point == -128, "its output is not in units of 1/256 from -128")
    op.require(given.shape[-1] < 1 << 9, f"it sums {given.shape[-1]} values; 511 are the most")
    op.require(given.elements // given.shape[-1] < 1 << 16, f"its input is {list(given.shape)}")
    op.require(1.0 < beta * given.scale * (1 << 26) < float("inf"), f"beta {beta} does not fit its input's scale")
    return ir.Softmax(given, made, beta)


def _reshape(op: _Operands) -> ir.Operator:
    op.counts((1, 2), (1,))
    given, made = op.input(0), op.output()
    op.require(given.elements == made.elements, f"{list(given.shape)} does not fill {list(made.shape)}")
    return ir.Reshape(given, made)


def _concatenation(op: _Operands) -> ir.Operator:
    op.counts(tuple(range(1, 11)), (1,))
    options = op.options("ConcatenationOptions")
    made = op.output()
    inputs = tuple(op.input(i) for i in range(op.input_count))
    rank = len(made.shape)
    axis = options.Axis()
    op.require(-rank <= axis < rank <= 4, f"axis {axis} of {list(made.shape)}")
    axis %= rank
    none = schema.ActivationFunctionType.NONE
    op.require(options.FusedActivationFunction() == none, "it has a fused activation")
    for tensor in inputs:
        op.require(
            len(tensor.shape) == rank
            and all(i == axis or size == made.shape[i] for i, size in enumerate(tensor.shape)),
            f"{list(tensor.shape)} does not fit into {list(made.shape)} along axis {axis}",
        )
        same = tensor.scale == made.scale and tensor.zero_point == made.zero_point
        op.require(same, f"tensor {tensor.index} has another scale than the output")
    op.require(sum(tensor.shape[axis] for tensor in inputs) == made.shape[axis], f"its inputs do not fill axis {axis}")
    return ir.Concatenation(inputs, made, axis)


def _split(op: _Operands) -> ir.Operator:
    op.require(op.input_count == 2 and 1 <= op.output_count <= 64, f"it has {op.output_count} outputs")
    axes = op.integers(0)
    given = op.input(1)
    outputs = tuple(op.output(i) for i in range(op.output_count))
    rank = len(given.shape)
    op.require(len(axes) == 1 and -rank <= axes[0] < rank <= 4, f"axis {axes} of {list(given.shape)}")
    axis = axes[0] % rank
    part = tuple(size // len(outputs) if i == axis else size for i, size in enumerate(given.shape))
    op.require(given.shape[axis] % len(outputs) == 0, f"axis {axis} does not divide by {len(outputs)}")
    op.require(all(tensor.shape == part for tensor in outputs), f"its outputs are not {list(part)}")
    op.require(len(set(outputs)) == len(outputs), "it writes a tensor twice")
    return ir.Split(given, outputs, axis)


def _pad(op: _Operands) -> ir.Operator:
    op.counts((3,) if op.kind == "PADV2" else (2,), (1,))
    given, made = op.input(0), op.output()
    rank = len(given.shape)
    amounts = op.integers(1)
    op.require(1 <= rank <= 4 and len(amounts) == 2 * rank, f"{len(amounts)} paddings for {rank} axes")
    before, after = amounts[0::2], amounts[1::2]
    op.require(all(0 <= amount < 1 << 15 for amount in amounts), f"paddings {amounts} are impossible")
    shape = tuple(b + size + a for b, size, a in zip(before, given.shape, after, strict=True))
    op.require(made.shape == shape, f"its output is {list(made.shape)}, not {list(shape)}")
    value = made.zero_point
    if op.kind == "PADV2":
        constant = op.input(2)
        if constant.data is None or constant.elements != 1:
            raise op.error("its padding value is not one constant")
        same = constant.scale == made.scale and constant.zero_point == made.zero_point
        op.require(same, "its padding value has another scale than the output")
        value = int(constant.data.reshape(-1)[0])
    return ir.Pad(given, made, before, value)


def _strided_slice(op: _Operands) -> ir.Operator:
    op.counts((4,), (1,))
    options = op.options("StridedSliceOptions")
    given, made = op.input(0), op.output()
    rank = len(given.shape)
    begin, end, step = op.integers(1), op.integers(2), op.integers(3)
    op.require(1 <= rank <= 4 and len(begin) == len(end) == len(step) == rank, "its bounds do not fit its input")
    op.require(
        options.EllipsisMask() == 0 and options.NewAxisMask() == 0 and not options.Offset(),
        "it has an ellipsis, a new axis or an offset",
    )
    start, size, shape = [], [], []
    for axis, length in enumerate(given.shape):
        bit = 1 << axis
        stride = step[axis]
        op.require(stride != 0 and abs(stride) < 1 << 15, f"step {stride} is impossible")
        first = begin[axis] + length if begin[axis] < 0 else begin[axis]
        last = end[axis] + length if end[axis] < 0 else end[axis]
        low, high = (0, length) if stride > 0 else (-1, length - 1)
        first = min(max(first, low), high)
        last = min(max(last, low), high)
        if options.BeginMask() & bit:
            first = 0 if stride > 0 else length - 1
        if options.EndMask() & bit:
            last = length if stride > 0 else -1
        shrink = bool(options.ShrinkAxisMask() & bit)
        count = 1 if shrink else max(0, -(-(last - first) // stride))
        op.require(count > 0 and 0 <= first < length, f"it takes nothing of axis {axis}")
        start.append(first)
        size.append(count)
        if not shrink:
            shape.append(count)
    op.require(made.shape == tuple(shape), f"its output is {list(made.shape)}, not {shape}")
    return ir.StridedSlice(given, made, tuple(start), step, tuple(size))


_READERS: dict[str, Reader] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "ADD": _binary,
    "MUL": _binary,
    "QUANTIZE": _unary,
    "LOGISTIC": _unary,
    "RELU": _unary,
    "RELU6": _unary,
    "SOFTMAX": _softmax,
    "RESHAPE": _reshape,
    "CONCATENATION": _concatenation,
    "SPLIT": _split,
    "PAD": _pad,
    "PADV2": _pad,
    "STRIDED_SLICE": _strided_slice,
}
