"""The ahead-of-time engine's figures on emulated Cortex-M cores, beside CMSIS-NN on the same layers and beside TFLM.

    python benchmarks/engine.py [MODEL] [--json FILE]

MODEL is an int8 .tflite file or a bundle; without one a ds_cnn of MLPerf Tiny's shape is made, with random weights,
which cost what trained ones do (needs the train extra). Instructions are counted in QEMU, exactly and repeatably; they
are instructions, not cycles. CMSIS-NN's sources come from PyPI at the first run. TensorFlow Lite Micro is measured with
each library for Cortex-M4 in the checkout that the environment variable TFLM_DIR names (docs/engine.md); without one
its figures of an earlier day are shown as such. Every program's output is compared with the host's before its numbers
are shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from peers.cmsis_nn import layer_costs, layers_of
from peers.cmsis_nn_sources import cmsis_nn_sources
from peers.tflm import TflmCost, checkout
from peers.tflm import costs as tflm_costs
from tabulate import tabulate

from firmware_export.codegen import ir
from firmware_export.codegen.compiled import CompiledNetwork, compile_network
from firmware_export.codegen.host import HostNetwork
from firmware_export.targets.qemu import build, run
from firmware_export.trial.network import NetworkTrial, calls_by_operator, try_network
from kws_edge.errors import FirmwareError, KwsEdgeError
from kws_edge.spec import FeatureSpec, ModelSettings
from kws_edge.verification.layers import weight_bytes

PEER_CORE = "cortex-m4"
CORES = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")


def random_ds_cnn() -> tuple[bytes, FeatureSpec]:
    """An int8 ds_cnn in its default shape, untrained, and its front end."""
    from kws_edge.conversion.tflite import convert_int8
    from kws_edge.models import build_model

    plain = FeatureSpec()
    columns = plain.shape[1]
    spec = plain.normalized((0.0,) * columns, (1.0,) * columns)
    model = build_model(ModelSettings(arch="ds_cnn"), spec, 12, "int8_export", learned_ranges=False)
    rows = np.random.default_rng(0).normal(size=(100, *spec.shape)) / spec.scale + spec.zero_point
    return convert_int8(model, np.clip(np.round(rows), -128, 127).astype(np.int8), spec), spec


def model_of(path: Path | None) -> tuple[bytes, FeatureSpec | None]:
    """The int8 model of a bundle, a .tflite file, or the default; with its front end, which a file does not tell."""
    if path is None:
        return random_ds_cnn()
    if path.is_dir():
        from kws_edge.bundle import read_bundle

        bundle = read_bundle(path)
        return bundle.int8_model, bundle.features
    return path.read_bytes(), None


def on_cmsis_nn(
    network: CompiledNetwork, values: npt.NDArray[np.int8], expected: npt.NDArray[np.int8], cpu: str, folder: Path
) -> int:
    """Instructions of kws_network_run in the folder that `try_network` wrote, built with -DKWS_USE_CMSIS_NN."""
    peer = cmsis_nn_sources()
    sources = [*sorted(folder.glob("*.c")), *peer.files]
    include = [folder, *peer.include]
    elf = build(sources, cpu, folder / "cmsis_nn.elf", include=include, defines=["KWS_USE_CMSIS_NN"])
    result = run(elf, inputs=[folder / "input"], count=["kws_network_run"])
    if result.exit_code or result.output != expected.tobytes():
        raise FirmwareError(f"{cpu} on CMSIS-NN ended with {result.exit_code}, or with other outputs than the host")
    return result.instructions["kws_network_run"][0]


def parameter_bytes(network: ir.Network) -> int:
    """Weights and biases as the .tflite file holds them."""
    return sum(weight_bytes(operator) for operator in network.operators)


def print_engines(network: CompiledNetwork, ours: NetworkTrial, with_cmsis_nn: int, tflm: list[TflmCost]) -> None:
    """One inference on one core: our engine beside TFLM, one row for each library of it."""
    # all that is beyond weights and biases; of TFLM all that is beyond the .tflite file
    flash = ours.code_bytes + ours.network_bytes - parameter_bytes(network.network)
    table: list[list[object]] = [
        ["ours", ours.instructions, 1.0, network.arena_bytes, flash, "measured"],
        [
            "ours, KWS_USE_CMSIS_NN",
            with_cmsis_nn,
            with_cmsis_nn / ours.instructions,
            network.cmsis_nn.arena_bytes,
            "",
            "measured",
        ],
    ]
    for row in tflm:
        measured = f"measured: {row.source}" if row.measured else row.source
        # figures of another day may be of another shape than this network
        ratio = row.instructions / ours.instructions if row.measured else ""
        table.append([f"TFLM, {row.kernels}", row.instructions, ratio, row.arena_bytes, row.flash_bytes, measured])
    print(f"\nOne inference on {PEER_CORE} in TensorFlow Lite Micro\n")
    heads = ["engine", "instructions", "ratio", "arena B", "flash without model B", ""]
    print(tabulate(table, heads, floatfmt=".2f", tablefmt="github"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="int8 .tflite file or bundle")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    tflm_checkout = checkout()
    model, features = model_of(arguments.model)
    network = compile_network(model, source=str(arguments.model or "random ds_cnn"))
    values = np.random.default_rng(1).integers(-128, 128, network.network.input.elements).astype(np.int8)
    with HostNetwork(network) as host:
        expected = host.run(values[None])[0]
    with tempfile.TemporaryDirectory(prefix="kws-edge-engine-") as name:
        folder = Path(name)
        figures = [try_network(network, values, expected, cpu, folder / cpu) for cpu in CORES]
        with_cmsis_nn = {cpu: on_cmsis_nn(network, values, expected, cpu, folder / cpu) for cpu in CORES}
        peer = layer_costs(network.network, values, expected, PEER_CORE, folder)
        tflm = tflm_costs(tflm_checkout, model, features, values, expected, folder)
    ours = next(one for one in figures if one.cpu == PEER_CORE)
    calls = network.program.calls
    macs = sum(call.multiply_accumulates for call in calls)
    rows: list[list[object]] = []
    groups = [group for group in calls_by_operator(network) if group]
    for row, (layer, group) in enumerate(zip(layers_of(network.network), groups, strict=True)):
        cost = sum(ours.calls[number] for number in group)
        count = sum(calls[number].multiply_accumulates for number in group)
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
    table = [
        [one.cpu, one.instructions, one.instructions / macs, with_cmsis_nn[one.cpu], one.stack_bytes, one.code_bytes]
        for one in figures
    ]
    heads = ["core", "instructions", "per MAC", "with KWS_USE_CMSIS_NN", "stack B", "kernels' code B"]
    print(tabulate(table, heads, floatfmt=".2f", tablefmt="github"))
    print(
        f"\narena {network.arena_bytes} B, with KWS_USE_CMSIS_NN {network.cmsis_nn.arena_bytes} B; "
        f"weights and biases {parameter_bytes(network.network)} B, other constants and calls {extra} B of flash"
    )
    print_engines(network, ours, with_cmsis_nn[PEER_CORE], tflm)
    if arguments.json:
        document = {
            "macs": macs,
            "arena_bytes": network.arena_bytes,
            "parameter_bytes": parameter_bytes(network.network),
            "cores": [vars(one) for one in figures],
            "cmsis_nn": [vars(one) for one in peer],
            "tflm": [vars(one) for one in tflm],
            "with_cmsis_nn": with_cmsis_nn,
            "with_cmsis_nn_arena_bytes": network.cmsis_nn.arena_bytes,
        }
        arguments.json.write_text(json.dumps(document, indent=2))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KwsEdgeError as error:
        sys.exit(str(error))
