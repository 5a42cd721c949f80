"""The machine that a bench was made on is told by what its system says, and by nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kws_edge.verification.machine import conditions, meanings, this_machine

# /proc/cpuinfo of a Raspberry Pi 4 under a 64-bit kernel, one of its four cores
PI_4 = """processor	: 0
BogoMIPS	: 108.00
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3

Revision	: c03114
Model		: Raspberry Pi 4 Model B Rev 1.4
"""


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """The files that a Raspberry Pi 4 would have."""
    files = {
        "proc/cpuinfo": PI_4,
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/meminfo": "MemTotal:        3884360 kB\nMemFree:         3000000 kB\n",
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
        "sys/class/thermal/thermal_zone0/temp": "61835\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_raspberry_pi_is_known_by_its_device_tree_and_its_core(pi: Path) -> None:
    machine = this_machine(pi)
    assert machine.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert machine.cpu == "Cortex-A72"
    assert machine.memory_bytes == 3884360 * 1024
    assert machine.os == "Debian GNU/Linux 12 (bookworm)"


def test_a_32_bit_system_tells_its_core_too(pi: Path) -> None:
    """Raspberry Pi OS of 32 bits writes a model name, of the architecture and not of the core."""
    (pi / "proc/cpuinfo").write_text(f"model name\t: ARMv7 Processor rev 3 (v7l)\n{PI_4}")
    assert this_machine(pi).cpu == "Cortex-A72"


def test_heat_clock_and_power_are_read(pi: Path) -> None:
    found = conditions(pi)
    assert found.temperature_c == 61.835
    assert found.governor == "ondemand"
    assert found.frequency_mhz == 1500
    assert found.throttled == (
        "under-voltage now",
        "throttled now",
        "under-voltage since boot",
        "throttled since boot",
    )


def test_a_pi_that_was_never_throttled_says_so(pi: Path) -> None:
    (pi / "sys/devices/platform/soc/soc:firmware/get_throttled").write_text("0\n")
    assert conditions(pi).throttled == ()


def test_every_bit_has_a_meaning_of_its_own() -> None:
    assert [len(meanings(1 << bit)) for bit in range(20)] == [1] * 4 + [0] * 12 + [1] * 4
    assert len(set(meanings(0xFFFFF))) == 8


def test_a_pc_is_known_by_its_firmware(pi: Path) -> None:
    shutil.rmtree(pi / "proc/device-tree")
    for name, text in (("sys_vendor", "LENOVO\n"), ("product_name", "20W0\n")):
        (pi / "sys/class/dmi/id").mkdir(parents=True, exist_ok=True)
        (pi / "sys/class/dmi/id" / name).write_text(text)
    (pi / "proc/cpuinfo").write_text("vendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5\n")
    machine = this_machine(pi)
    assert (machine.board, machine.cpu) == ("LENOVO 20W0", "Intel(R) Core(TM) i5")


def test_a_core_that_is_not_known_is_told_by_its_numbers(pi: Path) -> None:
    (pi / "proc/cpuinfo").write_text(PI_4.replace("0xd08", "0xfff"))
    assert this_machine(pi).cpu == "implementer 0x41, part 0xfff"


def test_an_empty_system_is_unknown_and_no_error(tmp_path: Path) -> None:
    machine, found = this_machine(tmp_path), conditions(tmp_path)
    assert (machine.board, machine.cpu, machine.memory_bytes) == (None, None, None)
    assert (found.temperature_c, found.governor, found.frequency_mhz, found.throttled) == (None, None, None, None)


def test_this_machine_is_not_taken_for_an_emulated_one() -> None:
    """The way that emulation is told by: which program the kernel runs for this thread."""
    program = Path(f"/proc/self/task/{os.getpid()}/exe").readlink().name
    emulator = this_machine().emulator
    assert (emulator is not None) == program.startswith("qemu-")
