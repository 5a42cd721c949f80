"""Every way to run a bundle's network: which of them work here, and on what features."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_export.codegen.compiled import CompiledNetwork, compile_network
from firmware_export.codegen.host import HostNetwork
from kws_edge.bundle import INT8_MODEL, Bundle
from kws_edge.errors import ExportError
from kws_edge.models.own import absence as own_absence
from kws_edge.models.own import is_own
from kws_edge.runtime import Values, available_interpreters, open_interpreter
from kws_edge.spec import FeatureSpec

KERAS_FLOAT = "keras_float"
KERAS_QAT = "keras_qat"
LITERT_FLOAT = "litert_float"
LITERT_REFERENCE = "litert_reference"
TFLITE_RUNTIME_REFERENCE = "tflite_runtime_reference"
TFLM = "tflm"
AOT = "aot"
_COMPILER = "cc"


class Runnable(Protocol):
    """What verification needs of an interpreter."""

    def run(self, features: Values) -> Values:
        """Outputs [n, labels] of `features` [n, frames, columns]."""


@dataclass(frozen=True)
class Candidate:
    """One interpreter of a bundle's network."""

    name: str
    # True if it takes float32 features, False if it takes the int8 ones
    takes_float: bool
    # why it cannot be opened here and what would help, or None if it can
    absence: str | None
    open: Callable[[], Runnable]


def keras_absence(bundle: Bundle) -> str | None:
    """Why Keras cannot run the network of `bundle` here and what would help, or None if it can."""
    if importlib.util.find_spec("tensorflow") is None:
        return "TensorFlow is not installed; pip install 'kws-edge[train]'"
    return own_absence(bundle.arch, bundle.model.source_sha256) if is_own(bundle.arch) else None


def aot_absence(bundle: Bundle) -> str | None:
    """Why the ahead-of-time engine's C cannot be run here and what would help, or None if it can."""
    if shutil.which(_COMPILER) is None:
        return "no C compiler is installed; apt-get install gcc"
    try:
        _compiled(bundle)
    except ExportError as error:
        return str(error)
    return None


def candidates(bundle: Bundle) -> tuple[Candidate, ...]:
    """All interpreters of `bundle`, those that are absent here included; TensorFlow is imported when one is opened."""
    here, no_keras = available_interpreters(), keras_absence(bundle)

    def open_keras(*, quantized: bool) -> Runnable:
        from kws_edge.models import keras_interpreter

        return keras_interpreter(bundle, quantized=quantized)

    return (
        Candidate(KERAS_FLOAT, True, no_keras, lambda: open_keras(quantized=False)),
        Candidate(KERAS_QAT, True, no_keras, lambda: open_keras(quantized=True)),
        Candidate(
            LITERT_FLOAT, True, here["litert_xnnpack"], lambda: open_interpreter("litert_xnnpack", bundle.float_model)
        ),
        *(_int8_candidate(name, absence, bundle) for name, absence in here.items()),
        Candidate(AOT, False, aot_absence(bundle), lambda: HostNetwork(_compiled(bundle), compiler=_COMPILER)),
    )


def _int8_candidate(name: str, absence: str | None, bundle: Bundle) -> Candidate:
    return Candidate(name, False, absence, lambda: open_interpreter(name, bundle.int8_model))


def _compiled(bundle: Bundle) -> CompiledNetwork:
    return compile_network(bundle.int8_model, source=str(bundle.path / INT8_MODEL))


def dequantized(features: NDArray[np.int8], spec: FeatureSpec) -> NDArray[np.float32]:
    """The real values that int8 features [n, frames, columns] stand for: what float forms of the network take."""
    return (features.astype(np.float32) - np.float32(spec.zero_point)) * np.float32(spec.scale)
