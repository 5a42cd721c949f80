"""Convolutions, fully connected layers and pooling: from a checked .tflite operator to the IR."""

from __future__ import annotations

from firmware_export.codegen import ir
from firmware_export.codegen.operands import Operands, Reader
from kws_edge.tflite_schema import schema


def _conv(op: Operands) -> ir.Operator:
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


def _depthwise(op: Operands) -> ir.Operator:
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


def _fully_connected(op: Operands) -> ir.Operator:
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


def _pool(op: Operands) -> ir.Operator:
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


READERS: dict[str, Reader] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
}
