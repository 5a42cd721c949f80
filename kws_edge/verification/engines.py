"""Every way to run a bundle on a Linux board: package, kernels, number of threads, float or int8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_edge.bundle import Bundle
from kws_edge.runtime import Values, available_interpreters, open_interpreter
from kws_edge.runtime.compiled import CompiledInterpreter
from kws_edge.runtime.protocol import Interpreter
from kws_edge.spec import FeatureSpec
from kws_edge.tflite_file import TensorInfo, summarize
from kws_edge.verification.interpreters import AOT, aot_absence, dequantized
from kws_edge.verification.parity import on_output_grid

_PACKAGES = {"litert": "litert_xnnpack", "tflite_runtime": "tflite_runtime"}


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One row of a bench."""

    # such as "litert_float", "litert_xnnpack", "aot"
    name: str
    threads: int
    takes_float: bool
    # why it cannot run here, or None
    absence: str | None

    @property
    def title(self) -> str:
        """For people: name, number format and threads."""
        form = "float" if self.takes_float else "int8"
        name = self.name.removesuffix("_float")
        return f"{name}, {form}, {self.threads} thread{'s' if self.threads > 1 else ''}"


def engines(bundle: Bundle, *, threads: int) -> tuple[Engine, ...]:
    """All engines, absent ones included; those that can share work over cores also with `threads` of them."""
    return tuple(_engines(bundle, threads))


def _engines(bundle: Bundle, threads: int) -> Iterator[Engine]:
    here = available_interpreters()
    for package, fast in _PACKAGES.items():
        reference = f"{package}_reference"
        for name, takes_float in ((f"{package}_float", True), (fast, False)):
            for count in dict.fromkeys((1, threads)):
                yield Engine(name=name, threads=count, takes_float=takes_float, absence=here[fast])
        yield Engine(name=reference, threads=1, takes_float=False, absence=here[reference])
    yield Engine(name="tflm", threads=1, takes_float=False, absence=here["tflm"])
    yield Engine(name=AOT, threads=1, takes_float=False, absence=aot_absence(bundle))


def open_engine(engine: Engine, bundle: Bundle) -> Interpreter:
    """`engine` with the bundle's network, made to take int8 features and to give int8 outputs whatever it is inside."""
    if engine.name == AOT:
        return CompiledInterpreter(AOT, bundle.int8_model)
    if not engine.takes_float:
        return open_interpreter(engine.name, bundle.int8_model, threads=engine.threads)
    fast = _PACKAGES[engine.name.removesuffix("_float")]
    return FloatNetwork(open_interpreter(fast, bundle.float_model, threads=engine.threads), bundle)


class FloatNetwork:
    """The float network between the int8 front end and the int8 detector: what deploying it would take."""

    def __init__(self, interpreter: Interpreter, bundle: Bundle) -> None:
        self.name = interpreter.name
        self.float_interpreter = interpreter
        summary = summarize(bundle.int8_model)
        self.input: TensorInfo = summary.input
        self.output: TensorInfo = summary.output
        self._spec: FeatureSpec = bundle.features

    def real_features(self, features: NDArray[np.int8]) -> NDArray[np.float32]:
        """What the float network takes."""
        return dequantized(features, self._spec)

    def run(self, features: Values) -> Values:
        """See `kws_edge.runtime.Interpreter.run`."""
        outputs = self.float_interpreter.run(self.real_features(features))
        return on_output_grid(outputs, self.output).astype(np.int8)
