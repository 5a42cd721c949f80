"""An Arduino library, with a sketch that listens to the PDM microphone of a Nano 33 BLE Sense."""

from __future__ import annotations

from firmware_export.codegen.firmware import Engine, Firmware, core_files, engine_files
from firmware_export.codegen.tflm_engine import tflm_engine_files
from firmware_export.targets.packaging import BOTH_ENGINES, microphone_files, project_files

DESCRIPTION = "an Arduino library, with a sketch for the Nano 33 BLE Sense's microphone"
ENGINES: tuple[Engine, ...] = BOTH_ENGINES


def files(firmware: Firmware) -> dict[str, str]:
    """The exported folder, path to text."""
    sources = {**arduino_sources(firmware), **microphone_files()}
    return {
        **{f"src/{name}": text for name, text in sources.items()},
        **project_files("arduino", firmware, sources=sources),
    }


def arduino_sources(firmware: Firmware) -> dict[str, str]:
    """The spotter's files by name, the engine such that Arduino's builder finds TensorFlow Lite Micro for it."""
    tflm = firmware.engine == "tflm"
    engine = tflm_engine_files(firmware.model, arduino=True) if tflm else engine_files(firmware)
    return {**core_files(firmware), **engine}
