"""The emulated boards: one for every core that the firmware is held to."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from kws_edge.errors import FirmwareError

KIB = 1024


@dataclass(frozen=True, kw_only=True)
class Board:
    """A core and the QEMU machine that carries it, with the memory that a program may use there."""

    # name of the core, as users write it
    cpu: str
    # QEMU's name of the machine
    machine: str
    # compiler options that name the core and how it passes floating-point values
    compiler_flags: tuple[str, ...]
    # address of the vector table, then code and constants
    flash_origin: int
    flash_bytes: int
    # address of data, bss and stack
    ram_origin: int
    ram_bytes: int
    # QEMU options beyond the machine
    machine_options: tuple[str, ...] = ()


_ALL = (
    # an nRF51 has 16 KiB of RAM; QEMU lets it grow, so that programs which only a larger M0 part would hold run too
    Board(
        cpu="cortex-m0",
        machine="microbit",
        compiler_flags=("-mcpu=cortex-m0", "-mfloat-abi=soft"),
        flash_origin=0,
        flash_bytes=256 * KIB,
        ram_origin=0x2000_0000,
        ram_bytes=64 * KIB,
        machine_options=("-global", f"nrf51-soc.sram-size={64 * KIB}"),
    ),
    Board(
        cpu="cortex-m3",
        machine="mps2-an385",
        compiler_flags=("-mcpu=cortex-m3", "-mfloat-abi=soft"),
        flash_origin=0,
        flash_bytes=4096 * KIB,
        ram_origin=0x2000_0000,
        ram_bytes=4096 * KIB,
    ),
    Board(
        cpu="cortex-m4",
        machine="mps2-an386",
        compiler_flags=("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        flash_origin=0,
        flash_bytes=4096 * KIB,
        ram_origin=0x2000_0000,
        ram_bytes=4096 * KIB,
    ),
    Board(
        cpu="cortex-m7",
        machine="mps2-an500",
        compiler_flags=("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16"),
        flash_origin=0,
        flash_bytes=4096 * KIB,
        ram_origin=0x2000_0000,
        ram_bytes=4096 * KIB,
    ),
    # secure aliases: the core starts in the secure state
    Board(
        cpu="cortex-m33",
        machine="mps2-an505",
        compiler_flags=("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        flash_origin=0x1000_0000,
        flash_bytes=4096 * KIB,
        ram_origin=0x3800_0000,
        ram_bytes=2048 * KIB,
    ),
    # the tightly coupled memories
    Board(
        cpu="cortex-m55",
        machine="mps3-an547",
        compiler_flags=("-mcpu=cortex-m55", "-mfloat-abi=hard"),
        flash_origin=0,
        flash_bytes=512 * KIB,
        ram_origin=0x2000_0000,
        ram_bytes=512 * KIB,
    ),
)

BOARDS = MappingProxyType({board.cpu: board for board in _ALL})


def board_of(cpu: str) -> Board:
    """The board that carries `cpu`. Raises FirmwareError when there is none."""
    try:
        return BOARDS[cpu]
    except KeyError:
        raise FirmwareError(f"no emulated board has a {cpu!r}; choose one of {', '.join(BOARDS)}") from None
