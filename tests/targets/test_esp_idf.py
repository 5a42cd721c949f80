"""The ESP-IDF component passes the component manager's own checks, and its example names only options that exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from exported_folders import export_to, exported_files

from firmware_export.codegen.firmware import Engine

TARGETS = "pip install 'kws-edge[targets]'"
EXAMPLE = "examples/i2s_microphone"


@pytest.fixture
def files(engine: Engine) -> dict[str, str]:
    return exported_files("esp-idf", engine)


def test_the_component_manager_accepts_the_manifest(
    engine: Engine, tmp_path: Path, package: Callable[[str, str], None]
) -> None:
    package("idf_component_tools", TARGETS)
    from idf_component_tools.manager import ManifestManager

    folder = export_to(tmp_path / "kws_spotter", "esp-idf", engine)
    manager = ManifestManager(folder, "kws_spotter", upload_mode=True)
    manager.validate()
    assert manager.validation_errors == []
    dependencies = {dependency.name for dependency in manager.load().requirements}
    assert dependencies == {"idf"} | ({"espressif/esp-tflite-micro"} if engine == "tflm" else set())


def test_the_manager_would_have_found_a_fault(tmp_path: Path, package: Callable[[str, str], None]) -> None:
    package("idf_component_tools", TARGETS)
    from idf_component_tools.manager import ManifestManager

    manifest = exported_files("esp-idf", "tflm")["idf_component.yml"]
    (tmp_path / "idf_component.yml").write_text(manifest.replace('version: "^1.3.1"', 'version: "newest"'))
    manager = ManifestManager(tmp_path, "kws_spotter", upload_mode=True)
    manager.validate()
    assert manager.validation_errors


def test_the_example_uses_the_options_that_its_menu_defines(
    files: dict[str, str], tmp_path: Path, package: Callable[[str, str], None]
) -> None:
    package("kconfiglib", TARGETS)
    from kconfig import symbols

    menu = symbols(files[f"{EXAMPLE}/main/Kconfig.projbuild"], tmp_path)
    used = set(re.findall(r"\bCONFIG_(KWS_\w+)", files[f"{EXAMPLE}/main/main.c"]))
    assert used == {symbol.name for symbol in menu.unique_defined_syms}
    assert menu.syms["KWS_MICROPHONE_SHIFT"].str_value == "14"


def test_the_example_finds_the_component_that_it_is_a_part_of(files: dict[str, str]) -> None:
    project = files[f"{EXAMPLE}/CMakeLists.txt"]
    assert '"${CMAKE_CURRENT_LIST_DIR}/../.."' in project
    lines = [line for line in project.splitlines() if line and not line.startswith("#")]
    # ESP-IDF demands this order: what comes after project() has no effect on it
    assert lines[0].startswith("cmake_minimum_required") and lines[-1].startswith("project(")
    assert lines[-2] == "include($ENV{IDF_PATH}/tools/cmake/project.cmake)"
