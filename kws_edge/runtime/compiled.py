"""The network as the firmware's own C, built by this machine's compiler: TFLM's integers, the fastest way here."""

from __future__ import annotations

import numpy as np

from firmware_export.codegen.compiled import compile_network
from firmware_export.codegen.host import FAST_FLAGS, HostNetwork
from kws_edge.errors import ExportError
from kws_edge.runtime.protocol import Values, model_rows
from kws_edge.tflite_file import TensorInfo, summarize


class CompiledInterpreter:
    """An int8 model compiled with the flags that are fast, or where the compiler refuses those with the safe ones.

    Raises DependencyError without a C compiler, ExportError for a network that the engine does not compute.
    """

    def __init__(self, name: str, model: bytes) -> None:
        self.name = name
        summary = summarize(model)
        self.input: TensorInfo = summary.input
        self.output: TensorInfo = summary.output
        network = compile_network(model, source="the model")
        try:
            self._network = HostNetwork(network, flags=FAST_FLAGS)
        except ExportError:
            # compilers do not know every processor as "native"
            self._network = HostNetwork(network)

    def run(self, features: Values) -> Values:
        """See `kws_edge.runtime.Interpreter.run`."""
        rows = model_rows(features, self.input)
        return self._network.run(rows) if len(rows) else np.empty((0, self.output.shape[-1]), np.int8)
