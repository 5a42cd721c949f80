"""Layers to calls of CMSIS-NN's kernels, for builds with -DKWS_USE_CMSIS_NN; what does not fit keeps our kernels.

CMSIS-NN takes weights as the .tflite file has them, unfolded biases, and a multiplier and a shift of 32 bits for each
channel. Its kernels read and write disjoint memory. Scratch memory is the most that any of its forms (C, DSP, MVE)
asks for by the formulas of its arm_*_get_buffer_size functions; the core asks them again at run time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_export.codegen import ir
from firmware_export.codegen.calls import Array, At, Call, Scratch, Struct, Value
from firmware_export.codegen.lower_convolution import Scaling, scaling

_MOST_SHIFT = 30  # CMSIS-NN shifts a signed 1 by it, either way
_MVE_CHANNELS = 124  # CH_IN_BLOCK_MVE: channels that arm_depthwise_conv_s8_opt takes at a time
_MVE_COLUMNS = 4  # that arm_convolve_s8 gathers before it multiplies
_ONE = (1, 1)


def lower_with_cmsis_nn(operator: ir.Operator) -> Call | None:
    """The call of CMSIS-NN's kernel that computes `operator`, activation included; None where it has no exact one."""
    match operator:
        case ir.Conv2D() if operator.weights.shape[3] == operator.input.shape[3]:
            return _conv(operator, operator.weights, operator.window)
        case ir.FullyConnected():
            return _fully_connected(operator)
        case ir.DepthwiseConv2D():
            return _depthwise(operator)
        case ir.Pool2D():
            return _pool(operator)
        case _:
            return None


def _dims(shape: tuple[int, ...]) -> Struct:
    return Struct("cmsis_nn_dims", dict(zip("nhwc", shape, strict=True)))


def _tile(pair: ir.Pair) -> Struct:
    return Struct("cmsis_nn_tile", {"w": pair[1], "h": pair[0]})


def _activation(limits: ir.Pair) -> Struct:
    return Struct("cmsis_nn_activation", {"min": limits[0], "max": limits[1]})


def _weighted(
    kind: str,
    operator: ir.Conv2D | ir.DepthwiseConv2D | ir.FullyConnected,
    shapes: tuple[tuple[int, ...], ...],
    more: dict[str, Value],
    window: ir.Window,
    weights: npt.NDArray[Any],
    factors: Scaling,
    scratch_bytes: int,
) -> Call | None:
    """A call of kws_cmsis_nn_`kind`; `shapes` are those of input, filter and output."""
    channels = shapes[2][3]
    by_channel = weights.reshape(channels, -1) if kind == "conv" else weights.reshape(-1, channels).T
    factors = _without_dead_channels(by_channel, factors)
    if int(np.abs(factors.shift).max()) > _MOST_SHIFT:
        return None
    params: dict[str, Value] = {
        "input_offset": -operator.input.zero_point,
        "output_offset": operator.output.zero_point,
        **more,
        "stride": _tile(window.stride),
        "padding": _tile(window.pad),
        "dilation": _tile(window.dilation),
        "activation": _activation(operator.clamp),
    }
    fields: dict[str, Value] = {
        **dict(zip(("input", "filter", "output"), map(_dims, shapes), strict=True)),
        "params": Struct("cmsis_nn_conv_params", params),
        "weights": Array("weights", "int8_t", weights.reshape(-1)),
        "bias": Array("bias", "int32_t", factors.bias),
        "multiplier": Array("multiplier", "int32_t", factors.multiplier),
        "shift": Array("shift", "int32_t", factors.shift),
        "scratch_bytes": scratch_bytes,
    }
    return Call(
        f"kws_cmsis_nn_{kind}",
        (Struct(f"kws_cmsis_nn_{kind}_op", fields), At(operator.input), At(operator.output), Scratch()),
        (operator.input,),
        operator.output,
        scratch_bytes=scratch_bytes,
        can_fail=True,
    )


def _without_dead_channels(by_channel: npt.NDArray[Any], factors: Scaling) -> Scaling:
    """Channels whose outputs all round to the zero point get factor 0: their minute scales want absurd shifts."""
    peak = np.abs(by_channel.astype(np.int64)).sum(axis=1) * 255 + np.abs(factors.bias)
    # two roundings add less than 0.003 when the second goes over eight bits or more
    dead = (factors.shift <= -8) & (peak * factors.multiplier * np.exp2(factors.shift - 31.0) < 0.49)
    return Scaling(factors.bias, np.where(dead, 0, factors.multiplier), np.where(dead, 0, factors.shift))


def _gathered_bytes(depth: int, window: ir.Window) -> int:
    """Scratch for windows of `depth` values: four columns of int8 in whole vectors, or two of int16.

    A window of one pixel is read where it lies.
    """
    single = (window.kernel, window.dilation, window.pad) == (_ONE, _ONE, (0, 0))
    return 0 if single else _MVE_COLUMNS * (-(-depth // 16) * 16)


def _conv(operator: ir.Conv2D | ir.DepthwiseConv2D, weights: ir.Tensor, window: ir.Window) -> Call | None:
    assert weights.data is not None
    filters = weights.data
    if isinstance(operator, ir.DepthwiseConv2D):
        filters = np.ascontiguousarray(filters[0].transpose(2, 0, 1))[..., None]
    factors = scaling(operator.input, operator.output, weights, operator.bias, filters.shape[0], fully_connected=False)
    shapes = (operator.input.shape, filters.shape, operator.output.shape)
    scratch = _gathered_bytes(int(np.prod(filters.shape[1:])), window)
    return _weighted("conv", operator, shapes, {}, window, filters, factors, scratch)


def _fully_connected(operator: ir.FullyConnected) -> Call | None:
    """A 1x1 convolution of a row of batches; CMSIS-NN's own layer has one scale for all units."""
    assert operator.weights.data is not None
    units, depth = operator.weights.shape
    factors = scaling(operator.input, operator.output, operator.weights, operator.bias, units, fully_connected=True)
    batches = operator.output.elements // units
    shapes = ((1, 1, batches, depth), (units, 1, 1, depth), (1, 1, batches, units))
    window = ir.Window(kernel=_ONE, stride=_ONE, dilation=_ONE, pad=(0, 0))
    return _weighted("conv", operator, shapes, {}, window, operator.weights.data, factors, 0)


def _depthwise(operator: ir.DepthwiseConv2D) -> Call | None:
    given, made, window = operator.input, operator.output, operator.window
    if given.shape[3] == 1:
        # with one input channel every output channel is an ordinary filter, and that is faster
        return _conv(operator, operator.weights, window)
    assert operator.weights.data is not None
    channels = made.shape[3]
    factors = scaling(given, made, operator.weights, operator.bias, channels, fully_connected=False)
    taps = window.kernel[0] * window.kernel[1]
    once = channels == given.shape[3] and window.dilation == _ONE
    scratch = max(2 * channels, _MVE_COLUMNS * _MVE_CHANNELS) * taps if once else 0
    shapes = (given.shape, operator.weights.shape, made.shape)
    more: dict[str, Value] = {"ch_mult": channels // given.shape[3]}
    return _weighted("depthwise", operator, shapes, more, window, operator.weights.data, factors, scratch)


def _pool(operator: ir.Pool2D) -> Call:
    given, made, window = operator.input, operator.output, operator.window
    average = operator.kind == "average"
    scratch = 4 * given.shape[3] if average else 0  # a sum for each channel
    params: dict[str, Value] = {
        "stride": _tile(window.stride),
        "padding": _tile(window.pad),
        "activation": _activation(operator.clamp),
    }
    fields: dict[str, Value] = {
        "input": _dims(given.shape),
        "filter": _dims((1, *window.kernel, 1)),
        "output": _dims(made.shape),
        "params": Struct("cmsis_nn_pool_params", params),
        "scratch_bytes": scratch,
    }
    op = Struct("kws_cmsis_nn_pool_op", fields)
    arguments = (op, At(given), At(made), Scratch()) if average else (op, At(given), At(made))
    name = "kws_cmsis_nn_average_pool" if average else "kws_cmsis_nn_max_pool"
    return Call(name, arguments, (given,), made, scratch_bytes=scratch, can_fail=True)
