"""The vocabulary between lowering, planning and emission: calls of kernels with their constants and memory rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy.typing as npt

from firmware_export.codegen.ir import Tensor


@dataclass(frozen=True, eq=False)
class Array:
    """A constant array in flash."""

    what: str  # the first part of its name in the generated C, such as "weights"
    c_type: str
    values: npt.NDArray[Any]  # flat


@dataclass(frozen=True, eq=False)
class Struct:
    """A constant operator struct; its fields in the order of the C declaration."""

    c_type: str
    fields: Mapping[str, Value]


@dataclass(frozen=True, eq=False)
class At:
    """Memory of a tensor, `offset` bytes in."""

    tensor: Tensor
    offset: int = 0


@dataclass(frozen=True)
class Scratch:
    """The call's scratch memory."""


@dataclass(frozen=True)
class Reversed:
    """1 when the plan makes this call work from its last output to its first, else 0."""


Value: TypeAlias = int | tuple[int, ...] | Array | Struct | Reversed | None
Argument: TypeAlias = Struct | Array | At | Scratch | int


@dataclass(frozen=True)
class Sharing:
    """Where a call's output may lie when it overlaps the input that dies with it; distances in bytes.

    Apart from these places, output and input must be disjoint.
    """

    same: bool = False  # exactly where the input lies
    below: int | None = None  # starting at least this far before the input's start
    above: int | None = None  # starting at least this far behind it; then the call runs reversed


@dataclass(frozen=True, eq=False)
class Call:
    """One line of the generated network: a kernel, its arguments, and what it needs of memory."""

    function: str
    arguments: tuple[Argument, ...]
    inputs: tuple[Tensor, ...]
    output: Tensor
    scratch_bytes: int = 0
    sharing: Mapping[int, Sharing] = field(default_factory=dict)  # by position in `inputs`
    multiply_accumulates: int = 0  # of the kernel's inner loop, for reports
    can_fail: bool = False  # the function returns 0, or something else when it computed nothing
