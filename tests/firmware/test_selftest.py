"""The self-test of a board says PASS, or names the first stage that is not the host's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from small_firmware import SPECS, WARNINGS, build_program, small_firmware, some_audio, write_spotter

from firmware_export.codegen.firmware import CORE
from firmware_export.codegen.golden import checksum
from firmware_export.trial import try_firmware
from kws_edge.spec import DetectionSettings

pytestmark = pytest.mark.slow

APT_GET = "apt-get install"
MAIN = """
#include "kws_selftest.h"
#include <stdio.h>
static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];
int main(void) {
  puts(kws_selftest_name(kws_selftest(&spotter, arena, sizeof arena - ARENA_MISSING)));
  return 0;
}
"""


@pytest.fixture(autouse=True)
def gcc(tool: Callable[[str, str], str]) -> None:
    tool("gcc", f"{APT_GET} gcc")


def verdict(folder: Path, missing: int = 0) -> str:
    program = build_program(folder, MAIN, flags=(f"-DARENA_MISSING={missing}u",))
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("kind", SPECS)
def test_it_passes_on_every_kind_of_features(kind: str, tmp_path: Path) -> None:
    assert verdict(write_spotter(small_firmware(SPECS[kind]), tmp_path)) == "PASS"


def test_inferences_may_be_a_whole_clip_apart(tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    settings = DetectionSettings(inference_stride_ms=1000, smoothing_window=2, threshold=0.3, minimum_count=1)
    firmware = small_firmware(SPECS["mfcc"], detection=settings)
    assert firmware.inference_rows == firmware.model.features.frames
    folder = write_spotter(firmware, tmp_path)
    assert verdict(folder) == "PASS"
    # which knows that no row is kept
    command = [tool("clang", f"{APT_GET} clang"), "-std=c99", *WARNINGS, f"-I{folder}", "-fsyntax-only"]
    subprocess.run([*command, str(folder / "kws_spotter.c")], check=True)


def test_it_takes_no_more_stack_than_its_header_says(tool: Callable[[str, str], str]) -> None:
    tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", f"{APT_GET} qemu-system-arm")
    said = re.search(r"([\d.]+) KB of stack", (CORE / "kws_selftest.h").read_text())
    firmware = small_firmware(SPECS["mfcc"])
    memory = try_firmware(firmware, "cortex-m0", some_audio(firmware.model.features, 1.1)).memory
    assert said is not None
    assert 300 < memory.selftest_stack_bytes <= 1024 * float(said[1])


def spoil(folder: Path, file: str, pattern: str, change: Callable[[int], int]) -> None:
    """Change the number that the pattern's group finds in a generated file."""
    path = folder / file
    text = path.read_text()
    match = re.search(pattern, text)
    assert match is not None, f"{pattern} is not in {file}"
    path.write_text(text[: match.start(1)] + str(change(int(match[1]))) + text[match.end(1) :])


@pytest.mark.parametrize(
    ("file", "pattern", "expected"),
    [
        (
            "kws_features.c",
            r"int16_t window\[\d+\] = \{\s*(?:-?\d+,\s*){40}(-?\d+)",
            "the front end's spectrum differs",
        ),
        ("kws_features.c", r"/\* log_centre \*/ (-?\d+)", "the front end's logarithms differ"),
        ("kws_features.c", r"/\* shift \*/ (-?\d+)", "the front end's features differ"),
        ("kws_network.c", r"multiplier_0\[\d+\] = \{\s*(-?\d+)", "the network's outputs differ"),
        ("kws_config.c", r"threshold\[KWS_CONFIG_LABELS\] = \{\s*(\d+)", "the detector differs"),
        ("kws_config.c", r"/\* minimum_count \*/ (\d+)", "the detector differs"),
        ("kws_config.h", r"KWS_CONFIG_INFERENCE_ROWS (\d+)", "the stream differs"),
    ],
)
def test_it_names_the_first_stage_that_differs(file: str, pattern: str, expected: str, tmp_path: Path) -> None:
    folder = write_spotter(small_firmware(SPECS["mfcc"]), tmp_path)
    # far enough that saturation and rounding cannot hide it
    spoil(folder, file, pattern, lambda value: value - max(abs(value) // 4, 1))
    assert verdict(folder) == f"FAIL: {expected}"


def test_an_arena_that_is_too_small_is_named(tmp_path: Path) -> None:
    folder = write_spotter(small_firmware(SPECS["mfcc"]), tmp_path)
    assert verdict(folder, missing=1) == "FAIL: kws_spotter_init refuses"


def test_the_checksum_is_fnv_1a_over_words() -> None:
    assert checksum([]) == 2166136261
    assert checksum([1]) == ((2166136261 ^ 1) * 16777619) % 2**32
    assert checksum([-1]) == ((2166136261 ^ 0xFFFFFFFF) * 16777619) % 2**32
    assert checksum([1, 2]) != checksum([2, 1])
