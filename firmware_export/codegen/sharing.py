"""How far a kernel that works through an image in order may let its output overlap its input.

A kernel's work is a list of blocks in the order of their outputs. Writing a block must not destroy what it or a later
block still reads. From the blocks' extents follow the smallest distances at which that holds, forwards and backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware_export.codegen.calls import Sharing


@dataclass(frozen=True)
class Block:
    """Byte extents, relative to the starts of input and output, of one step of a kernel."""

    read_start: int
    read_end: int
    write_start: int
    write_end: int


def share(blocks: Sequence[Block], *, buffered: bool, reversible: bool) -> Sharing:
    """The distances for a kernel that runs through `blocks`, in reverse too if `reversible`.

    `buffered`: a block is read completely before its first output is written.
    """
    below, needed = None, None
    for block in reversed(blocks):
        if not buffered:
            needed = block.read_start if needed is None else min(needed, block.read_start)
        if needed is not None:
            distance = block.write_end - needed
            below = distance if below is None else max(below, distance)
        needed = block.read_start if needed is None else min(needed, block.read_start)
    above, needed = None, None
    for block in blocks:
        if not buffered:
            needed = block.read_end if needed is None else max(needed, block.read_end)
        if needed is not None:
            distance = needed - block.write_start
            above = distance if above is None else max(above, distance)
        needed = block.read_end if needed is None else max(needed, block.read_end)
    return Sharing(below=0 if below is None else below, above=(0 if above is None else above) if reversible else None)


def strictest(a: Sharing, b: Sharing) -> Sharing:
    """What both allow."""
    return Sharing(
        same=a.same and b.same,
        below=None if a.below is None or b.below is None else max(a.below, b.below),
        above=None if a.above is None or b.above is None else max(a.above, b.above),
    )
