"""Operators that only move values: from a checked .tflite operator to the IR."""

from __future__ import annotations

from firmware_export.codegen import ir
from firmware_export.codegen.operands import Operands, Reader
from kws_edge.tflite_schema import schema


def _reshape(op: Operands) -> ir.Operator:
    op.counts((1, 2), (1,))
    given, made = op.input(0), op.output()
    op.require(given.elements == made.elements, f"{list(given.shape)} does not fill {list(made.shape)}")
    return ir.Reshape(given, made)


def _concatenation(op: Operands) -> ir.Operator:
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


def _split(op: Operands) -> ir.Operator:
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


def _pad(op: Operands) -> ir.Operator:
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


def _strided_slice(op: Operands) -> ir.Operator:
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


READERS: dict[str, Reader] = {
    "RESHAPE": _reshape,
    "CONCATENATION": _concatenation,
    "SPLIT": _split,
    "PAD": _pad,
    "PADV2": _pad,
    "STRIDED_SLICE": _strided_slice,
}
