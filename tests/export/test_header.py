"""kws_model.h and kws_model.c: the bundle's model byte for byte, under every compiler, and the numbers beside it."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_export.codegen.firmware_model import ArenaNeed, FirmwareModel
from firmware_export.codegen.header import render_header
from kws_edge.bundle import Bundle
from kws_edge.errors import ExportError
from kws_edge.tflite_file import summarize

pytestmark = pytest.mark.slow

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror"]
INSTALL = {
    "gcc": "apt-get install gcc",
    "g++": "apt-get install g++",
    "clang": "apt-get install clang",
    "clang++": "apt-get install clang",
    "arm-none-eabi-gcc": "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
}
C99 = ["-std=c99"]
CPP11 = ["-x", "c++", "-std=c++11"]
PRINT_ALL = r"""
#include <stdint.h>
#include <stdio.h>
#include "kws_model.h"
#define NAME(op) #op " "
int main(void) {
  fwrite(kws_model, 1, sizeof kws_model, stdout);
  fprintf(stderr, "%u %u\n", (unsigned)sizeof kws_model, KWS_MODEL_BYTES);
  fprintf(stderr, "%u\n", (unsigned)((uintptr_t)kws_model % KWS_MODEL_ALIGNMENT));
  fprintf(stderr, "%s\n%s\n%s\n", KWS_MODEL_SHA256, KWS_MODEL_SPEC_SHA256, KWS_MODEL_FEATURES);
  for (int i = 0; i < KWS_MODEL_LABEL_COUNT; i++) fprintf(stderr, "%s ", kws_model_labels[i]);
  fprintf(stderr, "\n%d %d\n", KWS_MODEL_SAMPLE_RATE_HZ, KWS_MODEL_CLIP_SAMPLES);
  fprintf(stderr, "%d %d %d\n", KWS_MODEL_WINDOW_SAMPLES, KWS_MODEL_STRIDE_SAMPLES, KWS_MODEL_TRANSFORM_LENGTH);
  fprintf(stderr, "%d %d\n", KWS_MODEL_FRAMES, KWS_MODEL_COLUMNS);
  fprintf(stderr, "%.9g %d\n", (double)KWS_MODEL_INPUT_SCALE, KWS_MODEL_INPUT_ZERO_POINT);
  fprintf(stderr, "%.9g %d\n", (double)KWS_MODEL_OUTPUT_SCALE, KWS_MODEL_OUTPUT_ZERO_POINT);
  fprintf(stderr, "%d %s\n", KWS_MODEL_OP_COUNT, KWS_MODEL_OPS(NAME));
  fprintf(stderr, "%d %d %d\n", KWS_MODEL_ARENA_MEASURED_BYTES, KWS_MODEL_ARENA_MARGIN_BYTES, KWS_MODEL_ARENA_BYTES);
  return 0;
}
"""


@pytest.fixture
def model(trained_bundle: Bundle) -> FirmwareModel:
    return FirmwareModel.from_bundle(trained_bundle, ArenaNeed(7216, 1024))


@pytest.fixture
def sources(tmp_path: Path, model: FirmwareModel) -> Path:
    for name, text in render_header(model).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "print_all.c").write_text(PRINT_ALL)
    return tmp_path


@pytest.mark.parametrize(
    ("compiler", "standard"),
    [("gcc", C99), ("clang", C99), ("g++", CPP11), ("clang++", CPP11)],
    ids=["gcc", "clang", "g++", "clang++"],
)
def test_the_compiled_array_is_the_model(
    sources: Path, model: FirmwareModel, tool: Callable[[str, str], str], compiler: str, standard: list[str]
) -> None:
    command = [tool(compiler, INSTALL[compiler]), *standard, *WARNINGS, "print_all.c", "kws_model.c", "-o", "print_all"]
    subprocess.run(command, cwd=sources, check=True)
    done = subprocess.run([sources / "print_all"], check=True, capture_output=True)
    assert done.stdout == model.model

    spec, summary = model.features, summarize(model.model)
    assert done.stderr.decode().splitlines() == [
        f"{len(model.model)} {len(model.model)}",
        "0",
        model.model_sha256,
        spec.sha256(),
        "mfcc",
        "low middle high silence unknown ",
        "8000 8000",
        "256 160 256",
        "49 10",
        f"{spec.scale:.9g} {spec.zero_point}",
        f"{np.float32(summary.output.scale):.9g} {summary.output.zero_point}",
        "4 Conv2D DepthwiseConv2D AveragePool2D Reshape ",
        "7216 1024 8240",
    ]


@pytest.mark.parametrize("standard", [C99, CPP11], ids=["c99", "c++11"])
def test_the_cross_compiler_has_no_complaint(
    sources: Path, tool: Callable[[str, str], str], standard: list[str]
) -> None:
    compiler = tool("arm-none-eabi-gcc", INSTALL["arm-none-eabi-gcc"])
    command = [compiler, "-mcpu=cortex-m4", "-mthumb", *standard, *WARNINGS, "-c", "kws_model.c", "-o", "kws_model.o"]
    subprocess.run(command, cwd=sources, check=True)


def test_the_array_is_aligned_where_the_compiler_would_not_do_it_by_itself(
    sources: Path, tool: Callable[[str, str], str]
) -> None:
    """On x86 a large array is aligned anyway; on Cortex-M it lies on 4 bytes unless told otherwise."""
    compiler = tool("arm-none-eabi-gcc", INSTALL["arm-none-eabi-gcc"])
    command = [compiler, "-mcpu=cortex-m4", "-mthumb", "-Os", "-fdata-sections", *C99, "-c", "kws_model.c"]
    subprocess.run([*command, "-o", "kws_model.o"], cwd=sources, check=True)
    inspect = [tool("arm-none-eabi-objdump", INSTALL["arm-none-eabi-gcc"]), "-h", "kws_model.o"]
    listing = subprocess.run(inspect, cwd=sources, check=True, capture_output=True, text=True).stdout
    section = next(line for line in listing.splitlines() if line.split()[1:2] == [".rodata.kws_model"])
    assert section.split()[-1] == "2**4"


def test_the_same_bundle_gives_the_same_text(model: FirmwareModel) -> None:
    assert render_header(model) == render_header(dataclasses.replace(model))


def test_an_arena_that_was_not_measured_is_left_out(model: FirmwareModel) -> None:
    header = render_header(dataclasses.replace(model, arena=None))["kws_model.h"]
    assert "#define KWS_MODEL_ARENA" not in header
    assert "not measured" in header


def test_a_front_end_on_another_grid_is_refused(model: FirmwareModel) -> None:
    with pytest.raises(ExportError, match="scale"):
        dataclasses.replace(model, features=dataclasses.replace(model.features, scale=model.features.scale * 1.001))
    with pytest.raises(ExportError, match="zero point"):
        dataclasses.replace(model, features=dataclasses.replace(model.features, zero_point=1))


def test_a_front_end_or_labels_of_another_shape_are_refused(model: FirmwareModel) -> None:
    with pytest.raises(ExportError, match="input"):
        dataclasses.replace(model, features=dataclasses.replace(model.features, window_stride_ms=10.0))
    with pytest.raises(ExportError, match="output"):
        dataclasses.replace(model, labels=model.labels[:-1])
