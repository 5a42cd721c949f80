"""Broken .tflite files: flipped bytes, cut files, wild offsets, and well-formed files that say absurd things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC)
ABSURD_SIZES = (-1, 0, 3, 1 << 15, 1 << 16, 1 << 22, (1 << 31) - 1, -(1 << 31))
ABSURD_SCALES = (0.0, -1.0, float("nan"), float("inf"), 1e-38, 1e38, 1e-6, 50.0)


def mutated(model: bytes, rng: np.random.Generator) -> bytes:
    """`model` with one thing wrong, or sometimes up to four."""
    kinds: list[Callable[[bytes, np.random.Generator], bytes]] = [_flip, _flip, _overwrite, _truncate, _move] + [
        _absurd
    ] * 5
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 4]))):
        model = kinds[int(rng.integers(len(kinds)))](model, rng)
    return model


def _place(model: bytes, rng: np.random.Generator) -> int:
    """Anywhere, but half of the time where tables rather than weights are."""
    if rng.random() < 0.5 or len(model) < 64:
        return int(rng.integers(max(1, len(model))))
    return int(len(model) - 1 - min(len(model) - 1, rng.exponential(3000)))


def _flip(model: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(model)
    for _ in range(int(rng.choice([1, 1, 1, 2, 8]))):
        if changed:
            changed[_place(model, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _overwrite(model: bytes, rng: np.random.Generator) -> bytes:
    at = _place(model, rng) // 4 * 4
    value = int(rng.choice(EXTREMES)) if rng.random() < 0.6 else int(rng.integers(1 << 32))
    return (model[:at] + value.to_bytes(4, "little") + model[at + 4 :])[: len(model)]


def _truncate(model: bytes, rng: np.random.Generator) -> bytes:
    return model[: int(rng.integers(len(model) + 1))]


def _move(model: bytes, rng: np.random.Generator) -> bytes:
    """Bytes cut out or put in, so that everything behind is somewhere else."""
    at, count = _place(model, rng), int(rng.integers(1, 64))
    return model[:at] + model[at + count :] if rng.random() < 0.5 else model[:at] + bytes(count) + model[at:]


def _absurd(model: bytes, rng: np.random.Generator) -> bytes:
    """A file that is well-formed and means nonsense; broken files stay as they are."""
    try:
        parsed = schema.ModelT.InitFromPackedBuf(model, 0)
        _spoil(parsed, rng)
        builder = flatbuffers.Builder(len(model) + 1024)
        builder.Finish(parsed.Pack(builder), b"TFL3")
        return bytes(builder.Output())
    except Exception:  # the library's reader and writer fail in every way on files that are broken already
        return _flip(model, rng)


def _spoil(model: Any, rng: np.random.Generator) -> None:
    graph = model.subgraphs[0]
    tensor = graph.tensors[int(rng.integers(len(graph.tensors)))]
    operator = graph.operators[int(rng.integers(len(graph.operators)))]
    match int(rng.integers(11)):
        case 0:
            shape = list(tensor.shape)
            shape[int(rng.integers(len(shape)))] = int(rng.choice(ABSURD_SIZES))
            tensor.shape = shape
        case 1:
            tensor.shape = list(tensor.shape) + [1] * int(rng.integers(1, 9))
        case 2:
            tensor.quantization.scale = [float(rng.choice(ABSURD_SCALES))] * int(rng.integers(1, 4))
        case 3:
            tensor.quantization.zeroPoint = [int(rng.choice([-129, 128, 1 << 40, -128, 127, 5]))]
        case 4:
            tensor.type = int(rng.integers(0, 20))
        case 5:
            indices = list(operator.inputs)
            indices[int(rng.integers(len(indices)))] = int(rng.choice([-2, -1, 0, len(graph.tensors), 1 << 30]))
            operator.inputs = indices
        case 6:
            operator.opcodeIndex = int(rng.choice([0, 1, len(model.operatorCodes), 1 << 31]))
        case 7 | 8:
            data = model.buffers[int(rng.integers(1, len(model.buffers)))].data
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        case 9:
            scales = np.array(tensor.quantization.scale, np.float32)
            with np.errstate(over="ignore"):
                scales[int(rng.integers(len(scales)))] *= np.float32(rng.choice([0.5, 1.01, 2.0, 300.0, 1e-4]))
            tensor.quantization.scale = scales
        case _:
            options = operator.builtinOptions
            names = [name for name, value in vars(options).items() if isinstance(value, int)]
            value = int(rng.choice([-1, 0, 2, 7, 1 << 15, (1 << 31) - 1, -(1 << 31)]))
            setattr(options, names[int(rng.integers(len(names)))], value)
