"""A bundle listening to a stream: front end, network and detector, whenever enough samples have come.

The same integers as the firmware's spotter: the same front end in C, an interpreter that equals TFLM, the twin of the
detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.bundle import Bundle
from kws_edge.detection import (
    ONE,
    Detection,
    Detector,
    detector_tables,
    end_sample,
    inference_rows,
    stream_windows,
)
from kws_edge.errors import DependencyError, ExportError
from kws_edge.frontend.native import Stream
from kws_edge.runtime.oracle import open_oracle
from kws_edge.runtime.protocol import Interpreter


def open_fastest(model: bytes) -> Interpreter:
    """The fastest interpreter here whose outputs are TFLM's: compiled C, else what `open_oracle` opens."""
    try:
        from kws_edge.runtime.compiled import CompiledInterpreter

        return CompiledInterpreter("aot", model)
    except (DependencyError, ExportError):
        return open_oracle(model)


class StreamingModel:
    """Samples in, a row of logits for each inference out."""

    def __init__(self, bundle: Bundle, interpreter: Interpreter) -> None:
        """`interpreter` runs the bundle's int8 model. Raises DependencyError if the front end was not compiled."""
        self._bundle = bundle
        self._interpreter = interpreter
        self._frontend = Stream(bundle.features)
        self._step = inference_rows(bundle.detection, bundle.features)
        self._rows: npt.NDArray[np.int8] = np.empty((0, bundle.features.columns), np.int8)

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
        """The logits, int8[inferences, labels], of all inferences that int16[n] further samples complete."""
        spec, detection = self._bundle.features, self._bundle.detection
        self._rows = np.concatenate([self._rows, self._frontend.push(samples)])
        windows = stream_windows(self._rows, detection, spec)
        logits: npt.NDArray[np.int8] = self._interpreter.run(windows)
        self._rows = self._rows[len(windows) * self._step :]
        return logits


@dataclass(frozen=True)
class Heard:
    """One keyword in a stream."""

    word: str
    # 0 to 1
    score: float
    # seconds of the stream that had been pushed
    time_s: float
    # what the firmware gives
    detection: Detection
    end_sample: int


class StreamingSpotter:
    """Samples in, keywords out: what the firmware does, in Python."""

    def __init__(self, bundle: Bundle, interpreter: Interpreter | None = None) -> None:
        """`interpreter` runs the bundle's int8 model; the fastest one that equals TFLM by default."""
        self._bundle = bundle
        self._interpreter = interpreter or open_fastest(bundle.int8_model)
        self._model = StreamingModel(bundle, self._interpreter)
        self._tables = detector_tables(bundle.detection, bundle.features, bundle.labels, self._interpreter.output.scale)
        self._detector = Detector(self._tables)

    @property
    def interpreter(self) -> str:
        """Name of the interpreter that runs the network."""
        return self._interpreter.name

    @property
    def scores(self) -> dict[str, float]:
        """Label to its smoothed probability, 0 to 1, at the last inference."""
        scale = ONE * self._tables.smoothing_window
        return dict(zip(self._bundle.labels, (self._detector.sums / scale).tolist(), strict=True))

    def push(self, samples: npt.NDArray[np.int16]) -> list[Heard]:
        """What int16[n] further samples at the bundle's rate complete."""
        return [self._heard(found) for found in self._detector.push(self._model.push(samples))]

    def _heard(self, found: Detection) -> Heard:
        spec = self._bundle.features
        end = end_sample(found.inference, self._bundle.detection, spec)
        return Heard(self._bundle.labels[found.label], found.probability, end / spec.sample_rate_hz, found, end)
