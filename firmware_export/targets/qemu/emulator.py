"""Boot a program in QEMU, feed it files, and count its instructions."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_export.targets.qemu.boards import board_of
from firmware_export.targets.qemu.elf import Elf
from firmware_export.targets.qemu.toolchain import HERE, require_tool
from kws_edge.errors import DependencyError, FirmwareError

_QEMU = "qemu-system-arm"
MOST_INPUTS = 10


@dataclass(frozen=True)
class RunResult:
    """What a program did, from reset to exit."""

    # everything that it printed
    stdout: str
    # what it gave to kws_qemu_write
    output: bytes
    # what `main` returned or kws_qemu_exit got, 0 to 255
    exit_code: int
    # deepest stack from reset to exit, in bytes
    stack_bytes: int
    # counted function to instructions from entry to return, callees included; a number for each call, in order of entry
    instructions: Mapping[str, tuple[int, ...]]
    # from reset to exit; 0 when no function was counted
    total_instructions: int


def _interface_version(qemu: str) -> int:
    """Version of the plugin interface to declare: the oldest that this QEMU takes and that fits its functions."""
    banner = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"version (\d+)\.(\d+)", banner)
    if match is None:
        raise DependencyError(f"{qemu} --version says {banner.strip()!r}; install QEMU 7.2 or newer")
    release = int(match[1]), int(match[2])
    # 9.0 refuses interface 1; 9.1 (interface 3) copies an instruction's bytes where older ones pointed to them
    return 1 if release < (9, 0) else 2 if release < (9, 1) else 3


def _counter(qemu: str) -> Path:
    """The counting plugin, compiled at first use into the user's cache."""
    source = HERE / "counter.c"
    version = _interface_version(qemu)
    key = hashlib.sha256(source.read_bytes() + str(version).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kws-edge"
    plugin = cache / f"qemu-counter-{key}.so"
    if not plugin.exists():
        compiler = require_tool("gcc")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            fresh = Path(folder) / plugin.name
            command = [compiler, "-O2", "-shared", "-fPIC", f"-DPLUGIN_API={version}", str(source), "-o", str(fresh)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise FirmwareError(f"compiling {source} failed:\n{done.stderr.strip()}")
            fresh.replace(plugin)
    return plugin


def _counter_options(elf: Elf, count: Sequence[str], qemu: str) -> list[str]:
    arguments = [f"file={str(_counter(qemu)).replace(',', ',,')}", "out=counts"]
    for name in count:
        symbol = elf.function(name)
        arguments.append(f"f={symbol.address:x}:{symbol.address + symbol.bytes:x}")
    # Armv6-M compilers reach a switch's table by a call that comes back elsewhere
    arguments += [f"d={s.address:x}" for s in elf.symbols if s.name.startswith("__gnu_thumb1_case")]
    return ["-plugin", ",".join(arguments)]


def _counts(text: str, count: Sequence[str]) -> tuple[dict[str, tuple[int, ...]], int]:
    calls: dict[str, list[tuple[int, int]]] = {name: [] for name in count}
    total = 0
    for line in text.splitlines():
        first, *rest = line.split()
        if first == "total":
            total = int(rest[0])
        else:
            calls[count[int(first)]].append((int(rest[0]), int(rest[1])))
    return {name: tuple(number for _, number in sorted(pairs)) for name, pairs in calls.items()}, total


def run(elf: Elf, *, inputs: Sequence[Path] = (), count: Sequence[str] = (), timeout_s: float = 60.0) -> RunResult:
    """Boot a program and wait for its exit.

    `inputs` are at most 10 host files that the program opens by position (kws_qemu_open). `count` names functions whose
    instructions are counted, exactly and repeatably; they are instructions, not cycles, and one that an IT block skips
    counts like any other. A function that has not returned when the program ends has no number. `timeout_s` is wall
    time in seconds.

    Raises DependencyError for a missing QEMU, FirmwareError when the program faults, overruns its stack or the time.
    """
    qemu = require_tool(_QEMU)
    if len(inputs) > MOST_INPUTS:
        raise FirmwareError(f"{len(inputs)} input files; a program opens {MOST_INPUTS} at most, so join some")
    if len(set(count)) != len(count):
        raise FirmwareError(f"count = {tuple(count)} names a function twice")
    board = board_of(elf.cpu)
    command = [
        *(qemu, "-M", board.machine, *board.machine_options),
        *("-nodefaults", "-display", "none", "-monitor", "none", "-serial", "null"),
        *("-chardev", "file,id=console,path=console"),
        *("-semihosting-config", "enable=on,target=native,chardev=console"),
        *("-kernel", str(elf.path.resolve())),
        *(_counter_options(elf, count, qemu) if count else ()),
    ]
    with tempfile.TemporaryDirectory(prefix="kws-edge-qemu-") as name:
        folder = Path(name)
        for index, path in enumerate(inputs):
            if not path.is_file():
                raise FirmwareError(f"{path} is no file; give the program an input that exists")
            (folder / f"input{index}").symlink_to(path.resolve())
        try:
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            printed = _read(folder / "console").decode(errors="replace")
            raise FirmwareError(
                f"{elf.path} did not exit within {timeout_s:g} s on {elf.cpu}; it printed: {printed[-500:]!r}"
            ) from None
        return _result(elf, folder, done, count)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _result(elf: Elf, folder: Path, done: subprocess.CompletedProcess[bytes], count: Sequence[str]) -> RunResult:
    stdout = _read(folder / "console").decode(errors="replace")
    fault = _read(folder / "fault")
    if fault:
        exception, at, caller = struct.unpack("<3I", fault)
        raise FirmwareError(
            f"{elf.path} took exception {exception} on {elf.cpu} at {at:#x} in {elf.function_at(at)}, "
            f"called from {elf.function_at(caller & ~1)}; it printed: {stdout[-500:]!r}"
        )
    stack = _read(folder / "stack")
    if not stack:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        if "plugin" in said:
            raise DependencyError(f"this QEMU cannot count instructions ({said}); install one built with plugins")
        raise FirmwareError(f"{elf.path} did not reach its end on {elf.cpu}: {said}")
    used, room = struct.unpack("<2I", stack)
    if used >= room:
        raise FirmwareError(f"{elf.path} filled all {room} B of stack on {elf.cpu}; its results cannot be trusted")
    instructions, total = _counts(_read(folder / "counts").decode(), count)
    return RunResult(stdout, _read(folder / "output"), done.returncode, used, instructions, total)
