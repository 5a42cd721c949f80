"""A PlatformIO library, with a project that listens to the microphone of a Nano 33 BLE Sense."""

from __future__ import annotations

from firmware_export.codegen.firmware import Engine, Firmware
from firmware_export.targets.arduino import arduino_sources
from firmware_export.targets.packaging import BOTH_ENGINES, microphone_files, project_files

DESCRIPTION = "a PlatformIO library, with a project for the Nano 33 BLE Sense's microphone"
ENGINES: tuple[Engine, ...] = BOTH_ENGINES

_SKETCH = "examples/Microphone/Microphone.ino"
_PROGRAM = "examples/Microphone/src/main.cpp"


def files(firmware: Firmware) -> dict[str, str]:
    """The exported folder, path to text."""
    sources = {**arduino_sources(firmware), **microphone_files()}
    sketch = project_files("arduino", firmware, sources=sources)[_SKETCH]
    return {
        **{f"src/{name}": text for name, text in sources.items()},
        **project_files("platformio", firmware, sources=sources),
        # Arduino's own builder puts this include in front of every sketch
        _PROGRAM: sketch.replace("#include <PDM.h>", "#include <Arduino.h>\n#include <PDM.h>", 1),
    }
