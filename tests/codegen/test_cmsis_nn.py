"""Exported networks on CMSIS-NN's own kernels, -DKWS_USE_CMSIS_NN, compute what TensorFlow Lite Micro computes."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from batch import CMSIS_NN, kernels, run_all
from named_networks import NETWORKS
from random_networks import random_network
from test_aot_in_qemu import INPUTS, MOST_ARENA, firmware
from tflm import inputs_for, tflm_outputs

from firmware_export.codegen.compiled import CORE, CompiledNetwork, compile_network
from firmware_export.targets.qemu.emulator import run
from firmware_export.targets.qemu.toolchain import build

if TYPE_CHECKING:
    from peers.cmsis_nn_sources import CmsisNnSources

RANDOM, EMULATED = 60, 10
NAMED = ("mlperf_tiny_kws", "tc_resnet", "inception")


def models(count: int) -> dict[str, bytes]:
    """Networks in the shapes of this field, then random ones."""
    named = {name: NETWORKS[name]() for name in NETWORKS}
    return {**named, **{f"random network {seed}": random_network(seed) for seed in range(7000, 7000 + count)}}


def test_layers_go_to_cmsis_nn_and_both_builds_know_their_arena() -> None:
    network = compile_network(NETWORKS["mlperf_tiny_kws"](), source="mlperf_tiny_kws")
    calls = [call.function for call in network.cmsis_nn.program.calls]
    assert set(calls) >= {"kws_cmsis_nn_conv", "kws_cmsis_nn_depthwise", "kws_cmsis_nn_max_pool"}
    assert not [call.function for call in network.program.calls if "cmsis" in call.function]
    header = network.files["kws_network.h"]
    arenas = re.search(r"#ifdef KWS_USE_CMSIS_NN\n.*BYTES (\d+)u\n#else\n.*BYTES (\d+)u\n#endif", header)
    assert arenas is not None
    assert tuple(map(int, arenas.groups())) == (network.cmsis_nn.arena_bytes, network.arena_bytes)
    assert network.cmsis_nn.arena_bytes > network.arena_bytes > 0


@pytest.mark.slow
def test_networks_on_cmsis_nn_equal_tflm(
    tmp_path: Path, cmsis_nn: CmsisNnSources, tool: Callable[[str, str], str], package: Callable[[str, str], None]
) -> None:
    """Its plain C, on the host."""
    tool("cc", "apt-get install gcc")
    package("tflite_micro", "pip install 'kws-edge[train]'")
    # its own name for a build that is not for a core of Arm's
    headers = [
        "-D__GNUC_PYTHON__",
        "-D__RESTRICT=__restrict",
        *(text for folder in cmsis_nn.include for text in ("-isystem", str(folder))),
    ]
    objects = kernels(tmp_path, "portable", [CMSIS_NN, *headers])
    for source in cmsis_nn.files:
        objects.append(str(tmp_path / f"{source.name}.o"))
        subprocess.run(["cc", "-O1", "-fPIC", *headers, "-c", str(source), "-o", objects[-1]], check=True)
    given = models(RANDOM)
    networks = [compile_network(model, source=name) for name, model in given.items()]
    inputs = [inputs_for(network.network, INPUTS, seed) for seed, network in enumerate(networks)]
    outputs = run_all(networks, inputs, {"portable": objects}, tmp_path, [CMSIS_NN, *headers])["portable"]
    calls: Counter[str] = Counter()
    wrong = {}
    for (name, model), network, values, made in zip(given.items(), networks, inputs, outputs, strict=True):
        calls.update(call.function for call in network.cmsis_nn.program.calls)
        expected = tflm_outputs(model, values, network.network.input.shape)
        if count := int((made != expected).sum()):
            wrong[name] = count
    assert wrong == {}
    assert {name for name in calls if "cmsis" in name} == {
        f"kws_cmsis_nn_{kind}" for kind in ("conv", "depthwise", "average_pool", "max_pool")
    }


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m4", "cortex-m55"])
def test_networks_on_cmsis_nn_equal_tflm_on_emulated_cores(
    cpu: str,
    tmp_path: Path,
    cmsis_nn: CmsisNnSources,
    tool: Callable[[str, str], str],
    package: Callable[[str, str], None],
) -> None:
    """Its DSP and its vector form."""
    tool("qemu-system-arm", "apt-get install --no-install-recommends qemu-system-arm")
    tool("arm-none-eabi-gcc", "apt-get install --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi")
    package("tflite_micro", "pip install 'kws-edge[train]'")
    networks: list[CompiledNetwork] = []
    inputs, expected = [], []
    for seed, (name, model) in enumerate(models(EMULATED).items()):
        network = compile_network(model, source=name)
        if name in NAMED or network.cmsis_nn.arena_bytes <= MOST_ARENA:
            networks.append(network)
            inputs.append(inputs_for(network.network, INPUTS, seed))
            expected.append(tflm_outputs(model, inputs[-1], network.network.input.shape))
    (tmp_path / "inputs").write_bytes(b"".join(values.tobytes() for values in inputs))
    sources = [*firmware(networks, tmp_path, cmsis_nn=True), *cmsis_nn.files]
    elf = build(
        sources, cpu, tmp_path / "networks.elf", include=[CORE, *cmsis_nn.include], defines=["KWS_USE_CMSIS_NN"]
    )
    result = run(elf, inputs=[tmp_path / "inputs"])
    assert result.exit_code == 0
    made = np.frombuffer(result.output, np.int8)
    assert (made == np.concatenate([outputs.reshape(-1) for outputs in expected])).all()
