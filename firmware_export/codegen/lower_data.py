"""Layers without filter weights to kernel calls: pooling, means, sums, products, tables, and data that only moves."""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_export.codegen import ir
from firmware_export.codegen.calls import Argument, Array, At, Call, Scratch, Sharing, Struct, Value
from firmware_export.codegen.fixed_point import (
    clip_int8,
    float32,
    logistic_table,
    multiply,
    quantize_multiplier,
    quantized,
    softmax_table,
)
from firmware_export.codegen.lower_convolution import row_blocks, window_struct
from firmware_export.codegen.sharing import share
from kws_edge.errors import ExportError

IN_PLACE = Sharing(same=True)
_LONGEST_AXIS = 65535  # sizes are uint16_t


def _factor(real: float, tensor: ir.Tensor) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    if shift > 30:
        raise ExportError(f"tensor {tensor.index} ({tensor.name!r}): its scale is absurdly small beside its input's")
    return multiplier, shift


def clamp(output: ir.Tensor, limits: ir.Pair) -> list[Call]:
    """A fused activation that the saturation of int8 does not give by itself."""
    if limits == (-128, 127):
        return []
    arguments: tuple[Argument, ...] = (At(output), output.elements, *limits)
    return [Call("kws_clamp", arguments, (output,), output)]


def lower_pool(operator: ir.Pool2D) -> Call:
    given, made = operator.input, operator.output
    op = window_struct(given.shape[1:], made.shape[1:], operator.window)
    blocks = row_blocks(given.shape[1:], made.shape[1:], operator.window)
    return Call(
        "kws_average_pool" if operator.kind == "average" else "kws_max_pool",
        (op, At(given), At(made)),
        (given,),
        made,
        sharing={0: share(blocks, buffered=False, reversible=False)},
        multiply_accumulates=made.elements * operator.window.kernel[0] * operator.window.kernel[1],
    )


def lower_mean(operator: ir.Mean) -> Call:
    given, made = operator.input, operator.output
    multiplier, shift = _factor(given.scale / made.scale, made)
    count = given.elements // made.elements
    # TFLM folds the division into the multiplier, with as many bits as do not overflow it
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    multiplier = (multiplier << extra) // count if extra >= 0 else (multiplier >> -extra) // count
    shift -= extra
    size = (1,) * (4 - len(given.shape)) + given.shape
    axes = {axis + 4 - len(given.shape) for axis in operator.axes}
    strides, stride = [0, 0, 0, 0], 1
    for axis in reversed(range(4)):
        if axis not in axes and size[axis] > 1:
            strides[axis] = stride
            stride *= size[axis]
    if max(size) >= 1 << 16:
        raise ExportError(f"tensor {given.index} ({given.name!r}): shape {list(given.shape)} is too large to reduce")
    op = Struct(
        "kws_mean_op",
        {
            "size": size,
            "output_stride": tuple(strides),
            "outputs": made.elements,
            "count": count,
            "multiplier": multiplier,
            "shift": shift,
            "input_zero_point": given.zero_point,
            "output_zero_point": made.zero_point,
        },
    )
    return Call(
        "kws_mean",
        (op, At(given), At(made), Scratch()),
        (given,),
        made,
        scratch_bytes=4 * made.elements,
        sharing={0: Sharing(same=True, below=0, above=0)},
        multiply_accumulates=given.elements,
    )


def _strides(tensor: ir.Tensor, rank: int) -> tuple[int, ...]:
    """Element strides over four axes, 0 where `tensor` is broadcast."""
    shape = (1,) * (4 - len(tensor.shape)) + tensor.shape
    strides, stride = [0, 0, 0, 0], 1
    for axis in reversed(range(4)):
        if shape[axis] > 1:
            strides[axis] = stride
            stride *= shape[axis]
    return tuple(strides)


def lower_binary(operator: ir.Binary) -> Call:
    a, b, made = operator.a, operator.b, operator.output
    if a.shape == b.shape and made.elements < 1 << 16:
        size: tuple[int, ...] = (1, 1, 1, made.elements)
        a_stride: tuple[int, ...] = (0, 0, 0, 1)
        b_stride: tuple[int, ...] = a_stride
    else:
        size = (1,) * (4 - len(made.shape)) + made.shape
        a_stride, b_stride = (_strides(tensor, 4) for tensor in (a, b))
    shape = Struct("kws_broadcast", {"size": size, "a_stride": a_stride, "b_stride": b_stride})
    fields: dict[str, Value] = {"shape": shape}
    if operator.kind == "add":
        twice = 2.0 * max(a.scale, b.scale)
        factors = {
            "a": quantize_multiplier(a.scale / twice),
            "b": quantize_multiplier(b.scale / twice),
            "output": quantize_multiplier(twice / ((1 << 20) * made.scale)),
        }
        if any(shift > 0 for _, shift in factors.values()):
            raise ExportError(f"tensor {made.index} ({made.name!r}): its scale is absurdly small beside its inputs'")
        fields |= {f"{name}_multiplier": factor[0] for name, factor in factors.items()}
        fields |= {f"{name}_shift": factor[1] for name, factor in factors.items()}
    else:
        fields["multiplier"], fields["shift"] = _factor(a.scale * b.scale / made.scale, made)
    fields |= {f"{name}_zero_point": tensor.zero_point for name, tensor in (("a", a), ("b", b), ("output", made))}
    return Call(
        f"kws_{operator.kind}",
        (Struct(f"kws_{operator.kind}_op", fields), At(a), At(b), At(made)),
        (a, b),
        made,
        sharing={i: IN_PLACE for i, tensor in enumerate((a, b)) if tensor.elements == made.elements},
        multiply_accumulates=made.elements,
    )


def _table(operator: ir.Unary) -> np.ndarray[Any, Any]:
    given, made = operator.input, operator.output
    stored = range(-128, 128)
    if operator.kind == "logistic":
        return logistic_table(given.scale, given.zero_point)
    if operator.kind == "relu6":
        # TFLM clamps in the input's units and takes the output's to be the same
        six = clip_int8(quantized(6.0, given.scale, given.zero_point))
        return np.array([min(max(x, given.zero_point), six) for x in stored], np.int8)
    if operator.kind == "relu":
        # here TFLM divides the scales in float32
        multiplier, shift = _factor(float32(float(np.float32(given.scale) / np.float32(made.scale))), made)
        least = max(-128, made.zero_point)
    else:
        multiplier, shift = _factor(given.scale / made.scale, made)
        least = -128
    scaled = (multiply(x - given.zero_point, multiplier, shift) + made.zero_point for x in stored)
    return np.array([min(max(y, least), 127) for y in scaled], np.int8)


def lower_unary(operator: ir.Unary) -> Call:
    given, made = operator.input, operator.output
    table = Array("table", "int8_t", _table(operator))
    arguments: tuple[Argument, ...] = (table, At(given), At(made), made.elements)
    return Call("kws_lookup", arguments, (given,), made, sharing={0: IN_PLACE}, multiply_accumulates=made.elements)


def lower_softmax(operator: ir.Softmax) -> Call:
    given, made = operator.input, operator.output
    depth = given.shape[-1]
    op = Struct(
        "kws_softmax_op",
        {
            "exponential": Array("exponential", "int32_t", softmax_table(given.scale, operator.beta)),
            "rows": given.elements // depth,
            "depth": depth,
        },
    )
    arguments = (op, At(given), At(made))
    return Call("kws_softmax", arguments, (given,), made, sharing={0: IN_PLACE}, multiply_accumulates=made.elements)


def _dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides."""
    strides, stride = [], 1
    for size in reversed(shape):
        strides.append(stride)
        stride *= size
    return tuple(reversed(strides))


def _copy(
    given: ir.Tensor,
    made: ir.Tensor,
    size: tuple[int, ...],
    input_stride: tuple[int, ...],
    output_stride: tuple[int, ...],
    input_offset: int = 0,
    output_offset: int = 0,
) -> Call:
    """Move a block of `size`, with neighbouring axes merged where both layouts allow it."""
    axes: list[tuple[int, int, int]] = []
    for entry in zip(size, input_stride, output_stride, strict=True):
        if entry[0] == 1:
            continue
        merged = axes[-1][0] * entry[0] if axes else 0
        if axes and merged <= _LONGEST_AXIS and axes[-1][1:] == (entry[0] * entry[1], entry[0] * entry[2]):
            axes[-1] = (merged, entry[1], entry[2])
        else:
            axes.append(entry)
    axes = [(1, 0, 0)] * (4 - len(axes)) + axes
    if max(axis[0] for axis in axes) > _LONGEST_AXIS:
        raise ExportError(f"tensor {given.index} ({given.name!r}): shape {list(given.shape)} is too large to move")
    op = Struct(
        "kws_copy_op",
        {
            "size": tuple(axis[0] for axis in axes),
            "input_stride": tuple(axis[1] for axis in axes),
            "output_stride": tuple(axis[2] for axis in axes),
        },
    )
    return Call("kws_copy", (op, At(given, input_offset), At(made, output_offset)), (given,), made)


def copy_whole(given: ir.Tensor, made: ir.Tensor) -> Call:
    """All elements in order, for reshapes that cannot be the same memory."""
    columns = next(n for n in range(min(1 << 15, given.elements), 0, -1) if given.elements % n == 0)
    size = (given.elements // columns, columns)
    return _copy(given, made, size, (size[1], 1), (size[1], 1))


def lower_concatenation(operator: ir.Concatenation) -> list[Call]:
    made, axis = operator.output, operator.axis
    strides = _dense(made.shape)
    calls, start = [], 0
    for given in operator.inputs:
        calls.append(_copy(given, made, given.shape, _dense(given.shape), strides, 0, start * strides[axis]))
        start += given.shape[axis]
    return calls


def lower_split(operator: ir.Split) -> list[Call]:
    given, axis = operator.input, operator.axis
    strides = _dense(given.shape)
    return [
        _copy(given, made, made.shape, strides, _dense(made.shape), number * made.shape[axis] * strides[axis])
        for number, made in enumerate(operator.outputs)
    ]


def lower_pad(operator: ir.Pad) -> list[Call]:
    given, made = operator.input, operator.output
    strides = _dense(made.shape)
    offset = sum(before * stride for before, stride in zip(operator.before, strides, strict=True))
    fill = Call("kws_fill", (At(made), made.elements, operator.value), (), made)
    return [fill, _copy(given, made, given.shape, _dense(given.shape), strides, 0, offset)]


def lower_strided_slice(operator: ir.StridedSlice) -> Call:
    given, made = operator.input, operator.output
    strides = _dense(given.shape)
    offset = sum(start * stride for start, stride in zip(operator.start, strides, strict=True))
    steps = tuple(step * stride for step, stride in zip(operator.step, strides, strict=True))
    return _copy(given, made, operator.size, steps, _dense(operator.size), offset)
