"""One interpreter protocol over LiteRT, tflite-runtime, TensorFlow Lite Micro and the compiled engine aot."""

from __future__ import annotations

import importlib.util
import platform

from kws_edge.errors import DependencyError, SettingsError
from kws_edge.runtime.protocol import Interpreter, Values
from kws_edge.tflite_file import TensorInfo

__all__ = ["INTERPRETERS", "Interpreter", "TensorInfo", "Values", "available_interpreters", "open_interpreter"]

INTERPRETERS = ("litert_reference", "litert_xnnpack", "tflite_runtime_reference", "tflite_runtime", "tflm")


def available_interpreters() -> dict[str, str | None]:
    """For each of `INTERPRETERS`, None if it can be opened here, or else the reason why not and the way out."""
    litert = None if _installed("ai_edge_litert") else "ai-edge-litert is not installed; pip install ai-edge-litert"
    predecessor = _tflite_runtime_absence()
    return {
        "litert_reference": litert,
        "litert_xnnpack": litert,
        "tflite_runtime_reference": predecessor,
        "tflite_runtime": predecessor,
        "tflm": _tflm_absence(),
    }


def open_interpreter(name: str, model: bytes, *, threads: int = 1) -> Interpreter:
    """Make `model`, the bytes of a .tflite file, ready to run.

    `name` is one of `INTERPRETERS`; only litert_xnnpack and tflite_runtime use more than one of `threads`. Raises
    SettingsError for another name, DependencyError if that interpreter is not installed, ConversionError if it cannot
    run the model.
    """
    if name not in INTERPRETERS:
        raise SettingsError(f"interpreter = {name!r}; choose one of {', '.join(INTERPRETERS)}")
    absence = available_interpreters()[name]
    if absence is not None:
        raise DependencyError(f"{name}: {absence}")
    if name == "tflm":
        from kws_edge.runtime.tflm import TflmInterpreter

        return TflmInterpreter(name, model)
    if name.startswith("tflite_runtime"):
        from kws_edge.runtime.tflite_runtime import open_tflite_runtime

        return open_tflite_runtime(name, model, reference=name.endswith("_reference"), threads=threads)
    from kws_edge.runtime.litert import open_litert

    return open_litert(name, model, reference=name == "litert_reference", threads=threads)


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _tflite_runtime_absence() -> str | None:
    if not _installed("tflite_runtime"):
        return "tflite-runtime is not installed; ai-edge-litert is its successor"
    import numpy as np

    if int(np.__version__.split(".")[0]) >= 2:
        return f"tflite-runtime needs NumPy below 2, here is {np.__version__}; give it an environment of its own"
    return None


def _tflm_absence() -> str | None:
    if _installed("tflite_micro"):
        return None
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"tflite-micro has no wheels for {platform.system()} on {platform.machine()}; verify on x86_64 Linux"
    return "tflite-micro is not installed; pip install 'kws-edge[train]'"
