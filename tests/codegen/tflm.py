"""TensorFlow Lite Micro's own interpreter, the oracle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware_export.codegen.ir import Network


def tflm_outputs(model: bytes, inputs: npt.NDArray[np.int8], shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """int8[n, elements] through TFLM, one by one, each seen as an input of `shape`; int8[n, outputs]."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 21)
    rows = []
    for one in inputs:
        interpreter.set_input(one.reshape(shape), 0)
        interpreter.invoke()
        rows.append(interpreter.get_output(0).reshape(-1).copy())
    return np.array(rows)


def inputs_for(network: Network, count: int, seed: int) -> npt.NDArray[np.int8]:
    """Values as a network meets them (a bell around the zero point), then two that reach every corner."""
    rng = np.random.default_rng(seed)
    # louder and quieter ones, and around means of their own, so that even a mean over the whole image tells them apart
    real = rng.normal(size=(count, network.input.elements)) * rng.uniform(0.2, 1.5, (count, 1))
    real += rng.normal(size=(count, 1))
    stored = np.clip(np.round(real / network.input.scale) + network.input.zero_point, -128, 127).astype(np.int8)
    stored[-1] = rng.integers(-128, 128, network.input.elements)
    stored[-2] = rng.choice([-128, 127], network.input.elements)
    return stored
