"""A Zephyr module, with a sample that listens to a digital microphone."""

from __future__ import annotations

from firmware_export.codegen.firmware import Engine, Firmware, spotter_files
from firmware_export.targets.packaging import BOTH_ENGINES, microphone_files, project_files

DESCRIPTION = "a Zephyr module, with a sample for a digital microphone (DMIC)"
ENGINES: tuple[Engine, ...] = BOTH_ENGINES


def files(firmware: Firmware) -> dict[str, str]:
    """The exported folder, path to text."""
    sources = {**spotter_files(firmware), **microphone_files()}
    return {
        **{f"src/{name}": text for name, text in sources.items()},
        **project_files("zephyr", firmware, sources=sources),
    }
