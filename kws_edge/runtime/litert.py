"""LiteRT's kernels: the reference ones for truth, XNNPACK for speed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kws_edge.errors import ConversionError
from kws_edge.native_notices import without_native_notices
from kws_edge.runtime.protocol import Values, model_rows
from kws_edge.tflite_file import summarize


class TfLiteInterpreter:
    """A model in an interpreter that has TensorFlow Lite's Python API, as LiteRT and tflite-runtime do."""

    def __init__(self, name: str, model: bytes, make: Callable[[], Any]) -> None:
        """`make` makes the interpreter from `model` and does not allocate it."""
        self.name = name
        summary = summarize(model)
        self.input = summary.input
        self.output = summary.output
        try:
            with without_native_notices():
                # knows no operator of a newer version than its own
                interpreter = make()
                interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ConversionError(f"{name} cannot run this model: {error}") from error
        self._interpreter = interpreter
        self._input_index = interpreter.get_input_details()[0]["index"]
        self._output_index = interpreter.get_output_details()[0]["index"]

    def run(self, features: Values) -> Values:
        """See `kws_edge.runtime.Interpreter.run`."""
        rows = model_rows(features, self.input)
        outputs = np.empty((len(rows), math.prod(self.output.shape)), self.output.dtype)
        for row, output in zip(rows, outputs, strict=True):
            self._interpreter.set_tensor(self._input_index, row)
            self._interpreter.invoke()
            output[:] = self._interpreter.get_tensor(self._output_index).reshape(-1)
        return outputs


def open_litert(name: str, model: bytes, *, reference: bool, threads: int) -> TfLiteInterpreter:
    """LiteRT on `model` with its reference kernels, or else with its defaults: XNNPACK on `threads` threads."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    summarize(model)  # LiteRT aborts the process on some damaged files, this raises
    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO

    def make() -> Any:
        return Interpreter(model_content=model, experimental_op_resolver_type=resolver, num_threads=threads)

    return TfLiteInterpreter(name, model, make)
