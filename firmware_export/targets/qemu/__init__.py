"""The target that needs no board: programs for Cortex-M, compiled as for a device and booted in QEMU.

`build` makes a program of C sources, `run` boots it, feeds it host files and counts the instructions of its functions,
`size` tells its flash and RAM. The C side is kws_qemu.h.
"""

from __future__ import annotations

from firmware_export.targets.qemu.boards import BOARDS, Board
from firmware_export.targets.qemu.elf import Elf, Section, Symbol
from firmware_export.targets.qemu.emulator import RunResult, run
from firmware_export.targets.qemu.toolchain import Size, SourceSize, build, require_tool, size

__all__ = [
    "BOARDS",
    "Board",
    "Elf",
    "RunResult",
    "Section",
    "Size",
    "SourceSize",
    "Symbol",
    "build",
    "require_tool",
    "run",
    "size",
]
