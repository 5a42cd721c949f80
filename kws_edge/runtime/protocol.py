"""The one way to run a model, whichever interpreter does it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from kws_edge.errors import ConversionError
from kws_edge.tflite_file import TensorInfo

# what an interpreter takes and gives: int8 or float32, as the model has it
Values = np.ndarray[Any, np.dtype[Any]]


class Interpreter(Protocol):
    """A model that is ready to run on batches."""

    @property
    def name(self) -> str:
        """Which interpreter this is, such as "litert_reference"."""

    @property
    def input(self) -> TensorInfo:
        """The model's input, shape [1, frames, columns, 1]."""

    @property
    def output(self) -> TensorInfo:
        """The model's output, shape [1, labels]."""

    def run(self, features: Values) -> Values:
        """Outputs [n, labels] of `features` [n, frames, columns], both in the model's own dtype and quantization.

        Raises ConversionError if shape or dtype are not the model's.
        """


def model_rows(features: Values, input_info: TensorInfo) -> Values:
    """`features` [n, ...] as contiguous [n, *input shape], so that each row is a whole input tensor.

    Raises ConversionError, rather than casting, if the dtype is not the model's or a row has another size or shape.
    """
    expected = tuple(size for size in input_info.shape[1:] if size != 1)
    if tuple(size for size in features.shape[1:] if size != 1) != expected:
        raise ConversionError(f"features of shape {features.shape} do not fit the model's input {input_info.shape}")
    if features.dtype != np.dtype(input_info.dtype):
        raise ConversionError(f"features are {features.dtype}, the model's input is {input_info.dtype}")
    return np.ascontiguousarray(features).reshape(len(features), *input_info.shape)
