"""How far a kernel that works through an image in order may let its output overlap its input.

A kernel's work is a list of blocks in the order of their outputs. Writing a block must not destroy what it or a later
block still reads. From the blocks' extents follow the smallest distances at which that holds, forwards and backwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_export.codegen.calls import Sharing


@dataclass(frozen=True, eq=False)
class Blocks:
    """Byte extents, relative to the starts of input and output, of a kernel's steps in the order of their outputs."""

    read_start: npt.NDArray[np.int64]
    read_end: npt.NDArray[np.int64]
    write_start: npt.NDArray[np.int64]
    write_end: npt.NDArray[np.int64]


def share(blocks: Blocks, *, buffered: bool, reversible: bool) -> Sharing:
    """The distances for a kernel that runs through `blocks`, in reverse too if `reversible`.

    `buffered`: a block is read completely before its first output is written.
    """
    # the lowest byte that a block or a later one reads; the highest that a block or an earlier one reads
    lowest = np.minimum.accumulate(blocks.read_start[::-1])[::-1]
    highest = np.maximum.accumulate(blocks.read_end)
    if buffered:
        forwards = blocks.write_end[:-1] - lowest[1:]
        backwards = highest[:-1] - blocks.write_start[1:]
    else:
        forwards = blocks.write_end - lowest
        backwards = highest - blocks.write_start
    # a single buffered block may write anywhere
    below = int(forwards.max()) if len(forwards) else 0
    above = int(backwards.max()) if len(backwards) else 0
    return Sharing(below=below, above=above if reversible else None)


def strictest(a: Sharing, b: Sharing) -> Sharing:
    """What both allow."""
    return Sharing(
        same=a.same and b.same,
        below=None if a.below is None or b.below is None else max(a.below, b.below),
        above=None if a.above is None or b.above is None else max(a.above, b.above),
    )
