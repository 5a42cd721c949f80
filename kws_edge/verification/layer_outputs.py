"""What every interpreter gives after each operator of the int8 model."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from firmware_export.codegen.compiled import compile_network
from firmware_export.codegen.host import HostNetwork
from kws_edge.bundle import Bundle
from kws_edge.runtime import Values, open_interpreter
from kws_edge.runtime.operators import OperatorInfo, cut_after, operators
from kws_edge.runtime.tflm import TflmInterpreter
from kws_edge.verification.interpreters import AOT, KERAS_QAT, TFLM, dequantized
from kws_edge.verification.parity import on_output_grid

# ample for a model that TFLM runs whole, cut anywhere
_CUT_ARENA_BYTES = 16 << 20


def layer_outputs(
    bundle: Bundle, interpreter: str, features: NDArray[np.int8]
) -> Iterator[tuple[OperatorInfo, NDArray[np.int64]]]:
    """Each operator and its outputs int64[n, elements], in steps of its int8 grid, in order.

    `features` is int8[n, frames, columns]; `interpreter` is one of the int8 ones, or "keras_qat", which leaves out the
    operators that are no layer of Keras'. It must be installed; the whole model must run in it.
    """
    if interpreter == KERAS_QAT:
        yield from _of_keras(bundle, features)
        return
    for number, info in enumerate(operators(bundle.int8_model)):
        outputs = _run(interpreter, cut_after(bundle.int8_model, number), features)
        yield info, outputs.reshape(len(features), -1).astype(np.int64)


def _run(interpreter: str, model: bytes, rows: NDArray[np.int8]) -> Values:
    if interpreter == AOT:
        with HostNetwork(compile_network(model, source="the cut model")) as network:
            return network.run(rows)
    if interpreter == TFLM:
        return TflmInterpreter(TFLM, model, arena_bytes=_CUT_ARENA_BYTES).run(rows)
    return open_interpreter(interpreter, model).run(rows)


def _of_keras(bundle: Bundle, features: NDArray[np.int8]) -> Iterator[tuple[OperatorInfo, NDArray[np.int64]]]:
    from kws_edge.models.activations import keras_activations

    outputs = keras_activations(bundle, dequantized(features, bundle.features), form="quantized", weights="quantized")
    for info in operators(bundle.int8_model):
        found = outputs.get(info.name)
        # the converter may have folded a layer into another operator, which then gives something else
        if found is not None and found.size == len(features) * math.prod(info.output.shape):
            yield info, on_output_grid(found.reshape(len(features), -1), info.output)
