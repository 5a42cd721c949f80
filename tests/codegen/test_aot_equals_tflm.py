"""The promise of the ahead-of-time engine: the compiled C computes what TensorFlow Lite Micro computes, bit for bit."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from batch import kernels, run_all
from named_networks import NETWORKS
from random_networks import NetworkGenerator, random_network
from tflm import inputs_for, tflm_outputs

from firmware_export.codegen.compiled import KERNEL_SOURCES, compile_network
from firmware_export.codegen.host import FORMS, HostNetwork
from kws_edge.errors import ExportError

FAST, ALL, BATCH = 60, 2000, 25
INPUTS = 6


@pytest.fixture(autouse=True)
def needs(tool: Callable[[str, str], str], package: Callable[[str, str], None]) -> None:
    tool("cc", "apt-get install gcc")
    package("tflite_micro", "pip install 'kws-edge[train]'")


def differences(seed: int, forms: tuple[str, ...], calls: Counter[str]) -> int:
    """Outputs of random network `seed` that differ from TFLM's in any of `forms`."""
    model = random_network(seed)
    network = compile_network(model, source=f"random network {seed}")
    inputs = inputs_for(network.network, INPUTS, seed)
    expected = tflm_outputs(model, inputs, network.network.input.shape)
    calls.update(call.function for call in network.program.calls)
    calls["distinct"] += len(np.unique(expected, axis=0)) > 1
    wrong = 0
    for form in forms:
        with HostNetwork(network, form=form) as host:
            wrong += int((host.run(inputs) != expected).sum())
    return wrong


def test_random_networks_equal_tflm() -> None:
    """Both forms of every kernel in turn."""
    calls: Counter[str] = Counter()
    wrong = {seed: differences(seed, (("portable", "dsp")[seed % 2],), calls) for seed in range(FAST)}
    assert {seed: count for seed, count in wrong.items() if count} == {}
    assert calls["distinct"] > FAST * 0.6, "most networks must tell their inputs apart"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_of_this_field_equal_tflm(name: str) -> None:
    model = NETWORKS[name]()
    network = compile_network(model, source=name)
    inputs = inputs_for(network.network, 24, seed=7)
    expected = tflm_outputs(model, inputs, network.network.input.shape)
    assert len(np.unique(expected, axis=0)) > 12
    for form in FORMS:
        with HostNetwork(network, form=form) as host:
            assert (host.run(inputs) == expected).all(), form


def test_more_values_than_a_16_bit_size_are_moved_too() -> None:
    """A reshape of the caller's input into the caller's output is a copy, here of 90,000 values."""
    generator = NetworkGenerator(np.random.default_rng(0))
    model = generator.b.finish(generator.flat(generator.b.input((1, 300, 300, 1))))
    network = compile_network(model, source="a reshape")
    inputs = inputs_for(network.network, 2, seed=1)
    with HostNetwork(network) as host:
        assert (host.run(inputs) == tflm_outputs(model, inputs, network.network.input.shape)).all()


def test_a_network_that_leaves_its_arena_by_a_byte_is_noticed() -> None:
    network = compile_network(random_network(8), source="random network 8")
    inputs = inputs_for(network.network, 2, seed=8)
    small = dataclasses.replace(network, plan=dataclasses.replace(network.plan, arena_bytes=network.arena_bytes - 4))
    with HostNetwork(small) as host, pytest.raises(ExportError, match="past its arena"):
        host.run(inputs)


@pytest.mark.slow
def test_2000_random_networks_equal_tflm(tmp_path: Path) -> None:
    """Every form on every network."""
    calls: Counter[str] = Counter()
    wrong: dict[tuple[int, str], int] = {}
    forms = {form: kernels(tmp_path, form) for form in FORMS}
    for start in range(1000, 1000 + ALL, BATCH):
        seeds = range(start, start + BATCH)
        models = [random_network(seed) for seed in seeds]
        networks = [compile_network(m, source=f"random network {s}") for s, m in zip(seeds, models, strict=True)]
        inputs = [inputs_for(one.network, INPUTS, seed) for seed, one in zip(seeds, networks, strict=True)]
        folder = tmp_path / str(start)
        folder.mkdir()
        outputs = run_all(networks, inputs, forms, folder)
        for i, (seed, network) in enumerate(zip(seeds, networks, strict=True)):
            expected = tflm_outputs(models[i], inputs[i], network.network.input.shape)
            calls.update(call.function for call in network.program.calls)
            calls["distinct"] += len(np.unique(expected, axis=0)) > 1
            for form in forms:
                if count := int((outputs[form][i] != expected).sum()):
                    wrong[seed, form] = count
    assert wrong == {}
    assert calls["distinct"] > ALL * 0.6
    # sources that are parts of another kernel, or hold two; CMSIS-NN's have a test of their own
    parts = {"kws_columns", "kws_depthwise_line", "kws_elementwise", "kws_gather", "kws_memory", "kws_multiply_block"}
    parts |= {"kws_cmsis_nn", "kws_pool"}
    kernels_met = {name.removesuffix(".c") for name in KERNEL_SOURCES} - parts
    assert kernels_met <= set(calls), "every kernel must have been met"
