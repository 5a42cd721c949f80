"""A CMake package for any board whose build already has TensorFlow Lite Micro."""

from __future__ import annotations

from pathlib import Path

from firmware_export.codegen.firmware import Engine, Firmware, spotter_files
from firmware_export.targets.packaging import microphone_files, project_files

DESCRIPTION = "a CMake package that runs the model in your build's TensorFlow Lite Micro"
ENGINES: tuple[Engine, ...] = ("tflm",)

# the very program of target generic: one API over both engines
_EXAMPLE = Path(__file__).parents[1] / "generic" / "templates" / "main.c"


def files(firmware: Firmware) -> dict[str, str]:
    """The exported folder, path to text."""
    sources = {**spotter_files(firmware), **microphone_files()}
    return {
        **{f"src/{name}": text for name, text in sources.items()},
        "example/main.c": _EXAMPLE.read_text(encoding="utf-8"),
        **project_files("generic_tflm", firmware, sources=sources),
    }
