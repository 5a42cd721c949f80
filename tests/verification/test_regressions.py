"""What breaks between two releases of a model is caught, and the message names the cause."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from trained import with_a_reversed_kernel

from kws_edge.bundle import INT8_MODEL, Bundle
from kws_edge.corpus import Corpus
from kws_edge.errors import FirmwareError
from kws_edge.frontend import features
from kws_edge.spec import ModelSettings
from kws_edge.verification import device as device_module
from kws_edge.verification.budget import Board, Budget, Limits, parse_budget
from kws_edge.verification.budget_writing import budget_toml
from kws_edge.verification.checks import check_frontend, check_grids
from kws_edge.verification.layer_outputs import layer_outputs
from kws_edge.verification.layer_parity import compare_layers, measure_layer_parity
from kws_edge.verification.layers import measure_layers
from kws_edge.verification.measurements import Measurements
from kws_edge.verification.quantization import measure_quantization
from kws_edge.verification.verdict import Line, judge

pytestmark = pytest.mark.slow

APT_GET = "apt-get install --no-install-recommends"


@pytest.fixture(scope="module", autouse=True)
def tools(tool: Callable[[str, str], str], package: Callable[[str, str], None]) -> None:
    tool("gcc", f"{APT_GET} gcc libc6-dev")
    tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", f"{APT_GET} qemu-system-arm")
    package("tflite_micro", "pip install 'kws-edge[train]' (x86_64 Linux)")


@pytest.fixture(scope="module")
def budget(trained_bundle: Bundle) -> Budget:
    """What the trained bundle takes, without any margin."""
    measurements = Measurements(trained_bundle, Board(), None, None)
    return parse_budget(budget_toml(measurements, margin_percent=0).encode(), "written.toml")


@pytest.fixture(scope="module")
def rows(trained_bundle: Bundle, tones: Corpus) -> np.ndarray:
    return features(np.asarray(tones.split("test").clips[::3]), trained_bundle.features)


def with_model(bundle: Bundle, model: bytes) -> Bundle:
    return dataclasses.replace(bundle, files={**bundle.files, INT8_MODEL: model})


def failed(budget: Budget, bundle: Bundle) -> dict[str, Line]:
    verdict = judge(budget, Measurements(bundle, budget.board, None, None))
    return {line.name: line for line in verdict.lines if line.passed is False}


def test_a_bundle_keeps_the_budget_that_was_made_from_it(budget: Budget, trained_bundle: Bundle) -> None:
    verdict = judge(budget, Measurements(trained_bundle, budget.board, None, None), strict=True)
    assert verdict.passed, [line for line in verdict.lines if not line.passed]
    names = {line.name for line in verdict.lines}
    assert {"flash_bytes_max", "ram_bytes_max", "arena_bytes_max", "instructions_per_second_max", "front_end"} <= names
    assert "layer_weight_bytes_max.convolution_2" in names


def test_one_wider_layer_fails_by_its_name(budget: Budget, trained_bundle: Bundle) -> None:
    from kws_edge.conversion import convert_int8
    from kws_edge.models.network import Network

    spec = trained_bundle.features
    network = Network(spec, len(trained_bundle.labels), "int8_export")
    x = network.convolution(network.input, 16, (10, 4), strides=2)
    x = network.convolution(network.depthwise(x, 3), 24, 1)  # 16 in the trained one
    x = network.convolution(network.depthwise(x, 3), 16, 1)
    model = network.model(network.classifier(network.global_average_pool(x)))
    noise = np.random.default_rng(0).integers(-128, 128, (20, *spec.shape)).astype(np.int8)
    lines = failed(budget, with_model(trained_bundle, convert_int8(model, noise, spec)))
    wider = lines["layer_weight_bytes_max.convolution_2"]
    assert wider.detail == f"layer convolution_2 grew by {8 * (16 + 4)} bytes"
    assert "layer_output_bytes_max.convolution_2" in lines
    assert "layer_weight_bytes_max.convolution_1" not in lines
    for name in ("flash_bytes_max", "ram_bytes_max", "arena_bytes_max", "instructions_per_inference_max"):
        assert name in lines


def test_a_dropped_fake_quantization_is_named(trained_bundle: Bundle, rows: np.ndarray) -> None:
    from kws_edge.conversion import convert_int8
    from kws_edge.models import build_model
    from kws_edge.models.network import load_weights

    assert check_grids(trained_bundle).passed
    model = build_model(trained_bundle.model, trained_bundle.features, len(trained_bundle.labels), "int8_export")
    load_weights(model, trained_bundle.variables("quantized"))
    model.get_layer("depthwise_2").range.form = "float_export"
    check = check_grids(with_model(trained_bundle, convert_int8(model, rows, trained_bundle.features)))
    assert check.passed is False
    assert check.measured == 1
    assert check.detail.startswith("depthwise_2 was trained with int8 steps of")
    assert "a fake quantization was dropped" in check.detail


def test_a_model_of_which_no_layer_is_known_is_not_said_to_be_on_its_grids(trained_bundle: Bundle) -> None:
    stranger = trained_bundle.int8_model.replace(b"convolution_", b"konvolution_").replace(b"depthwise_", b"tiefeweis_")
    check = check_grids(with_model(trained_bundle, stranger))
    assert check.passed is None
    assert "no layer of the int8 model" in check.detail


def test_noise_of_a_network_whose_file_is_gone_is_not_measured_and_told_why(
    trained_bundle: Bundle, rows: np.ndarray
) -> None:
    model = ModelSettings(arch="gone.py:build", source_sha256="0" * 64)
    found = measure_quantization(dataclasses.replace(trained_bundle, model=model), rows[:2])
    assert found.not_measured is not None
    assert "gone.py: No such file" in found.not_measured
    assert all(layer.sqnr_db is None for layer in found.layers)


def test_a_changed_constant_of_the_front_end_is_named(budget: Budget, trained_bundle: Bundle) -> None:
    assert check_frontend(trained_bundle).passed
    spec = dataclasses.replace(trained_bundle.features, preemphasis=0.96)
    changed = dataclasses.replace(trained_bundle, features=spec)
    check = check_frontend(changed)
    assert check.passed is False
    assert "the front end" in check.detail
    alone = dataclasses.replace(budget, limits=Limits())
    assert failed(alone, changed)["front_end"].detail == "the front end is another: preemphasis is 0.96, not 0.97"


def test_an_arena_of_16_bytes_less_fails_with_what_tflm_says(budget: Budget, trained_bundle: Bundle) -> None:
    arena_bytes = (budget.limits.arena_bytes_max or 0) - 16
    less = dataclasses.replace(budget, limits=Limits(arena_bytes_max=arena_bytes))
    lines = failed(less, trained_bundle)
    assert set(lines) == {"arena_bytes_max"}
    assert "16 too much" in lines["arena_bytes_max"].detail
    assert f"TFLM cannot run this model in {arena_bytes} bytes" in lines["arena_bytes_max"].detail


def test_firmware_that_does_not_build_fails_where_the_weights_alone_are_too_many(
    budget: Budget, trained_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def does_not_fit(*_: object, **__: object) -> None:
        raise FirmwareError("region FLASH overflowed")

    monkeypatch.setattr(device_module, "try_firmware", does_not_fit)
    limits = dataclasses.replace(budget.limits, flash_bytes_max=1000)
    verdict = judge(dataclasses.replace(budget, limits=limits), Measurements(trained_bundle, budget.board, None, None))
    lines = {line.name: line for line in verdict.lines}
    assert lines["flash_bytes_max"].passed is False
    assert lines["flash_bytes_max"].detail.endswith("at least; region FLASH overflowed")
    assert (lines["stack_bytes_max"].passed, lines["stack_bytes_max"].detail) == (None, "region FLASH overflowed")


def test_interpreters_agree_layer_by_layer(trained_bundle: Bundle, rows: np.ndarray) -> None:
    parity = measure_layer_parity(trained_bundle, rows)
    found = {each.interpreter: each for each in parity.comparisons}
    assert parity.device == "tflm"
    assert {"keras_qat", "litert_reference", "litert_xnnpack", "aot"} <= set(found)
    assert all(each.first_departure is None for each in parity.comparisons)
    for name in ("litert_reference", "aot"):
        assert sum(layer.different for layer in found[name].layers) == 0
    assert {"convolution_1", "depthwise_2", "average_pool_1"} <= {layer.layer for layer in found["keras_qat"].layers}


def test_the_first_layer_that_departs_is_named(trained_bundle: Bundle, rows: np.ndarray) -> None:
    expected = {info.name: outputs for info, outputs in layer_outputs(trained_bundle, "litert_reference", rows)}
    spoilt = with_model(trained_bundle, with_a_reversed_kernel(trained_bundle.int8_model))
    largest = max(measure_layers(trained_bundle, count=False).layers, key=lambda layer: layer.weight_bytes).name
    for interpreter in ("litert_reference", "litert_xnnpack", "aot"):
        assert compare_layers(spoilt, interpreter, rows, expected).first_departure == largest


def test_costs_of_layers_add_up_to_the_whole(trained_bundle: Bundle, budget: Budget) -> None:
    costs = measure_layers(trained_bundle)
    assert costs.not_counted is None
    counted = sum(layer.instructions or 0 for layer in costs.layers)
    # the rest is kws_network_run and the engine's own
    assert 0 < (budget.limits.instructions_per_inference_max or 0) - counted < 500
    assert costs.tflm_arena is not None
    arena_bytes = costs.tflm_arena.head_bytes + costs.tflm_arena.tail_bytes
    assert 0 <= (budget.limits.arena_bytes_max or 0) - arena_bytes < 4096
    assert max(block.offset_bytes + block.size_bytes for block in costs.aot_blocks) <= costs.aot_arena_bytes
    assert max(layer.aot_arena_bytes for layer in costs.layers) <= costs.aot_arena_bytes
    # pixels of the first layer times its 10x4 kernels
    first = costs.layers[0]
    assert first.macs == first.output_bytes * 40
    json.dumps(costs.to_json())


def test_the_quantization_report_finds_a_range_that_is_too_narrow(trained_bundle: Bundle, rows: np.ndarray) -> None:
    sound = {layer.layer: layer for layer in measure_quantization(trained_bundle, rows).layers}
    assert all(layer.sqnr_db is not None and layer.sqnr_db > 5 for layer in sound.values())
    assert all((layer.own_sqnr_db or 0) >= (layer.sqnr_db or 0) - 3 for layer in sound.values())
    narrow = with_model(trained_bundle, with_a_narrow_range(trained_bundle, "depthwise_1"))
    report = measure_quantization(narrow, rows)
    layer = next(layer for layer in report.layers if layer.layer == "depthwise_1")
    assert layer.saturated_share > 2 * sound["depthwise_1"].saturated_share
    assert (layer.sqnr_db or 0) < (sound["depthwise_1"].sqnr_db or 0)
    assert "are clipped" in layer.advice
    assert "widen its range" in layer.advice
    json.dumps(report.to_json())


def with_a_narrow_range(bundle: Bundle, layer: str) -> bytes:
    """The int8 model with a quarter of the trained range for the outputs of one layer."""
    from kws_edge.conversion import convert_int8
    from kws_edge.models import build_model
    from kws_edge.models.network import load_weights

    model = build_model(bundle.model, bundle.features, len(bundle.labels), "int8_export")
    weights = bundle.variables("quantized")
    weights[f"{layer}/range/maximum"] = weights[f"{layer}/range/maximum"] / 4
    load_weights(model, weights)
    return convert_int8(model, np.zeros((4, *bundle.features.shape), np.int8), bundle.features)


def test_the_command_writes_a_budget_and_exits_with_1_when_one_line_of_it_fails(
    trained_bundle: Bundle, tones: Corpus, tmp_path: Path
) -> None:
    def verify(*options: str | Path) -> subprocess.CompletedProcess[str]:
        arguments = ["verify", trained_bundle.path, "--data", tones.folder, *options]
        command = [sys.executable, "-m", "kws_edge", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)

    written = tmp_path / "budget.toml"
    done = verify("--write-budget", written, "--margin", "10", "--emulated", "5")
    assert done.returncode == 0, done.stderr
    assert "5 clips through the firmware on cortex-m4: self-test PASS" in done.stdout
    text = written.read_text("utf-8")
    flash = next(line for line in text.splitlines() if line.startswith("flash_bytes_max"))
    written.write_text(text.replace(flash, "flash_bytes_max = 1234\nfalse_accepts_per_hour_max = 1.0"))
    done = verify("--budget", written, "--json", "--junit", tmp_path / "junit.xml")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"] is False
    assert all(check["passed"] is not False for check in report["checks"])
    verdicts = {line["name"]: line["verdict"] for line in report["budget"]["lines"]}
    assert [name for name, word in verdicts.items() if word == "fail"] == ["flash_bytes_max"]
    assert verdicts["accuracy_min"] == "pass"
    assert verdicts["false_accepts_per_hour_max"] == "not measured"
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.get("failures") for suite in root] == ["0", "1"]
