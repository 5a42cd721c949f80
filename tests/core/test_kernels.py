"""The kernels by themselves: rescaling in every form, clean builds everywhere, and no step outside of their memory."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_export.codegen.compiled import CORE, KERNEL_HEADERS, KERNEL_SOURCES
from firmware_export.codegen.fixed_point import clip_int8, multiply
from firmware_export.codegen.host import FORMS, WARNINGS

CPUS = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55")

_EXPORTS = """
#include "kws_requantize.h"
int32_t exact(int32_t x, int32_t multiplier, int32_t shift);
int32_t fast(int32_t x, int32_t multiplier, int32_t zero_point, uint32_t shift);
int32_t exact(int32_t x, int32_t multiplier, int32_t shift) {
  return kws_multiply_by_quantized_multiplier(x, multiplier, shift);
}
int32_t fast(int32_t x, int32_t multiplier, int32_t zero_point, uint32_t shift) {
  return kws_requantize(x * 2, multiplier, kws_rounding(zero_point, shift), shift);
}
"""


@pytest.mark.parametrize("form", FORMS)
def test_rescaling_rounds_as_its_definition(form: str, tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    """The definition is fixed_point.multiply, which the tables' tests hold against TFLM."""
    compiler = tool("cc", "apt-get install gcc")
    source, library = tmp_path / "exports.c", tmp_path / "exports.so"
    source.write_text(_EXPORTS)
    flags = [*WARNINGS, "-O2", *FORMS[form], f"-I{CORE}", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, str(source), "-o", str(library)], check=True)
    functions = ctypes.CDLL(str(library))
    rng = np.random.default_rng(0)
    edges = [0, 1, -1, 2, -2, (1 << 25) - 1, -(1 << 25) + 1, 1 << 16, -(1 << 16), (1 << 16) - 1]
    values = [*edges, *(int(value) for value in rng.integers(-(1 << 25) + 1, 1 << 25, 3000))]
    multipliers = [1 << 30, (1 << 31) - 1, *(int(value) for value in rng.integers(1 << 30, 1 << 31, 8)), 0]
    for value in values:
        multiplier = multipliers[int(rng.integers(len(multipliers)))]
        shift, zero_point = int(rng.integers(1, 23)), int(rng.integers(-128, 128))
        expected = clip_int8(multiply(value, multiplier, -shift) + zero_point)
        assert functions.fast(value, multiplier, zero_point, shift) == expected, (value, multiplier, shift, zero_point)
        # halves, where the two roundings show
        tie = (value >> shift << shift) + (1 << (shift - 1))
        if abs(tie) < 1 << 25:
            expected = clip_int8(multiply(tie, 1 << 30, -shift) + zero_point)
            assert functions.fast(tie, 1 << 30, zero_point, shift) == expected
        left = int(rng.integers(-31, 5))
        assert functions.exact(value, multiplier, left) == multiply(value, multiplier, left)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("form", FORMS)
def test_no_warnings_on_the_host(compiler: str, form: str, tool: Callable[[str, str], str]) -> None:
    path = tool(compiler, f"apt-get install {compiler}")
    for name in KERNEL_SOURCES:
        command = [path, *WARNINGS, "-O2", *FORMS[form], "-c", str(CORE / name), "-o", "/dev/null"]
        subprocess.run(command, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("cpu", CPUS)
def test_no_warnings_and_no_heap_or_float_on_arm(cpu: str, tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    compiler = tool("arm-none-eabi-gcc", "apt-get install --no-install-recommends gcc-arm-none-eabi")
    names = tool("arm-none-eabi-nm", "apt-get install --no-install-recommends binutils-arm-none-eabi")
    objects = []
    for name in KERNEL_SOURCES:
        objects.append(str(tmp_path / f"{name}.o"))
        flags = [*WARNINGS, "-O2", "-mthumb", f"-mcpu={cpu}", "-mfloat-abi=soft"]
        subprocess.run([compiler, *flags, "-c", str(CORE / name), "-o", objects[-1]], check=True)
    listing = subprocess.run([names, "-u", *objects], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"U (\S+)", listing))
    strangers = {name for name in needed if not name.startswith("kws_")}
    # integer division and 64-bit products on the smallest cores, and what compilers make of copying loops
    integers = {"__aeabi_idiv", "__aeabi_uidiv", "__aeabi_idivmod", "__aeabi_uidivmod", "__aeabi_lmul"}
    assert strangers <= integers | {"memcpy", "memset", "__gnu_thumb1_case_uqi"}


@pytest.mark.parametrize("name", KERNEL_HEADERS)
@pytest.mark.parametrize("language", ["c", "c++"])
def test_headers_stand_alone(name: str, language: str, tool: Callable[[str, str], str]) -> None:
    compiler = tool("g++" if language == "c++" else "gcc", "apt-get install g++")
    standard = "-std=c++11" if language == "c++" else "-std=c99"
    flags = [standard, *WARNINGS[1:], f"-I{CORE}", "-x", language, "-fsyntax-only", "-"]
    subprocess.run([compiler, *flags], input=f'#include "{name}"\n', text=True, check=True)
