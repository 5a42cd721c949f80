"""What Python writes as C reads back as the same bytes and numbers in C99 and C++11."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_export.codegen.c_text import c_bytes, c_comment, c_float, c_string, tflm_op_name

LABELS = [
    "yes",
    "läuft",
    'say "hi"',
    "back\\slash",
    "what??/",
    "??=",
    "a\nb",
    "100%s",
    "\x011",
    "日本",
    "*/",
    "/*",
    "-",
]
FLOATS = [1 / 32, 0.1, 1e-38, 3.4e38, 1.0, 0.04241686314344406, 1 / 3]
PROGRAM = """
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* {comment} */
static const char *const labels[] = {{ {labels} }};
static const float floats[] = {{ {floats} }};
static const uint8_t bytes[] = {{
{bytes}
}};
int main(void) {{
  for (unsigned i = 0; i < sizeof labels / sizeof labels[0]; i++) fwrite(labels[i], 1, strlen(labels[i]) + 1, stdout);
  fwrite(floats, 1, sizeof floats, stdout);
  fwrite(bytes, 1, sizeof bytes, stdout);
  return 0;
}}
"""


@pytest.mark.parametrize(("compiler", "language", "standard"), [("gcc", "c", "c99"), ("g++", "c++", "c++11")])
def test_text_reads_back(
    tmp_path: Path, tool: Callable[[str, str], str], compiler: str, language: str, standard: str
) -> None:
    data = bytes(range(256)) + b"\x00\xff\x7f"
    source = tmp_path / "text.c"
    source.write_text(
        PROGRAM.format(
            comment=c_comment(" ".join(LABELS)),
            labels=", ".join(map(c_string, LABELS)),
            floats=", ".join(map(c_float, FLOATS)),
            bytes=c_bytes(data),
        )
    )
    flags = f"-x {language} -std={standard} -Wall -Wextra -pedantic -Werror".split()
    program = tmp_path / "text"
    subprocess.run([tool(compiler, f"apt-get install {compiler}"), *flags, source, "-o", program], check=True)
    printed = subprocess.run([program], check=True, capture_output=True).stdout
    labels = b"".join(label.encode() + b"\0" for label in LABELS)
    assert printed == labels + np.array(FLOATS, np.float32).tobytes() + data


@pytest.mark.parametrize(
    ("builtin", "method"),
    [
        ("CONV_2D", "Conv2D"),
        ("DEPTHWISE_CONV_2D", "DepthwiseConv2D"),
        ("AVERAGE_POOL_2D", "AveragePool2D"),
        ("FULLY_CONNECTED", "FullyConnected"),
        ("RELU6", "Relu6"),
        ("CONCATENATION", "Concatenation"),
        ("STRIDED_SLICE", "StridedSlice"),
        ("BATCH_MATMUL", "BatchMatMul"),
        ("PADV2", "PadV2"),
    ],
)
def test_operators_have_the_names_of_tflms_resolver(builtin: str, method: str) -> None:
    assert tflm_op_name(builtin) == method
