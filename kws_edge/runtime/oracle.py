"""The interpreter whose outputs a device must equal."""

from __future__ import annotations

from kws_edge.errors import DependencyError
from kws_edge.runtime import Interpreter, available_interpreters, open_interpreter
from kws_edge.tflite_file import summarize

# LiteRT's reference kernels round these in another way than TFLM
_DIFFERENT_IN_LITERT = ("FULLY_CONNECTED", "SOFTMAX")


def open_oracle(model: bytes) -> Interpreter:
    """TFLM on `model`, or where it is not installed LiteRT's reference kernels if they give the same integers.

    Raises DependencyError for a model that only TFLM itself can vouch for, ConversionError if it cannot be run.
    """
    absence = available_interpreters()["tflm"]
    if absence is None:
        return open_interpreter("tflm", model)
    for operator in _DIFFERENT_IN_LITERT:
        if operator in summarize(model).operators:
            raise DependencyError(f"the model has {operator}, whose outputs only TFLM can tell: {absence}")
    return open_interpreter("litert_reference", model)
