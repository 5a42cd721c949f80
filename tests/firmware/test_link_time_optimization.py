"""An exported network in a library of objects for link-time optimization: it links, and passes its self-test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_firmware import write_sources

from firmware_export.targets.generic.network import network_files
from firmware_export.targets.qemu import build, run
from kws_edge.runtime.oracle import open_oracle

sys.path.append(str(Path(__file__).parents[1] / "codegen"))
from named_networks import mlperf_tiny_kws

pytestmark = pytest.mark.slow

APT_GET = "apt-get install"
MAIN = """
#include "kws_network_selftest.h"
#include "kws_qemu.h"
static int8_t input[KWS_NETWORK_INPUT_BYTES], output[KWS_NETWORK_OUTPUT_BYTES];
static uint32_t arena[(KWS_NETWORK_ARENA_BYTES + 3u) / 4u];
int main(void) {
  kws_qemu_print(kws_network_selftest(input, output, arena) ? "PASS" : "FAIL");
  return 0;
}
"""


def test_assembly_is_found_in_an_archive_and_computes_the_same(tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    compiler = tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", f"{APT_GET} qemu-system-arm")
    model = mlperf_tiny_kws()  # it has both of what is assembly: 1x1 convolutions and depthwise 3x3
    inference = open_oracle(model).run
    source = write_sources(network_files(model, name="ds_cnn.tflite", inference=inference), tmp_path / "export") / "src"
    # archives with an index of what the plugin reads, as CMake's interprocedural optimization and Zephyr make them
    command = [compiler, "-mcpu=cortex-m4", "-mthumb", "-std=c99", "-O2", "-flto", f"-I{source}", "-c"]
    subprocess.run([*command, *sorted(map(str, source.glob("*.c")))], cwd=tmp_path, check=True)
    archive = tmp_path / "libkws_network.a"
    objects = sorted(map(str, tmp_path.glob("*.o")))
    subprocess.run(["arm-none-eabi-gcc-ar", "rcs", str(archive), *objects], check=True)
    main = tmp_path / "main.c"
    main.write_text(MAIN)
    elf = build([main], "cortex-m4", tmp_path / "program", include=[source], flags=["-flto"], archives=[archive])
    assert run(elf).stdout == "PASS"
