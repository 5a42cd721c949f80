"""The Zephyr module: its Kconfig through kconfiglib, its YAML by the rules of Zephyr's own schemas."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from exported_folders import exported_files

from firmware_export.codegen.firmware import Engine

SAMPLE = "samples/microphone"
# what Zephyr itself defines and ours depends on
ZEPHYR = """
config CPP
	bool "C++"
config TENSORFLOW_LITE_MICRO
	bool "TensorFlow Lite Micro"
"""
# scripts/zephyr_module.py: METADATA_SCHEMA
MODULE_KEYS = {"name", "build", "tests", "samples", "boards", "blobs", "security", "package-managers", "runners"}
# scripts/schemas/twister/testsuite-schema.yaml, those of its keys that a sample may need, and their types
SCENARIO_TYPES: dict[str, type] = {
    "build_only": bool,
    "depends_on": str,
    "filter": str,
    "harness": str,
    "integration_platforms": list,
    "modules": list,
    "platform_allow": list,
    "tags": list,
    "timeout": int,
}


@pytest.fixture
def files(engine: Engine) -> dict[str, str]:
    return exported_files("zephyr", engine)


def test_module_yml_says_where_things_are(files: dict[str, str]) -> None:
    module = yaml.safe_load(files["zephyr/module.yml"])
    assert set(module) <= MODULE_KEYS
    assert module["name"] == "kws_spotter"
    assert f"{module['build']['cmake']}/CMakeLists.txt" in files
    assert module["build"]["kconfig"] in files
    for folder in module["samples"]:
        assert any(name.startswith(f"{folder}/") and name.endswith("sample.yaml") for name in files)


def test_sample_yaml_is_what_twister_takes(engine: Engine, files: dict[str, str]) -> None:
    document: dict[str, Any] = yaml.safe_load(files[f"{SAMPLE}/sample.yaml"])
    assert set(document) == {"sample", "tests"}
    assert set(document["sample"]) == {"name", "description"}
    ((name, scenario),) = document["tests"].items()
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", name)
    for key, value in scenario.items():
        assert isinstance(value, SCENARIO_TYPES[key]), key
    assert all(re.fullmatch(r"\w+(/\w+)+", board) for board in scenario["integration_platforms"])
    assert ("tflite-micro" in scenario.get("modules", [])) == (engine == "tflm")


def test_kconfig_parses_and_the_sample_turns_it_on(
    engine: Engine, files: dict[str, str], tmp_path: Path, package: Callable[[str, str], None]
) -> None:
    package("kconfiglib", "pip install 'kws-edge[targets]'")
    from kconfig import symbols

    menu = symbols(files["zephyr/Kconfig"], tmp_path, around=ZEPHYR)
    configuration = dict(line.split("=", 1) for line in files[f"{SAMPLE}/prj.conf"].splitlines())
    assert configuration["CONFIG_KWS_SPOTTER"] == "y"
    assert menu.syms["KWS_SPOTTER"].str_value == "n"
    for name in ("CPP", "TENSORFLOW_LITE_MICRO"):
        if f"CONFIG_{name}" in configuration:
            menu.syms[name].set_value(configuration[f"CONFIG_{name}"])
    menu.syms["KWS_SPOTTER"].set_value("y")
    assert menu.syms["KWS_SPOTTER"].str_value == "y"
    # without TensorFlow Lite Micro only the engine that needs none can be had
    menu.syms["TENSORFLOW_LITE_MICRO"].set_value("n")
    assert menu.syms["KWS_SPOTTER"].str_value == ("n" if engine == "tflm" else "y")


def test_the_options_of_the_readme_are_all_that_an_application_needs(
    files: dict[str, str], tmp_path: Path, package: Callable[[str, str], None]
) -> None:
    package("kconfiglib", "pip install 'kws-edge[targets]'")
    from kconfig import symbols

    menu = symbols(files["zephyr/Kconfig"], tmp_path, around=ZEPHYR)
    options = re.findall(r"CONFIG_(\w+)=y", files["README.md"])
    for name in sorted(options, key=lambda option: option == "KWS_SPOTTER"):
        if name in menu.syms:
            menu.syms[name].set_value("y")
    assert menu.syms["KWS_SPOTTER"].str_value == "y"


def test_options_in_cmake_are_defined(files: dict[str, str]) -> None:
    cmake = files["zephyr/CMakeLists.txt"]
    zephyrs = {"TENSORFLOW_LITE_MICRO_CMSIS_NN_KERNELS"}
    assert set(re.findall(r"CONFIG_(\w+)", cmake)) - zephyrs == {"KWS_SPOTTER"}


def test_overlays_are_named_after_boards_and_label_the_microphone(files: dict[str, str]) -> None:
    overlays = {name: text for name, text in files.items() if name.endswith(".overlay")}
    assert overlays
    for name, text in overlays.items():
        assert PurePosixPath(name).parent == PurePosixPath(SAMPLE) / "boards"
        assert re.search(r"^(dmic_dev: &\w+|&dmic_dev) \{$", text, re.MULTILINE)
        assert text.count("{") == text.count("}")
    assert "DT_NODELABEL(dmic_dev)" in files[f"{SAMPLE}/src/main.c"]


def test_the_driver_queues_as_many_blocks_as_the_sample_has(files: dict[str, str]) -> None:
    # the default of dts/bindings/audio/nordic,nrf-pdm.yaml is 4; when it is full, dmic_nrfx_pdm.c stops
    count = re.search(r"^#define BLOCK_COUNT (\d+)$", files[f"{SAMPLE}/src/main.c"], re.MULTILINE)
    assert count is not None
    boards = set(re.findall(r"\b\w+/nrf52840(?:/\w+)?", files["README.md"] + files[f"{SAMPLE}/sample.yaml"]))
    assert boards == {"arduino_nano_33_ble/nrf52840/sense", "nrf52840dk/nrf52840"}
    for board in boards:
        assert f"queue-size = <{count[1]}>;" in files[f"{SAMPLE}/boards/{board.replace('/', '_')}.overlay"]
    # other boards are told when they are built
    assert "queue_size, BLOCK_COUNT) >= BLOCK_COUNT" in files[f"{SAMPLE}/src/main.c"]


def test_the_sample_finds_the_module_that_it_is_a_part_of(files: dict[str, str]) -> None:
    lines = [line for line in files[f"{SAMPLE}/CMakeLists.txt"].splitlines() if line and not line.startswith("#")]
    # Zephyr reads the list of modules while find_package runs
    assert lines.index("list(APPEND ZEPHYR_EXTRA_MODULES ${CMAKE_CURRENT_SOURCE_DIR}/../..)") < lines.index(
        "find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})"
    )
