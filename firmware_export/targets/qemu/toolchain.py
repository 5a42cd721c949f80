"""C sources to a program for an emulated board, and how much memory each of them takes there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from firmware_export.targets.qemu.boards import Board, board_of
from firmware_export.targets.qemu.elf import Elf, read_elf
from kws_edge.errors import DependencyError, FirmwareError

HERE = Path(__file__).parent
APT_GET = "apt-get install --no-install-recommends"
_PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "clang": "clang",
    "gcc": "gcc libc6-dev",
    "qemu-system-arm": "qemu-system-arm",
}
_LINKER = "arm-none-eabi-gcc"


def require_tool(program: str) -> str:
    """Path of an external program. Raises DependencyError with the line that installs it."""
    path = shutil.which(program)
    if path is None:
        package = _PACKAGES.get(Path(program).name, program)
        raise DependencyError(f"{program} is not installed; {APT_GET} {package}")
    return path


def _run(command: Sequence[str], what: str) -> str:
    # messages in English: one of them is read
    english = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=english)
    if done.returncode:
        raise FirmwareError(f"{what} failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout + done.stderr


def _library_headers(linker: str) -> list[str]:
    """Where the C library's headers are, for a compiler that does not come with one for this target."""
    listing = _run([linker, "-E", "-v", "-x", "c", "/dev/null"], f"asking {linker} for its headers")
    listed = listing.partition("#include <...> search starts here:\n")[2].partition("End of search list")[0]
    folders = [Path(line.strip()).resolve() for line in listed.splitlines()]
    # gcc's own headers (stdint.h, arm_acle.h) are for gcc alone
    return [f"-isystem{folder}" for folder in folders if "gcc" not in folder.parts]


def _compiler_flags(compiler: str, linker: str, board: Board) -> list[str]:
    flags = ["-mthumb", *board.compiler_flags, "-ffunction-sections", "-fdata-sections", "-fno-common"]
    if "clang" in Path(compiler).name:
        # clang's objects keep gcc's layout of enumerations, so that both link with the same library
        return ["--target=arm-none-eabi", *flags, "-fshort-enums", *_library_headers(linker)]
    return flags


def _linker_script(board: Board) -> str:
    script = (HERE / "board.ld.in").read_text()
    for name in ("flash_origin", "flash_bytes", "ram_origin", "ram_bytes"):
        script = script.replace(f"@{name.upper()}@", hex(getattr(board, name)))
    return script


def build(
    sources: Sequence[Path],
    cpu: str,
    output: Path,
    *,
    optimization: str = "-O2",
    defines: Sequence[str] = (),
    include: Sequence[Path] = (),
    compiler: str = _LINKER,
    flags: Sequence[str] = (),
    libraries: Sequence[str] = (),
    archives: Sequence[Path] = (),
    float_abi: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Elf:
    """Compile and link a program that `run` boots; one of `sources` defines ``int main(void)`` (see kws_qemu.h).

    `sources` are C files (C99 with GNU extensions, unless `flags` says otherwise). `cpu` is a key of `BOARDS`.
    `output` is the program's path; objects, linker script and map file appear beside it in ``<output>.build``.
    `optimization` is the compiler's option. `defines` are ``NAME`` or ``NAME=value``, `include` folders beyond the
    harness' own. `compiler` is arm-none-eabi-gcc or a clang; arm-none-eabi-gcc links. `libraries` are names for the
    linker (``m``) in front of the small C library. Nothing sets up a heap: a program that allocates does not link.
    `archives` are compiled libraries that the program calls; where they were compiled for another way of passing
    floating-point values than the board's, `float_abi` (``soft``, ``softfp``, ``hard``) compiles all for theirs.
    `progress(done, total)` is told after each file.

    Raises DependencyError for a missing compiler, FirmwareError with the compiler's words when it refuses.
    """
    board = board_of(cpu)
    if float_abi is not None:
        # in its place, not after it: with two of them gcc picks a C library of another instruction set
        others = tuple(flag for flag in board.compiler_flags if not flag.startswith("-mfloat-abi="))
        board = replace(board, compiler_flags=(*others, f"-mfloat-abi={float_abi}"))
    linker, chosen = require_tool(_LINKER), require_tool(compiler)
    folder = output.with_name(f"{output.name}.build")
    folder.mkdir(parents=True, exist_ok=True)
    headers = [f"-I{HERE}", *(f"-I{path}" for path in include)]
    # a loop that the compiler turns into a call of the C library would bring that function into every image
    plain = "-fno-tree-loop-distribute-patterns"
    ours = [linker, *_compiler_flags(linker, linker, board), "-std=gnu99", "-O2", plain, f"-I{HERE}"]
    theirs = [
        chosen,
        *_compiler_flags(chosen, linker, board),
        "-std=gnu99",
        optimization,
        *(f"-D{define}" for define in defines),
        *headers,
        *flags,
    ]
    objects: list[str] = []
    # the harness is compiled in one way whatever is asked for the program, so its share never blurs a comparison
    steps = [
        *((ours, HERE / name) for name in ("startup.c", "semihosting.c")),
        *((theirs, source) for source in sources),
    ]
    for command, source in steps:
        target = folder / f"{len(objects)}-{source.name}.o"
        _run([*command, "-c", str(source), "-o", str(target)], f"compiling {source} for {cpu}")
        objects.append(str(target))
        if progress is not None:
            progress(len(objects), len(steps))
    script, map_path = folder / "board.ld", folder / "program.map"
    script.write_text(_linker_script(board))
    _run(
        [
            *(linker, "-mthumb", *board.compiler_flags, "-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections"),
            *("-Wl,--no-warn-rwx-segments", f"-Wl,-Map={map_path}", "-T", str(script)),
            *objects,
            *map(str, archives),
            *(f"-l{library}" for library in libraries),
            *("-o", str(output)),
        ],
        f"linking {output.name} for {cpu} ({board.flash_bytes} B flash, {board.ram_bytes} B RAM)",
    )
    return read_elf(output, cpu, map_path)


@dataclass(frozen=True)
class SourceSize:
    """What one source file, or the C library's part of it, put into a program."""

    # instructions and constants, in bytes
    flash_bytes: int = 0
    # data and bss, in bytes; what data holds at start lies in flash too and is counted there
    ram_bytes: int = 0


@dataclass(frozen=True)
class Size:
    """What a program takes of a board's memory; the stack is what a run measures."""

    flash_bytes: int
    ram_bytes: int
    # section name to bytes
    sections: Mapping[str, int]
    # source file name, or library member, to what the linker kept of it
    sources: Mapping[str, SourceSize]


_CONTRIBUTION = re.compile(
    r"^ (?P<section>\.(?:text|rodata|data|bss|vectors|ARM\.ex)\S*|COMMON)\s+0x[0-9a-f]+\s+"
    r"0x(?P<bytes>[0-9a-f]+) (?P<file>.+)$",
    re.MULTILINE,
)


def size(elf: Elf) -> Size:
    """Flash and RAM of a program, by section and by source file, as the linker laid them out."""
    sections = {section.name: section.bytes for section in elf.sections}
    memory_map = elf.map_path.read_text().partition("Linker script and memory map")[2]
    # a long section name stands on a line of its own
    joined = re.sub(r"^( \.\S+)\n\s+", r"\1 ", memory_map, flags=re.MULTILINE)
    sources: dict[str, SourceSize] = defaultdict(SourceSize)
    for match in _CONTRIBUTION.finditer(joined):
        name = re.sub(r"^\d+-(.*)\.o$", r"\1", re.sub(r".*[/(]([^/)]+)\)?$", r"\1", match["file"]))
        count, section = int(match["bytes"], 16), match["section"]
        in_ram = section.startswith((".data", ".bss", "COMMON"))
        in_flash = not section.startswith((".bss", "COMMON"))
        old = sources[name]
        sources[name] = SourceSize(old.flash_bytes + in_flash * count, old.ram_bytes + in_ram * count)
    return Size(
        flash_bytes=sum(section.bytes for section in elf.sections if section.stored),
        ram_bytes=sum(section.bytes for section in elf.sections if section.writable),
        sections=sections,
        sources={name: value for name, value in sources.items() if value.flash_bytes or value.ram_bytes},
    )
