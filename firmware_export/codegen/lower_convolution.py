"""Convolutions, depthwise convolutions and fully connected layers to kernel calls, weights laid out for the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_export.codegen import ir
from firmware_export.codegen.calls import Array, At, Call, Reversed, Scratch, Sharing, Struct, Value
from firmware_export.codegen.fixed_point import float32, quantize_multiplier
from firmware_export.codegen.sharing import Blocks, share, strictest
from kws_edge.errors import ExportError

COLUMNS = 4  # pixels that kws_conv's DSP form takes at a time
MOST_COLUMN_BYTES = 2048  # of scratch for these; deeper windows go pixel by pixel
MOST_WASTED = 4096  # weights of a layer with fewer pixels than columns that still takes them, for one kernel less
MOST_PLANE_BYTES = 2048  # of scratch for a depthwise plane
MOST_TAPS = 256  # of a depthwise window whose taps are listed in scratch memory
INT32_LIMIT = 1 << 31
DOUBLED_LIMIT = 1 << 26  # of twice a sum, as kws_requantize takes it
MOST_SHIFT = 22  # right shift of kws_requantize


@dataclass(frozen=True, eq=False)
class Scaling:
    """Per output channel: bias without folding, multiplier, TFLM's shift (left when positive)."""

    bias: npt.NDArray[np.int64]
    multiplier: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]


def scaling(
    given: ir.Tensor,
    made: ir.Tensor,
    weights: ir.Tensor,
    bias: ir.Tensor | None,
    channels: int,
    *,
    fully_connected: bool,
) -> Scaling:
    """The rescaling factors exactly as TFLM derives them from the scales.

    With one weight scale, FULLY_CONNECTED multiplies input and weight scale in float32; all others in float64.
    """
    assert weights.quantization is not None
    scales = weights.quantization.scale
    factors = []
    for scale in scales:
        if fully_connected and len(scales) == 1:
            product = float32(float(np.float32(given.scale) * np.float32(scale)))
        else:
            product = given.scale * scale
        factors.append(product / made.scale)
    pairs = [quantize_multiplier(factor) for factor in factors]
    if any(shift > 30 for _, shift in pairs):
        raise ExportError(f"tensor {made.index} ({made.name!r}): its scale is absurdly small beside its input's")
    repeat = channels // len(pairs)
    values = (
        np.zeros(channels, np.int64) if bias is None or bias.data is None else bias.data.reshape(-1).astype(np.int64)
    )
    return Scaling(
        bias=values,
        multiplier=np.repeat(np.array([pair[0] for pair in pairs], np.int64), repeat),
        shift=np.repeat(np.array([pair[1] for pair in pairs], np.int64), repeat),
    )


def lower_conv(operator: ir.Conv2D) -> Call:
    assert operator.weights.data is not None
    weights = operator.weights.data
    factors = scaling(
        operator.input, operator.output, operator.weights, operator.bias, weights.shape[0], fully_connected=False
    )
    return _conv(operator.input, operator.output, weights, factors, operator.window)


def lower_fully_connected(operator: ir.FullyConnected) -> Call:
    """A 1x1 convolution over a row of batches."""
    assert operator.weights.data is not None
    units, depth = operator.weights.shape
    factors = scaling(operator.input, operator.output, operator.weights, operator.bias, units, fully_connected=True)
    batches = operator.output.elements // units
    window = ir.Window(kernel=(1, 1), stride=(1, 1), dilation=(1, 1), pad=(0, 0))
    weights = operator.weights.data.reshape(units, 1, 1, depth)
    return _conv(operator.input, operator.output, weights, factors, window, (1, batches, depth), (1, batches, units))


def lower_depthwise(operator: ir.DepthwiseConv2D) -> Call:
    assert operator.weights.data is not None
    weights = operator.weights.data[0]
    height, width, channels = weights.shape
    given, made, window = operator.input, operator.output, operator.window
    factors = scaling(given, made, operator.weights, operator.bias, channels, fully_connected=False)
    if given.shape[3] == 1:
        # with one input channel every output channel is an ordinary filter
        filters = np.ascontiguousarray(weights.transpose(2, 0, 1))[..., None]
        return _conv(given, made, filters, factors, window)
    _refuse_overflow(made, weights.reshape(-1, channels).T, factors, given.zero_point)
    multiply_accumulates = made.elements * height * width
    plane = _plane(given, made, weights, factors, window)
    if plane is not None:
        op, scratch = plane
        return Call(
            "kws_depthwise_3x3",
            (op, At(given), At(made), Scratch()),
            (given,),
            made,
            scratch_bytes=scratch,
            sharing={0: Sharing(same=True)},
            multiply_accumulates=multiply_accumulates,
        )
    sharing = {0: share(row_blocks(given.shape[1:], made.shape[1:], window), buffered=False, reversible=False)}
    flat = weights.reshape(-1, channels).T
    # wider windows and several filters a channel go by the definition, which folds nothing
    listed = given.shape[3] == channels and height * width <= MOST_TAPS
    folded = fold(flat, factors, given.zero_point) if listed else None
    fields: dict[str, Value] = {
        "window": window_struct(given.shape[1:], made.shape[1:], window),
        "weights": Array("weights", "int8_t", weights.reshape(-1)),
    }
    zero_points: dict[str, Value] = {"input_zero_point": given.zero_point, "output_zero_point": made.zero_point}
    if folded is not None:
        fields |= {
            "bias_and_shift": folded.bias_and_shift,
            "multiplier": Array("multiplier", "int32_t", folded.multiplier),
            **zero_points,
        }
        arguments = (Struct("kws_depthwise_lanes_op", fields), At(given), At(made), Scratch())
        name, scratch = "kws_depthwise_lanes", 4 * height * width
        return Call(name, arguments, (given,), made, scratch, sharing, multiply_accumulates)
    fields |= {
        "bias": Array("bias", "int32_t", factors.bias),
        "multiplier": Array("multiplier", "int32_t", factors.multiplier),
        "shift": Array("shift", "int8_t", factors.shift),
        **zero_points,
    }
    op = Struct("kws_depthwise_op", fields)
    return Call("kws_depthwise", (op, At(given), At(made)), (given,), made, 0, sharing, multiply_accumulates)


def window_struct(given: tuple[int, ...], made: tuple[int, ...], window: ir.Window) -> Struct:
    """kws_window for images [height, width, channels]."""
    names = ("input_height", "input_width", "input_channels", "output_height", "output_width", "output_channels")
    fields: dict[str, Value] = dict(zip(names, (*given, *made), strict=True))
    for name, pair in (("kernel", window.kernel), ("stride", window.stride), ("dilation", window.dilation)):
        fields[f"{name}_height"], fields[f"{name}_width"] = pair
    fields["pad_top"], fields["pad_left"] = window.pad
    return Struct("kws_window", fields)


def row_blocks(given: tuple[int, ...], made: tuple[int, ...], window: ir.Window) -> Blocks:
    """A block for each output row of images [height, width, channels]."""
    rows = np.arange(made[0], dtype=np.int64)
    top = rows * window.stride[0] - window.pad[0]
    reach = (window.kernel[0] - 1) * window.dilation[0] + 1
    read_row, write_row = given[1] * given[2], made[1] * made[2]
    return Blocks(
        read_start=np.clip(top, 0, given[0]) * read_row,
        read_end=np.clip(top + reach, 0, given[0]) * read_row,
        write_start=rows * write_row,
        write_end=(rows + 1) * write_row,
    )


def _pixel_blocks(
    given: tuple[int, ...], made: tuple[int, ...], window: ir.Window, dense: bool, columns: int
) -> Blocks:
    """A block for each `columns` output pixels, and one for those that are left."""
    pixels = made[0] * made[1]
    first = np.arange(0, pixels, columns, dtype=np.int64)
    end = np.append(first[1:], pixels)
    rows = row_blocks(given, made, window)
    return Blocks(
        read_start=first * given[2] if dense else rows.read_start[first // made[1]],
        read_end=end * given[2] if dense else rows.read_end[(end - 1) // made[1]],
        write_start=first * made[2],
        write_end=end * made[2],
    )


def _conv(
    given: ir.Tensor,
    made: ir.Tensor,
    weights: npt.NDArray[Any],
    factors: Scaling,
    window: ir.Window,
    given_shape: tuple[int, ...] = (),
    made_shape: tuple[int, ...] = (),
) -> Call:
    given_shape, made_shape = given_shape or given.shape[1:], made_shape or made.shape[1:]
    channels, depth = weights.shape[0], int(np.prod(weights.shape[1:]))
    flat = weights.reshape(channels, depth)
    _refuse_overflow(made, flat, factors, given.zero_point)
    fields: dict[str, Value] = {"window": window_struct(given_shape, made_shape, window)}
    folded = fold(flat, factors, given.zero_point) if weights.shape[3] == given_shape[2] else None
    words = pack(flat, folded) if folded is not None else None
    pixels = made_shape[0] * made_shape[1]
    multiply_accumulates = pixels * channels * depth
    if folded is None or words is None:
        fields |= {
            "weights": Array("weights", "int8_t", flat.reshape(-1)),
            "bias": Array("bias", "int32_t", factors.bias),
            "multiplier": Array("multiplier", "int32_t", factors.multiplier),
            "shift": Array("shift", "int8_t", factors.shift),
            "group_channels": weights.shape[3],
            "input_zero_point": given.zero_point,
            "output_zero_point": made.zero_point,
        }
        op = Struct("kws_conv_any_op", fields)
        arguments = (op, At(given), At(made))
        return Call("kws_conv_any", arguments, (given,), made, multiply_accumulates=multiply_accumulates)
    dense = window.kernel == (1, 1) and window.stride == (1, 1)
    padded = -(-depth // 4) * 4
    many = pixels >= COLUMNS or channels * depth <= MOST_WASTED
    deep = not many or 2 * COLUMNS * padded > MOST_COLUMN_BYTES
    fields |= {
        "weights": Array("weights", "uint32_t", words),
        "bias_and_shift": folded.bias_and_shift,
        "multiplier": Array("multiplier", "int32_t", folded.multiplier),
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "bottom_up": Reversed(),
    }
    # the portable form of kws_conv goes pixel by pixel, the DSP form by columns: both must be safe
    sharing = strictest(
        *(
            share(
                _pixel_blocks(given_shape, made_shape, window, dense, step),
                buffered=not (dense and deep),
                reversible=True,
            )
            for step in (1, 1 if deep else COLUMNS)
        )
    )
    return Call(
        "kws_conv_deep" if deep else "kws_conv",
        (Struct("kws_conv_op", fields), At(given), At(made), Scratch()),
        (given,),
        made,
        scratch_bytes=(0 if deep else 2 * COLUMNS * padded) + (0 if dense else padded),
        sharing={0: sharing},
        multiply_accumulates=multiply_accumulates,
    )


def _refuse_overflow(made: ir.Tensor, flat: npt.NDArray[Any], factors: Scaling, zero_point: int) -> None:
    largest = max(127 - zero_point, zero_point + 128)
    peak = np.abs(flat.astype(np.int64)).sum(axis=1) * largest + np.abs(factors.bias)
    if int(peak.max()) >= INT32_LIMIT:
        raise ExportError(
            f"tensor {made.index} ({made.name!r}): its 32-bit accumulator can overflow; what TFLM would compute is "
            "undefined; train with smaller biases or a shallower layer"
        )


@dataclass(frozen=True, eq=False)
class Folded:
    """Per output channel what the fast kernels take: the input's zero point is in the bias, all shifts go right."""

    bias: npt.NDArray[np.int64]
    multiplier: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]

    @property
    def bias_and_shift(self) -> Array:
        """Both in a word each: a bias below 2**25 leaves five bits."""
        return Array("bias_and_shift", "int32_t", self.bias * 32 + self.shift)


def fold(flat: npt.NDArray[Any], factors: Scaling, zero_point: int) -> Folded | None:
    """Factors for weights [channels, depth], or None when some channel's sum or shift does not suit kws_requantize.

    A channel whose outputs all round to the zero point (dead ones, with minute scales) becomes one of factor 0.
    """
    weights = flat.astype(np.int64)
    bias = factors.bias - zero_point * weights.sum(axis=1)
    peak = np.abs(weights).sum(axis=1) * 128 + np.abs(bias)
    # two roundings add less than 0.003 when the second goes over eight bits or more
    dead = (factors.shift <= -8) & (peak * factors.multiplier * np.exp2(factors.shift - 31.0) < 0.49)
    multiplier = np.where(dead, 0, factors.multiplier)
    shift = np.where(multiplier == 0, 1, -factors.shift)
    if 2 * int(peak.max()) >= DOUBLED_LIMIT or not ((shift >= 1) & (shift <= MOST_SHIFT)).all():
        return None
    return Folded(bias, multiplier, shift)


def pack(flat: npt.NDArray[Any], folded: Folded) -> npt.NDArray[np.uint32] | None:
    """Weights [channels, depth] as words for kws_conv, or None when a halfword or a sum would not fit."""
    channels, depth = flat.shape
    padded = np.zeros((-(-channels // 2) * 2, -(-depth // 4) * 4), np.int64)
    padded[:channels, :depth] = flat
    a, b = padded[0::2], padded[1::2]
    both = 256 * b + a
    bias = np.append(folded.bias, [0] * (len(padded) - channels))
    peak = np.abs(both).sum(axis=1) * 128 + np.abs(256 * bias[1::2]) + np.abs(bias[0::2])
    if int(peak.max()) >= INT32_LIMIT or int(both.min()) < -(1 << 15):
        return None
    halves = (both & 0xFFFF).reshape(len(both), -1, 4)
    # the order in which SXTB16 widens four bytes: even ones, then odd ones
    words = np.stack([halves[..., 0] | halves[..., 2] << 16, halves[..., 1] | halves[..., 3] << 16], axis=-1)
    return words.reshape(-1).astype(np.uint32)


def _plane(
    given: ir.Tensor, made: ir.Tensor, weights: npt.NDArray[Any], factors: Scaling, window: ir.Window
) -> tuple[Struct, int] | None:
    """kws_depthwise_3x3's struct and scratch bytes, or None when the layer is not of its kind."""
    height, width, channels = given.shape[1:]
    kind = (window.kernel, window.stride, window.dilation, window.pad) == ((3, 3), (1, 1), (1, 1), (1, 1))
    if not kind or made.shape != given.shape or width * channels >= 1 << 16:
        return None
    folded = fold(weights.reshape(9, channels).T, factors, given.zero_point)
    if folded is None:
        return None

    def scratch_bytes(outer: int, inner: int) -> int:
        return (outer + 2) * (-(-inner // 2) * 2 + 2) * 2

    by_column = scratch_bytes(width, height) < scratch_bytes(height, width)
    outer, inner = (width, height) if by_column else (height, width)
    if scratch_bytes(outer, inner) > MOST_PLANE_BYTES:
        return None
    lines = weights.transpose(2, 1, 0) if by_column else weights.transpose(2, 0, 1)
    row_stride, column_stride = width * channels, channels
    op = Struct(
        "kws_depthwise_3x3_op",
        {
            "channels": channels,
            "outer": outer,
            "inner": inner,
            "outer_stride": column_stride if by_column else row_stride,
            "inner_stride": row_stride if by_column else column_stride,
            "weights": Array("weights", "int8_t", lines.reshape(-1)),
            "bias_and_shift": folded.bias_and_shift,
            "multiplier": Array("multiplier", "int32_t", folded.multiplier),
            "input_zero_point": given.zero_point,
            "output_zero_point": made.zero_point,
        },
    )
    return op, scratch_bytes(outer, inner)
