"""tflite-runtime, LiteRT's predecessor, for the boards that still have it: NumPy below 2, Python below 3.12."""

from __future__ import annotations

from typing import Any

from kws_edge.runtime.litert import TfLiteInterpreter
from kws_edge.tflite_file import summarize


def open_tflite_runtime(name: str, model: bytes, *, reference: bool, threads: int) -> TfLiteInterpreter:
    """tflite-runtime on `model` with its reference kernels, or else with its defaults on `threads` threads."""
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    summarize(model)  # the interpreter aborts the process on some damaged files, this raises
    resolver = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO

    def make() -> Any:
        return Interpreter(model_content=model, experimental_op_resolver_type=resolver, num_threads=threads)

    return TfLiteInterpreter(name, model, make)
