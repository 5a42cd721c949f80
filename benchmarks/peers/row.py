"""One front end on one core: what it costs and how exact it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_export.targets.qemu import Size
from peers.sounds import Error


@dataclass(frozen=True, kw_only=True)
class PeerRow:
    """A front end's figures."""

    name: str
    cpu: str
    # what a row of it holds
    output: str
    # instructions of the call that makes one row, for every row of the run
    counts: tuple[int, ...]
    # name of a set of sounds to the error there
    errors: Mapping[str, Error]
    # code and constants; the C library's are left out
    flash_bytes: int
    # state, buffers and heap; the stack is left out
    ram_bytes: int

    @property
    def instructions(self) -> float:
        """Mean instructions for a row."""
        return sum(self.counts) / len(self.counts)


def memory_of(told: Size, program: str) -> tuple[int, int]:
    """Flash and RAM of the compiled sources but the harness and the benchmark's own `program`."""
    peer = [
        part
        for name, part in told.sources.items()
        if name.endswith((".c", ".cc")) and name not in ("startup.c", "semihosting.c", program)
    ]
    return sum(part.flash_bytes for part in peer), sum(part.ram_bytes for part in peer)
