"""Exported C computes the same integers where the first byte of a word is the highest: its self-tests pass there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_firmware import SPECS, small_firmware, write_sources

from firmware_export.codegen.firmware import spotter_files
from firmware_export.targets.generic.network import network_files
from kws_edge.runtime.oracle import open_oracle

sys.path.append(str(Path(__file__).parents[1] / "codegen"))
from named_networks import generator

pytestmark = pytest.mark.slow

APT_GET = "apt-get install --no-install-recommends"
NETWORK = """
#include "kws_network_selftest.h"
static int8_t input[KWS_NETWORK_INPUT_BYTES], output[KWS_NETWORK_OUTPUT_BYTES];
static uint32_t arena[(KWS_NETWORK_ARENA_BYTES + 3u) / 4u];
int passes(void) { return kws_network_selftest(input, output, arena); }
"""
SPOTTER = """
#include "kws_selftest.h"
static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];
int passes(void) { return kws_selftest(&spotter, arena, sizeof arena) == KWS_SELFTEST_PASS; }
"""
# a Cortex-A15 reads and writes words in either order; exits with 0 by semihosting if the highest byte does come first
# and passes() says 1. There is no big-endian C library to link, so the three functions that compilers call are here
START = """
#include <stddef.h>
#include <stdint.h>
void *memset(void *to, int value, size_t bytes) {
  for (uint8_t *byte = to; bytes != 0; --bytes) *byte++ = (uint8_t)value;
  return to;
}
void *memcpy(void *to, const void *from, size_t bytes) {
  const uint8_t *source = from;
  for (uint8_t *byte = to; bytes != 0; --bytes) *byte++ = *source++;
  return to;
}
void *memmove(void *to, const void *from, size_t bytes) { /* only downwards, see kws_memory.h */
  return memcpy(to, from, bytes);
}
int passes(void);
int check(void) {
  const union { uint32_t word; uint8_t bytes[4]; } order = {1};
  return order.bytes[3] == 1 && passes();
}
__asm__(".syntax unified\\n.arm\\n.global start\\n"
        "start: setend be\\n ldr sp, =stack_end\\n bl check\\n cmp r0, #1\\n"
        "ldr r1, =0x20026\\n movne r1, #0\\n mov r0, #0x18\\n svc 0x123456\\n"
        ".bss\\n.balign 8\\n.space 8192\\nstack_end:\\n.text\\n");
"""


def deep_network() -> dict[str, str]:
    """A window of 9 * 31 inputs, too many for columns, which are no multiple of four."""
    made = generator(7)
    convolved = made.filters(made.b.input((1, 12, 10, 31)), 8, (3, 3), same=True)
    model = made.b.finish(made.dense(made.flat(convolved), 12))
    files = network_files(model, name="deep.tflite", inference=open_oracle(model).run)
    assert "src/kws_conv_deep.c" in files
    return {Path(name).name: text for name, text in files.items() if name.startswith("src/")}


@pytest.mark.parametrize("made", ["network", "spotter"])
def test_the_selftest_passes_on_a_big_endian_core(made: str, tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    compiler = tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    emulator = tool("qemu-system-arm", f"{APT_GET} qemu-system-arm")
    spotter = made == "spotter"
    files = spotter_files(small_firmware(SPECS["mfcc_with_deltas"])) if spotter else deep_network()
    folder = write_sources({**files, "main.c": SPOTTER if spotter else NETWORK, "start.c": START}, tmp_path / "sources")
    elf = tmp_path / "program.elf"
    command = [compiler, "-mcpu=cortex-a15", "-marm", "-mbig-endian", "-std=gnu99", "-O2", "-ffreestanding"]
    command += ["-fno-tree-loop-distribute-patterns", "-nostdlib", "-Wl,--be8,-Ttext=0x40010000,-e,start"]
    subprocess.run([*command, f"-I{folder}", *sorted(map(str, folder.glob("*.c"))), "-o", str(elf)], check=True)
    command = [emulator, "-M", "virt", "-cpu", "cortex-a15", "-m", "64", "-display", "none", "-nodefaults"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(elf)]
    assert subprocess.run(command, timeout=60).returncode == 0
