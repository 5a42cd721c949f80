"""The whole network as kernel calls in execution order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_export.codegen import ir
from firmware_export.codegen.calls import Array, Call, Struct
from firmware_export.codegen.lower_cmsis_nn import lower_with_cmsis_nn
from firmware_export.codegen.lower_convolution import lower_conv, lower_depthwise, lower_fully_connected
from firmware_export.codegen.lower_data import (
    clamp,
    copy_whole,
    lower_binary,
    lower_concatenation,
    lower_mean,
    lower_pad,
    lower_pool,
    lower_softmax,
    lower_split,
    lower_strided_slice,
    lower_unary,
)
from kws_edge.errors import ExportError

MOST_CONSTANT_BYTES = 4 << 20  # of all layers; buffers that layers share are laid out for each


@dataclass(frozen=True, eq=False)
class Program:
    """Calls, and which tensors are the same memory because a reshape only renames them."""

    network: ir.Network
    calls: tuple[Call, ...]
    same_memory: Mapping[ir.Tensor, ir.Tensor]  # every tensor to the one that stands for its memory


def lower(network: ir.Network, source: str, *, cmsis_nn: bool = False) -> Program:
    """Kernel calls for `network`; with `cmsis_nn` those of CMSIS-NN where it has an exact one.

    Raises ExportError when a layer cannot be computed exactly or is absurdly large.
    """
    stands_for: dict[ir.Tensor, ir.Tensor] = {}

    def root(tensor: ir.Tensor) -> ir.Tensor:
        while tensor in stands_for:
            tensor = stands_for[tensor]
        return tensor

    calls: list[Call] = []
    constants = 0
    for operator in network.operators:
        if isinstance(operator, ir.Reshape):
            given, made = root(operator.input), root(operator.output)
            # both the caller's input and output are memory of their own, and so are constants
            if given.data is not None or (given is network.input and operator.output is network.output):
                calls.append(copy_whole(operator.input, operator.output))
            elif made is network.output and given is not network.input:
                stands_for[given] = made
            else:
                stands_for[made] = given
            continue
        try:
            other = lower_with_cmsis_nn(operator) if cmsis_nn else None
            lowered = [other] if other else _lower(operator)
        except ExportError as error:
            raise ExportError(f"{source}: {error}") from error
        constants += sum(_constant_bytes(argument) for call in lowered for argument in call.arguments)
        if constants > MOST_CONSTANT_BYTES and not cmsis_nn:
            raise ExportError(f"{source}: its constants take more than {MOST_CONSTANT_BYTES >> 20} MB")
        calls.extend(lowered)
    tensors = {tensor for operator in network.operators for tensor in (*ir.reads(operator), *ir.writes(operator))}
    return Program(
        network, tuple(calls), {tensor: root(tensor) for tensor in tensors | {network.input, network.output}}
    )


def _constant_bytes(argument: object) -> int:
    if isinstance(argument, Array):
        return argument.values.size * (1 if argument.c_type.endswith("int8_t") else 4)
    if isinstance(argument, Struct):
        return sum(_constant_bytes(value) for value in argument.fields.values())
    return 0


def _lower(operator: ir.Operator) -> list[Call]:
    match operator:
        case ir.Conv2D():
            return [lower_conv(operator), *clamp(operator.output, operator.clamp)]
        case ir.DepthwiseConv2D():
            return [lower_depthwise(operator), *clamp(operator.output, operator.clamp)]
        case ir.FullyConnected():
            return [lower_fully_connected(operator), *clamp(operator.output, operator.clamp)]
        case ir.Pool2D():
            return [lower_pool(operator), *clamp(operator.output, operator.clamp)]
        case ir.Mean():
            return [lower_mean(operator)]
        case ir.Binary():
            return [lower_binary(operator), *clamp(operator.output, operator.clamp)]
        case ir.Unary():
            return [lower_unary(operator)]
        case ir.Softmax():
            return [lower_softmax(operator)]
        case ir.Concatenation():
            return lower_concatenation(operator)
        case ir.Split():
            return lower_split(operator)
        case ir.Pad():
            return lower_pad(operator)
        case ir.StridedSlice():
            return [lower_strided_slice(operator)]
        case _:
            raise AssertionError(f"no lowering for {type(operator).__name__}")
