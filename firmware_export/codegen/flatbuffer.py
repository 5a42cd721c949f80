"""A flatbuffers table that trusts no offset: every access is checked to lie inside the file before it is made."""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers.encode
import flatbuffers.number_types as number_types
import flatbuffers.table
import numpy as np

_INT32 = struct.Struct("<i")
_UINT16 = struct.Struct("<H")
_UINT32 = struct.Struct("<I")


class MalformedError(ValueError):
    """The file is no well-formed flatbuffer; the message says where."""


class CheckedTable(flatbuffers.table.Table):  # type: ignore[misc]  # flatbuffers carries no types
    """The accessor under a generated table class, with bounds checks that the library leaves out.

    The library's Python reader follows whatever offset it finds, backwards, past the end or round in circles. This one
    raises MalformedError when a vtable, field, vector, string or table does not lie wholly inside the buffer.
    """

    __slots__ = ("_inline_bytes", "_vtable", "_vtable_bytes")

    def __init__(self, buf: bytes, pos: int) -> None:
        super().__init__(buf, pos)
        self._vtable = pos - self._unpack(_INT32, pos, "a table")
        self._vtable_bytes = self._unpack(_UINT16, self._vtable, "a vtable")
        if self._vtable_bytes < 4 or self._vtable_bytes % 2 or self._vtable + self._vtable_bytes > len(buf):
            raise MalformedError(f"the vtable at byte {self._vtable} has an impossible size")
        self._inline_bytes = self._unpack(_UINT16, self._vtable + 2, "a vtable")
        if self._inline_bytes < 4 or pos + self._inline_bytes > len(buf):
            raise MalformedError(f"the table at byte {pos} runs past the end")

    def _unpack(self, form: struct.Struct, at: int, what: str) -> int:
        if at < 0 or at + form.size > len(self.Bytes):
            raise MalformedError(f"{what} at byte {at} lies outside the file")
        value: int = form.unpack_from(self.Bytes, at)[0]
        return value

    def Offset(self, vtableOffset: int) -> int:
        if vtableOffset + 2 > self._vtable_bytes:
            return 0
        offset = self._unpack(_UINT16, self._vtable + vtableOffset, "a vtable")
        if offset and not 4 <= offset < self._inline_bytes:
            raise MalformedError(f"a field of the table at byte {self.Pos} lies outside it")
        return offset

    def Indirect(self, off: int) -> int:
        return off + self._unpack(_UINT32, off, "an offset")

    def Get(self, flags: Any, off: int) -> Any:
        if off < 0 or off + flags.bytewidth > len(self.Bytes):
            raise MalformedError(f"a value at byte {off} lies outside the file")
        return flags.py_type(flatbuffers.encode.Get(flags.packer_type, self.Bytes, off))

    def String(self, off: int) -> bytes:
        start = self.Indirect(off)
        length = self._unpack(_UINT32, start, "a string")
        if start + 4 + length > len(self.Bytes):
            raise MalformedError(f"the string at byte {start} runs past the end")
        return bytes(self.Bytes[start + 4 : start + 4 + length])

    def VectorLen(self, off: int) -> int:
        start = self.Indirect(off + self.Pos)
        length = self._unpack(_UINT32, start, "a vector")
        if start + 4 + length > len(self.Bytes):  # at least a byte an element; wider ones are checked when read
            raise MalformedError(f"the vector at byte {start} runs past the end")
        return length

    def Vector(self, off: int) -> int:
        return self.Indirect(off + self.Pos) + 4

    def Union(self, t2: flatbuffers.table.Table, off: int) -> None:
        t2.Pos = self.Indirect(off + self.Pos)
        t2.Bytes = self.Bytes

    def GetVectorAsNumpy(self, flags: Any, off: int) -> np.ndarray[Any, Any]:
        start, length = self.Vector(off), self.VectorLen(off)
        if start + length * flags.bytewidth > len(self.Bytes):
            raise MalformedError(f"the vector at byte {start} runs past the end")
        dtype: Any = number_types.to_numpy_type(flags)
        return np.frombuffer(self.Bytes, dtype=dtype, count=length, offset=start)


def checked(table: Any) -> Any:
    """The generated table object `table` with its accessor replaced by a checked one; returns the same object."""
    if table is None:
        raise MalformedError("a required table is missing")
    table._tab = CheckedTable(table._tab.Bytes, table._tab.Pos)
    return table
