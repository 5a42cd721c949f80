"""PlatformIO's own tool accepts the library and the project of its example."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exported_folders import export_to, exported_files

from firmware_export.codegen.firmware import Engine


@pytest.fixture
def folder(engine: Engine, tmp_path: Path) -> Path:
    return export_to(tmp_path / "kws_spotter", "platformio", engine)


@pytest.fixture
def pio(package: Callable[[str, str], None], tmp_path: Path) -> Callable[..., str]:
    """PlatformIO's command line, offline and in a home of its own."""
    package("platformio", "pip install 'kws-edge[targets]'")
    environment = {
        **os.environ,
        "PLATFORMIO_CORE_DIR": str(tmp_path / "core"),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "1000",
    }

    def run(*arguments: str, cwd: Path) -> str:
        command = [sys.executable, "-m", "platformio", *arguments]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    return run


@pytest.mark.slow
def test_the_library_packs(engine: Engine, folder: Path, pio: Callable[..., str], tmp_path: Path) -> None:
    archive = tmp_path / "library.tar.gz"
    pio("pkg", "pack", "-o", str(archive), cwd=folder)
    with tarfile.open(archive) as packed:
        names = set(packed.getnames())
    assert {"library.json", "src/kws_spotter.h", "examples/Microphone/platformio.ini"} <= names
    assert set(exported_files("platformio", engine)) <= names


@pytest.mark.slow
def test_the_example_is_a_project(folder: Path, pio: Callable[..., str]) -> None:
    sections = json.loads(pio("project", "config", "--json-output", cwd=folder / "examples" / "Microphone"))
    settings: dict[str, Any] = dict(dict(sections)["env:nano33ble"])
    assert (settings["board"], settings["framework"]) == ("nano33ble", ["arduino"])
    (library,) = settings["lib_deps"]
    relative = library.removeprefix("symlink://")
    assert (folder / "examples" / "Microphone" / relative).resolve() == folder.resolve()


def test_the_manifest_names_what_is_there(engine: Engine) -> None:
    files = exported_files("platformio", engine)
    manifest = json.loads(files["library.json"])
    assert f"src/{manifest['headers']}" in files
    for example in manifest["examples"]:
        assert all(f"{example['base']}/{name}" in files for name in example["files"])
    tflm = {"owner": "spaziochirale", "name": "Chirale_TensorFLowLite", "version": "^2.0.0"}
    assert manifest.get("dependencies", []) == ([tflm] if engine == "tflm" else [])


def test_the_program_is_the_arduino_sketch(engine: Engine) -> None:
    program = exported_files("platformio", engine)["examples/Microphone/src/main.cpp"]
    sketch = exported_files("arduino", engine)["examples/Microphone/Microphone.ino"]
    assert program.replace("#include <Arduino.h>\n", "") == sketch
    assert program.count("#include <Arduino.h>\n") == 1
