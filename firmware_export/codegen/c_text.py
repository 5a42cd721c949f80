"""Python values as C source text that C99 and C++11 read alike."""

from __future__ import annotations

import numpy as np

_BYTES_PER_LINE = 16

# TFLM's resolver methods that the rule does not give (micro_mutable_op_resolver.h of 90b983c2)
_IRREGULAR_OP_NAMES = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}


def c_string(text: str) -> str:
    """A string literal with the UTF-8 bytes of `text`; what is not plain ASCII is an octal escape.

    Octal because its escapes end after three digits, and ``?`` is escaped too, so that no trigraph can arise.
    """
    plain = set(range(0x20, 0x7F)) - set(b'"\\?')
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def c_comment(text: str) -> str:
    """`text` made safe to stand inside a comment: one line, and nothing that would end or nest it."""
    return " ".join(text.split()).replace("*/", "* /").replace("/*", "/ *")


def c_float(value: float) -> str:
    """A float literal: the shortest decimal that reads back as the same float32."""
    digits = np.format_float_scientific(np.float32(value), unique=True, trim="-")
    return f"{digits}f"


def c_bytes(data: bytes) -> str:
    """The initializer list of a `uint8_t` array, 16 values a line."""
    lines = (data[start : start + _BYTES_PER_LINE] for start in range(0, len(data), _BYTES_PER_LINE))
    return "\n".join("  " + " ".join(f"0x{byte:02x}," for byte in line) for line in lines)


def tflm_op_name(builtin: str) -> str:
    """An operator's name in TFLM's resolver methods: "DEPTHWISE_CONV_2D" is registered by AddDepthwiseConv2D."""
    regular = "".join(part if part[0].isdigit() else part.capitalize() for part in builtin.split("_"))
    return _IRREGULAR_OP_NAMES.get(builtin, regular)
