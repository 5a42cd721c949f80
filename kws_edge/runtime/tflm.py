"""TensorFlow Lite Micro itself, on the host: the oracle of what the device computes and of the memory it needs."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_edge.errors import ConversionError
from kws_edge.runtime.protocol import Values, model_rows
from kws_edge.tflite_file import summarize

# TFLM places everything at multiples of this many bytes (MicroArenaBufferAlignment)
ARENA_ALIGNMENT_BYTES = 16
# far more than any model for a microcontroller; a larger need is an error, not a reason to try on
LARGEST_ARENA_BYTES = 64 << 20
_PROBE_SECONDS = 120
# a kernel's tensors in TFLM's full form, while it is prepared
_LARGEST_PREPARATION_BYTES = 4096

# Runs in a child process, because TFLM aborts the process that gives it a model it cannot run.
_PROBE = """
import sys
import numpy as np
from tflite_micro.python.tflite_micro import runtime
with open(sys.argv[1], "rb") as stream:
    model = stream.read()
interpreter = runtime.Interpreter.from_bytes(model, arena_size=int(sys.argv[2]))
details = interpreter.get_input_details(0)
interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
interpreter.invoke()
interpreter.print_allocations()
"""
_TOTAL = re.compile(r"Arena allocation total (\d+) bytes")
_HEAD = re.compile(r"Arena allocation head (\d+) bytes")
_TAIL = re.compile(r"Arena allocation tail (\d+) bytes")
_PART = re.compile(r"'([^']+)' used (\d+) bytes")


@dataclass(frozen=True)
class ArenaSplit:
    """What TFLM's arena is filled with on this host, in bytes."""

    # activations, and what kernels hold while they run: planned by lifetime
    head_bytes: int
    # what lives as long as the interpreter
    tail_bytes: int
    # what of the tail TFLM tells apart, in its own words; the rest is its own bookkeeping
    tail_parts: Mapping[str, int]


class TflmInterpreter:
    """A model in TFLM's interpreter, in an arena of exactly the size it needs."""

    def __init__(self, name: str, model: bytes, *, arena_bytes: int | None = None) -> None:
        """Raises ConversionError if TFLM cannot run `model`, found out in a child process.

        `arena_bytes` leaves that out: it is for a model of which it is known that TFLM runs it in so many.
        """
        from tflite_micro.python.tflite_micro import runtime

        self.name = name
        summary = summarize(model)
        self.input = summary.input
        self.output = summary.output
        self.arena_bytes = measure_arena(model) if arena_bytes is None else arena_bytes
        self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=self.arena_bytes)

    def run(self, features: Values) -> Values:
        """See `kws_edge.runtime.Interpreter.run`."""
        rows = model_rows(features, self.input)
        outputs = np.empty((len(rows), math.prod(self.output.shape)), self.output.dtype)
        for row, output in zip(rows, outputs, strict=True):
            self._interpreter.set_input(row, 0)
            self._interpreter.invoke()
            output[:] = self._interpreter.get_output(0).reshape(-1)
        return outputs


def measure_arena(model: bytes) -> int:
    """Bytes of the smallest arena in which TFLM allocates and invokes `model` on this host.

    TFLM's own recording allocator says the number, and a second run in an arena of that size confirms it. What kernels
    hold only while they are prepared is not in that number, and can be more than a small model's activations: then the
    smallest arena that suffices is searched for. On a 64-bit host pointers are twice as wide as on the device, so this
    is an upper estimate for the same kernels there. Raises ConversionError if TFLM cannot run the model.
    """
    summarize(model)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(model)
        need_bytes = _arena_used(file, LARGEST_ARENA_BYTES)
        need_bytes += -need_bytes % ARENA_ALIGNMENT_BYTES
        if _suffices(file, need_bytes):
            return need_bytes
        too_small, enough = need_bytes, need_bytes + _LARGEST_PREPARATION_BYTES
        _arena_used(file, enough)
        while enough - too_small > ARENA_ALIGNMENT_BYTES:
            middle = (too_small + enough) // 2 // ARENA_ALIGNMENT_BYTES * ARENA_ALIGNMENT_BYTES
            too_small, enough = (too_small, middle) if _suffices(file, middle) else (middle, enough)
        return enough


def arena_refusal(model: bytes, arena_bytes: int) -> str | None:
    """What TFLM says when it cannot run `model` in an arena of `arena_bytes`, or None if it can; in a child process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(model)
        try:
            _allocations(file, arena_bytes)
        except ConversionError as error:
            return str(error)
    return None


def arena_split(model: bytes) -> ArenaSplit:
    """What fills the arena that TFLM needs for `model`. Raises ConversionError if TFLM cannot run it."""
    summarize(model)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(model)
        said = _allocations(file, LARGEST_ARENA_BYTES)
    head, tail = _HEAD.search(said), _TAIL.search(said)
    if head is None or tail is None:
        raise ConversionError(f"this tflite-micro does not tell how it fills its arena; it printed: {said[:200]!r}")
    return ArenaSplit(int(head[1]), int(tail[1]), {name: int(size) for name, size in _PART.findall(said)})


def _suffices(file: Path, arena_bytes: int) -> bool:
    try:
        _arena_used(file, arena_bytes)
    except ConversionError:
        return False
    return True


def _arena_used(file: Path, arena_bytes: int) -> int:
    total = _TOTAL.search(_allocations(file, arena_bytes))
    assert total is not None
    return int(total[1])


def _allocations(file: Path, arena_bytes: int) -> str:
    """What TFLM prints of its arena after one inference."""
    command = [sys.executable, "-c", _PROBE, str(file), str(arena_bytes)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        raise ConversionError(f"TFLM did not finish one inference in {_PROBE_SECONDS} s") from None
    said = done.stderr + done.stdout
    if done.returncode != 0 or _TOTAL.search(said) is None:
        lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
        end = f"killed by signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise ConversionError(f"TFLM cannot run this model in {arena_bytes} bytes ({end}): {'; '.join(lines[:3])}")
    return said
