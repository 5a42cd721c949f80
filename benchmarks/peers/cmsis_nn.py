"""CMSIS-NN's kernels on the layers of a network.

Each layer is one function of a generated program: CMSIS-NN's public wrapper, the network's own weights, and the output
of the layer before as its input. The last output must be the one that our engine computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware_export.codegen import ir
from firmware_export.codegen.lower_convolution import scaling
from firmware_export.targets.qemu import build, run
from kws_edge.errors import FirmwareError
from peers.cmsis_nn_sources import cmsis_nn_sources

_LAYERS = (ir.Conv2D, ir.DepthwiseConv2D, ir.FullyConnected, ir.Pool2D)
_SCRATCH_BYTES = 16384

_HEAD = """
#include "arm_nnfunctions.h"
#include "kws_qemu.h"

static int8_t memory[2][{most_bytes}];
static int32_t scratch[{scratch_bytes} / 4];
static const cmsis_nn_context context = {{scratch, sizeof scratch}};
"""

_MAIN = """
int main(void) {{
  if (kws_qemu_read(kws_qemu_open(0), memory[0], {input_bytes}) != {input_bytes}) return 1;
{calls}
  kws_qemu_write(memory[{last}], {output_bytes});
  return 0;
}}
"""


@dataclass(frozen=True)
class LayerCost:
    """A layer's name in the generated program and its instructions."""

    name: str
    instructions: int


def layers_of(network: ir.Network) -> list[ir.Operator]:
    """The operators that both engines compute with kernels; reshapes move nothing. Others have no peer here."""
    layers = [operator for operator in network.operators if not isinstance(operator, ir.Reshape)]
    for layer in layers:
        if not isinstance(layer, _LAYERS) or (isinstance(layer, ir.Pool2D) and layer.kind != "average"):
            raise FirmwareError(f"{type(layer).__name__} has no peer in bakenn's CMSIS-NN; compare a plain ds_cnn")
    return layers


def _array(name: str, kind: str, values: npt.NDArray[np.int64] | npt.NDArray[np.int8]) -> str:
    return f"static {kind} {name}[] = {{{', '.join(str(int(value)) for value in values.reshape(-1))}}};\n"


def _dims(name: str, sizes: Sequence[int]) -> str:
    return f"static const cmsis_nn_dims {name} = {{{', '.join(map(str, sizes))}}};\n"


def _layer(number: int, layer: ir.Operator, source: int) -> str:
    """C of one layer, reading memory[source] and writing the other."""
    assert isinstance(layer, _LAYERS)
    given, made = layer.input, layer.output
    low, high = layer.clamp
    given_dims = given.shape if len(given.shape) == 4 else (1, 1, 1, given.elements)
    made_dims = made.shape if len(made.shape) == 4 else (1, 1, 1, made.elements)
    text = _dims(f"input_{number}", given_dims) + _dims(f"output_{number}", made_dims)
    body = [f"&input_{number}, memory[{source}]", f"&filter_{number}"]
    tiles = ""
    if not isinstance(layer, ir.FullyConnected):
        window = layer.window
        tiles = f"{{{window.stride[1]}, {window.stride[0]}}}, {{{window.pad[1]}, {window.pad[0]}}}, "
        if not isinstance(layer, ir.Pool2D):
            tiles += f"{{{window.dilation[1]}, {window.dilation[0]}}}, "
    if isinstance(layer, ir.Pool2D):
        text += _dims(f"filter_{number}", (1, *layer.window.kernel, 1))
        text += f"static const cmsis_nn_pool_params params_{number} = {{{tiles}{{{low}, {high}}}}};\n"
        call = f"arm_avgpool_s8(&context, &params_{number}, {', '.join(body)}"
    else:
        assert layer.weights.data is not None
        weights = layer.weights.data
        channels = made.shape[-1]
        dense = isinstance(layer, ir.FullyConnected)
        factors = scaling(given, made, layer.weights, layer.bias, channels, fully_connected=dense)
        text += _array(f"weights_{number}", "const int8_t", weights) + _array(
            f"bias_{number}", "const int32_t", factors.bias
        )
        text += _dims(f"bias_dims_{number}", (channels, 1, 1, 1))
        offsets = f"{-given.zero_point}, {'0, ' if dense else ''}{made.zero_point}, "
        if dense:
            text += _dims(f"filter_{number}", (weights.shape[1], 1, 1, channels))
            multiplier, shift = factors.multiplier[0], factors.shift[0]
            text += f"static const cmsis_nn_per_tensor_quant_params quant_{number} = {{{multiplier}, {shift}}};\n"
            function, kind = "arm_fully_connected_s8", "cmsis_nn_fc_params"
        else:
            text += _dims(f"filter_{number}", weights.shape)
            text += _array(f"multiplier_{number}", "int32_t", factors.multiplier)
            text += _array(f"shift_{number}", "int32_t", factors.shift)
            text += (
                f"static const cmsis_nn_per_channel_quant_params quant_{number} = "
                f"{{multiplier_{number}, shift_{number}}};\n"
            )
            depthwise = isinstance(layer, ir.DepthwiseConv2D)
            function = "arm_depthwise_conv_wrapper_s8" if depthwise else "arm_convolve_wrapper_s8"
            kind = "cmsis_nn_dw_conv_params" if depthwise else "cmsis_nn_conv_params"
            offsets += f"{channels // given.shape[3]}, " if depthwise else ""
        text += f"static const {kind} params_{number} = {{{offsets}{tiles}{{{low}, {high}}}}};\n"
        body += [f"weights_{number}", f"&bias_dims_{number}", f"bias_{number}"]
        call = f"{function}(&context, &params_{number}, &quant_{number}, {', '.join(body)}"
    call += f", &output_{number}, memory[{1 - source}])"
    return f"{text}__attribute__((noinline)) int layer_{number}(void) {{ return {call}; }}\n"


def layer_costs(
    network: ir.Network, values: npt.NDArray[np.int8], expected: npt.NDArray[np.int8], cpu: str, folder: Path
) -> list[LayerCost]:
    """Instructions of every layer on `cpu`, built in `folder`, for the input `values` (flat).

    Raises FirmwareError when the output is not `expected`.
    """
    peer = cmsis_nn_sources()
    layers = layers_of(network)
    most = max(tensor.elements for layer in layers for tensor in (*ir.reads(layer), *ir.writes(layer)))
    text = _HEAD.format(most_bytes=most, scratch_bytes=_SCRATCH_BYTES)
    text += "".join(_layer(number, layer, number % 2) for number, layer in enumerate(layers))
    text += _MAIN.format(
        input_bytes=network.input.elements,
        output_bytes=network.output.elements,
        calls="\n".join(f"  if (layer_{number}() != 0) return {number + 2};" for number in range(len(layers))),
        last=len(layers) % 2,
    )
    program = folder / "cmsis_nn_layers.c"
    program.write_text(text)
    (folder / "cmsis_nn_input").write_bytes(values.tobytes())
    elf = build([*peer.files, program], cpu, folder / "cmsis_nn.elf", include=peer.include)
    names = [f"layer_{number}" for number in range(len(layers))]
    result = run(elf, inputs=[folder / "cmsis_nn_input"], count=names)
    if result.exit_code or result.output != expected.tobytes():
        raise FirmwareError(f"CMSIS-NN ended with {result.exit_code}, or with other outputs than the engine")
    return [LayerCost(name, result.instructions[name][0]) for name in names]
