"""The ahead-of-time engine's figures on emulated Cortex-M cores, layer by layer, beside CMSIS-NN on the same layers.

    python benchmarks/engine.py [MODEL] [--json FILE]

MODEL is an int8 .tflite file or a bundle; without one a ds_cnn of MLPerf Tiny's shape is made, with random weights,
which cost what trained ones do (needs the train extra). Instructions are counted in QEMU, exactly and repeatably; they
are instructions, not cycles. CMSIS-NN's sources come from PyPI at the first run. Every program's output is compared
with the host's before its numbers are shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from peers.cmsis_nn import layer_costs, layers_of
from tabulate import tabulate

from firmware_export.codegen import ir
from firmware_export.codegen.compiled import CompiledNetwork, compile_network, write_network
from firmware_export.codegen.host import HostNetwork
from firmware_export.targets.qemu import build, run, size
from kws_edge.errors import FirmwareError, KwsEdgeError

PEER_CORE = "cortex-m4"
CORES = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")

_MAIN = """
#include "kws_network.h"
#include "kws_qemu.h"

static uint32_t arena[KWS_NETWORK_ARENA_BYTES / 4u];
static int8_t input[KWS_NETWORK_INPUT_BYTES];
static int8_t output[KWS_NETWORK_OUTPUT_BYTES];

int main(void) {
  if (kws_qemu_read(kws_qemu_open(0), input, sizeof input) != sizeof input) return 1;
  kws_qemu_stack_paint();
  if (kws_network_run(input, output, arena) != KWS_NETWORK_OK) return 2;
  kws_qemu_print_int((int32_t)kws_qemu_stack_used());
  kws_qemu_write(output, sizeof output);
  return 0;
}
"""


@dataclass(frozen=True, kw_only=True)
class CoreFigures:
    """One inference on one core."""

    cpu: str
    # instructions of kws_network_run
    instructions: int
    # of each kernel call, in order
    calls: tuple[int, ...]
    # deepest stack below kws_network_run, in bytes
    stack_bytes: int
    # code of the kernels, in bytes
    code_bytes: int
    # kws_network.c: weights, biases, factors and calls, in bytes
    network_bytes: int


def random_ds_cnn() -> bytes:
    """An int8 ds_cnn in its default shape, untrained."""
    from kws_edge.conversion.tflite import convert_int8
    from kws_edge.models import build_model
    from kws_edge.spec import FeatureSpec, ModelSettings

    plain = FeatureSpec()
    columns = plain.shape[1]
    spec = plain.normalized((0.0,) * columns, (1.0,) * columns)
    model = build_model(ModelSettings(arch="ds_cnn"), spec, 12, "int8_export", learned_ranges=False)
    rows = np.random.default_rng(0).normal(size=(100, *spec.shape)) / spec.scale + spec.zero_point
    return convert_int8(model, np.clip(np.round(rows), -128, 127).astype(np.int8), spec)


def model_of(path: Path | None) -> bytes:
    """The int8 model of a bundle, a .tflite file, or the default."""
    if path is None:
        return random_ds_cnn()
    if path.is_dir():
        from kws_edge.bundle import read_bundle

        return read_bundle(path).int8_model
    return path.read_bytes()


def on_core(
    network: CompiledNetwork, values: npt.NDArray[np.int8], expected: npt.NDArray[np.int8], cpu: str, folder: Path
) -> CoreFigures:
    """Build, boot and count; raises FirmwareError when the core computes something else than the host."""
    folder.mkdir()
    write_network(network, folder)
    (folder / "main.c").write_text(_MAIN)
    (folder / "input").write_bytes(values.tobytes())
    elf = build(sorted(folder.glob("*.c")), cpu, folder / "program.elf", include=[folder])
    functions = sorted({call.function for call in network.program.calls})
    result = run(elf, inputs=[folder / "input"], count=["kws_network_run", *functions])
    if result.exit_code or result.output != expected.tobytes():
        raise FirmwareError(f"{cpu} ended with {result.exit_code}, or with other outputs than the host")
    left = {name: iter(result.instructions[name]) for name in functions}
    sources = {name: value for name, value in size(elf).sources.items() if name.startswith("kws_")}
    return CoreFigures(
        cpu=cpu,
        instructions=result.instructions["kws_network_run"][0],
        calls=tuple(next(left[call.function]) for call in network.program.calls),
        stack_bytes=int(result.stdout),
        code_bytes=sum(value.flash_bytes for name, value in sources.items() if name != "kws_network.c"),
        network_bytes=sources["kws_network.c"].flash_bytes,
    )


def parameter_bytes(network: ir.Network) -> int:
    """Weights and biases as the .tflite file holds them."""
    tensors = [
        tensor
        for operator in network.operators
        if isinstance(operator, ir.Conv2D | ir.DepthwiseConv2D | ir.FullyConnected)
        for tensor in (operator.weights, operator.bias)
        if tensor is not None
    ]
    return sum(tensor.elements * (1 if tensor.dtype == "int8" else 4) for tensor in tensors)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="int8 .tflite file or bundle")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    network = compile_network(model_of(arguments.model), source=str(arguments.model or "random ds_cnn"))
    values = np.random.default_rng(1).integers(-128, 128, network.network.input.elements).astype(np.int8)
    with HostNetwork(network) as host:
        expected = host.run(values[None])[0]
    with tempfile.TemporaryDirectory(prefix="kws-edge-engine-") as name:
        folder = Path(name)
        figures = [on_core(network, values, expected, cpu, folder / cpu) for cpu in CORES]
        peer = layer_costs(network.network, values, expected, PEER_CORE, folder)
    ours = next(one for one in figures if one.cpu == PEER_CORE)
    calls = network.program.calls
    macs = sum(call.multiply_accumulates for call in calls)
    # a fused activation is a call of its own here and part of the layer there
    starts = [number for number, call in enumerate(calls) if call.function != "kws_clamp"]
    rows: list[list[object]] = []
    for row, (start, end) in enumerate(zip(starts, [*starts[1:], len(calls)], strict=True)):
        layer = layers_of(network.network)[row]
        cost, count = sum(ours.calls[start:end]), calls[start].multiply_accumulates
        other = peer[row].instructions
        shape = "x".join(map(str, layer.output.shape[1:])) if not isinstance(layer, ir.Split) else ""
        rows.append([type(layer).__name__, shape, count, cost, cost / count, other, other / count, other / cost])
    total = sum(one.instructions for one in peer)
    rows.append(["total", "", macs, ours.instructions, ours.instructions / macs, total, total / macs])
    rows[-1].append(total / ours.instructions)
    print(f"Layer by layer on {PEER_CORE} (instructions; ratio: CMSIS-NN over ours)\n")
    heads = ["layer", "output", "MACs", "ours", "per MAC", "CMSIS-NN 4.0.0", "per MAC", "ratio"]
    print(tabulate(rows, heads, floatfmt=".2f", tablefmt="github"))
    print("\nOne inference on every core\n")
    extra = ours.network_bytes - parameter_bytes(network.network)
    table = [[one.cpu, one.instructions, one.instructions / macs, one.stack_bytes, one.code_bytes] for one in figures]
    print(
        tabulate(
            table, ["core", "instructions", "per MAC", "stack B", "kernels' code B"], floatfmt=".2f", tablefmt="github"
        )
    )
    print(
        f"\narena {network.arena_bytes} B; weights and biases {parameter_bytes(network.network)} B, "
        f"other constants and calls {extra} B of flash"
    )
    if arguments.json:
        document = {
            "macs": macs,
            "arena_bytes": network.arena_bytes,
            "parameter_bytes": parameter_bytes(network.network),
            "cores": [vars(one) for one in figures],
            "cmsis_nn": [vars(one) for one in peer],
        }
        arguments.json.write_text(json.dumps(document, indent=2))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KwsEdgeError as error:
        sys.exit(str(error))
