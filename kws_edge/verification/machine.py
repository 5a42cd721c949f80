"""The machine that figures were measured on: board, processor, system and packages, and how hot it was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kws_edge.cores import usable_cores

# versions of these change what is measured
_PACKAGES = ("kws-edge", "numpy", "ai-edge-litert", "tflite-runtime", "tflite-micro", "soundfile", "soxr", "cffi")
# part numbers of Arm Ltd.'s cores (implementer 0x41), from Linux's arch/arm64/include/asm/cputype.h and the cores'
# technical reference manuals (MIDR)
_ARM_PARTS = {
    0xB76: "ARM1176",
    0xC07: "Cortex-A7",
    0xC08: "Cortex-A8",
    0xC09: "Cortex-A9",
    0xC0F: "Cortex-A15",
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD40: "Neoverse-V1",
    0xD41: "Cortex-A78",
    0xD49: "Neoverse-N2",
    0xD4F: "Neoverse-V2",
}
# bits of `vcgencmd get_throttled`, Raspberry Pi's documentation of that command
_THROTTLED = {
    0: "under-voltage now",
    1: "frequency capped now",
    2: "throttled now",
    3: "soft temperature limit now",
    16: "under-voltage since boot",
    17: "frequency capped since boot",
    18: "throttled since boot",
    19: "soft temperature limit since boot",
}
_SOMEWHERE = Path("/")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What does not change while it is measured."""

    # what the device tree or the firmware calls it; None where neither does
    board: str | None
    # such as "Cortex-A72" or an x86's own name; None where it is not told
    cpu: str | None
    # as Python names it: "aarch64"
    architecture: str
    # that this process may use
    cores: int
    # of main memory; None where it is not told
    memory_bytes: int | None
    # of the system, such as "Debian GNU/Linux 12 (bookworm)"
    os: str
    kernel: str
    python: str
    # package to version, of those installed whose version can change a figure
    packages: Mapping[str, str]
    # what executes the instructions instead of a processor, such as "qemu-aarch64"; None on real hardware
    emulator: str | None

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What may change meanwhile and spoil a measurement."""

    # of the hottest sensor, in degrees Celsius; None where there is none
    temperature_c: float | None
    # of the first core: "ondemand", "performance"; None where the system has none
    governor: str | None
    # of the first core at this moment
    frequency_mhz: float | None
    # what a Raspberry Pi's firmware says of its power and its heat; None elsewhere, empty if all is well
    throttled: tuple[str, ...] | None
    # processes that wanted a core, averaged over the last minute
    load: float

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return asdict(self)


def this_machine(root: Path = _SOMEWHERE) -> Machine:
    """Look at the machine; `root` is where its /proc, /sys and /etc are."""
    information = _cpu_information(root)
    release = dict(line.split("=", 1) for line in _text(root / "etc/os-release").splitlines() if "=" in line)
    memory = [line.split() for line in _text(root / "proc/meminfo").splitlines() if line.startswith("MemTotal:")]
    return Machine(
        board=_board(root),
        cpu=_cpu(information),
        architecture=platform.machine(),
        cores=usable_cores(),
        memory_bytes=int(memory[0][1]) * 1024 if memory else None,
        os=release.get("PRETTY_NAME", platform.system()).strip('"'),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: version for name in _PACKAGES if (version := _version(name))},
        emulator=_emulator(root),
    )


def conditions(root: Path = _SOMEWHERE) -> Conditions:
    """Look at what may change; `root` is where the machine's /sys is."""
    first = root / "sys/devices/system/cpu/cpu0/cpufreq"
    frequency = _number(first / "scaling_cur_freq")
    zones = [_number(zone) for zone in (root / "sys/class/thermal").glob("thermal_zone*/temp")]
    temperatures = [degrees / 1000 for degrees in zones if degrees is not None]
    return Conditions(
        temperature_c=max(temperatures, default=None),
        governor=_text(first / "scaling_governor") or None,
        frequency_mhz=None if frequency is None else frequency / 1000,
        throttled=_throttled(root),
        load=os.getloadavg()[0],
    )


def meanings(throttled: int) -> tuple[str, ...]:
    """What the bits of `vcgencmd get_throttled` say."""
    return tuple(text for bit, text in _THROTTLED.items() if throttled >> bit & 1)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _board(root: Path) -> str | None:
    model = _text(root / "proc/device-tree/model") or _text(root / "sys/firmware/devicetree/base/model")
    if model:
        return model
    folder = root / "sys/class/dmi/id"
    return " ".join(filter(None, (_text(folder / "sys_vendor"), _text(folder / "product_name")))) or None


def _cpu_information(root: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in _text(root / "proc/cpuinfo").splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _cpu(information: Mapping[str, str]) -> str | None:
    implementer, part = information.get("CPU implementer"), information.get("CPU part")
    name = information.get("model name")
    if implementer is None or part is None:
        return name
    known = _ARM_PARTS.get(int(part, 16)) if int(implementer, 16) == 0x41 else None
    # the name that a 32-bit Arm system tells is its architecture's: "ARMv7 Processor rev 3 (v7l)"
    return known or name or f"implementer {implementer}, part {part}"


def _emulator(root: Path) -> str | None:
    """User-mode QEMU hides itself under /proc/self, but not under the thread's own entry."""
    try:
        program = (root / f"proc/self/task/{threading.get_native_id()}/exe").readlink().name
    except OSError:
        return None
    return program.removesuffix("-static") if program.startswith("qemu-") else None


def _throttled(root: Path) -> tuple[str, ...] | None:
    hexadecimal = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    if not hexadecimal and root == _SOMEWHERE and shutil.which("vcgencmd"):
        done = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, check=False)
        hexadecimal = done.stdout.strip().removeprefix("throttled=")
    try:
        return meanings(int(hexadecimal, 16))
    except ValueError:
        return None


def _number(file: Path) -> float | None:
    try:
        return float(_text(file))
    except ValueError:
        return None


def _text(file: Path) -> str:
    """Content of a small file of the system, without the zero byte that device trees end with; empty if unreadable."""
    try:
        return file.read_bytes().decode(errors="replace").strip("\0\n ")
    except OSError:
        return ""
