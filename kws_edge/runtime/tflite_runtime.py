"""tflite-runtime, LiteRT's predecessor, for the boards that still have it: NumPy below 2, Python below 3.12."""

from __future__ import annotations

from kws_edge.runtime.litert import TfLiteInterpreter
from kws_edge.tflite_file import summarize


def open_tflite_runtime(name: str, model: bytes, *, threads: int) -> TfLiteInterpreter:
    """tflite-runtime on `model` with its default kernels, XNNPACK where its build has it, on `threads` threads."""
    from tflite_runtime.interpreter import Interpreter

    summarize(model)  # the interpreter aborts the process on some damaged files, this raises
    return TfLiteInterpreter(name, model, Interpreter(model_content=model, num_threads=threads))
