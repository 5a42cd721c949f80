"""What the harness reads of a linked program: sections and symbols of a 32-bit little-endian ELF file.

Layout: Tool Interface Standard, Executable and Linking Format, version 1.2, figures 1-3, 1-9 and 1-16.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import FirmwareError

_WRITE, _ALLOCATE = 1, 2
_SYMBOL_TABLE, _NO_BITS = 2, 8
_OBJECT, _FUNCTION = 1, 2


@dataclass(frozen=True)
class Section:
    """A section that is part of the running program."""

    name: str
    # where it lives while the program runs
    address: int
    bytes: int
    # stays in RAM: data, bss
    writable: bool
    # comes with the image: everything but bss
    stored: bool


@dataclass(frozen=True)
class Symbol:
    """A function or an object of a program."""

    name: str
    # of its first byte; the Thumb bit is taken off
    address: int
    bytes: int
    is_function: bool


@dataclass(frozen=True)
class Elf:
    """A program, linked for one core."""

    path: Path
    cpu: str
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    # the linker's account of what each input brought
    map_path: Path

    def function(self, name: str) -> Symbol:
        """The function of that name. Raises FirmwareError when there is none, or more than one."""
        found = [symbol for symbol in self.symbols if symbol.is_function and symbol.name == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise FirmwareError(f"{self.path} has {len(found)} functions called {name}; give them different names")
        clones = sorted(s.name for s in self.symbols if s.is_function and s.name.startswith(f"{name}."))
        hint = f"; the compiler made {', '.join(clones)} of it" if clones else "; unused or inlined functions vanish"
        raise FirmwareError(f"{self.path} has no function {name}{hint}; mark it noinline and call it")

    def function_at(self, address: int) -> str:
        """Name of the function that holds `address`, or the address itself where none does."""
        for symbol in self.symbols:
            if symbol.is_function and symbol.address <= address < symbol.address + max(symbol.bytes, 2):
                return symbol.name
        return hex(address)


def _text(table: bytes, offset: int) -> str:
    return table[offset : table.index(b"\0", offset)].decode()


def read_elf(path: Path, cpu: str, map_path: Path) -> Elf:
    """Read a program for `cpu`. Raises FirmwareError when `path` is no such file."""
    image = path.read_bytes()
    if image[:6] != b"\x7fELF\x01\x01":
        raise FirmwareError(f"{path} is no 32-bit little-endian ELF file")
    table_offset, entry_bytes, entries, names_index = struct.unpack_from("<I", image, 32) + struct.unpack_from(
        "<3H", image, 46
    )
    headers = [struct.unpack_from("<10I", image, table_offset + i * entry_bytes) for i in range(entries)]

    def content(index: int) -> bytes:
        return image[headers[index][4] : headers[index][4] + headers[index][5]]

    names = content(names_index)
    sections = []
    symbols = []
    for index, (name, kind, flags, address, _, size, link, *_) in enumerate(headers):
        if flags & _ALLOCATE and size:
            sections.append(Section(_text(names, name), address, size, bool(flags & _WRITE), kind != _NO_BITS))
        if kind == _SYMBOL_TABLE:
            strings = content(link)
            for symbol, value, length, info, _, _ in struct.iter_unpack("<IIIBBH", content(index)):
                if info & 15 in (_OBJECT, _FUNCTION):
                    is_function = info & 15 == _FUNCTION
                    start = value & ~1 if is_function else value
                    symbols.append(Symbol(_text(strings, symbol), start, length, is_function))
    return Elf(path, cpu, tuple(sections), tuple(symbols), map_path)
