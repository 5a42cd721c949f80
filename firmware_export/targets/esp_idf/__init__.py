"""An ESP-IDF component, with a project that listens to an I2S microphone."""

from __future__ import annotations

from firmware_export.codegen.firmware import Engine, Firmware, spotter_files
from firmware_export.targets.packaging import BOTH_ENGINES, microphone_files, project_files

DESCRIPTION = "an ESP-IDF component, with a project for an I2S microphone"
ENGINES: tuple[Engine, ...] = BOTH_ENGINES


def files(firmware: Firmware) -> dict[str, str]:
    """The exported folder, path to text."""
    sources = {**spotter_files(firmware), **microphone_files()}
    return {
        **{f"src/{name}": text for name, text in sources.items()},
        **project_files("esp_idf", firmware, sources=sources),
    }
