"""A bundle on a long stream: its outputs, its detections against the truth, and the firmware's own beside them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_export.codegen.firmware import Firmware
from firmware_export.trial.host_spotter import HostSpotter, SpotterResult
from kws_edge.bundle import Bundle
from kws_edge.corpus.streams import Stream, StreamSettings
from kws_edge.detection import detect, end_sample
from kws_edge.errors import SettingsError
from kws_edge.runtime import Interpreter, Values
from kws_edge.runtime.oracle import open_oracle
from kws_edge.runtime.streaming import StreamingModel, open_fastest
from kws_edge.settings import to_mapping
from kws_edge.tflite_file import TensorInfo
from kws_edge.verification.checks import Check
from kws_edge.verification.detection import Judge, StreamOutcome
from kws_edge.verification.operating_points import DetPoint, OperatingPoint, Sweep, det_curve, thresholds_between

_DET_THRESHOLDS = thresholds_between(0.05, 0.999, 60)
# one in so many inferences is computed by TFLM too, or by what stands for it
_AUDITED_EVERY = 200

Progress = Callable[[int, int], None]


class _Audited:
    """An interpreter of which some outputs are held against the oracle's."""

    def __init__(self, interpreter: Interpreter, oracle: Interpreter) -> None:
        self.name = interpreter.name
        self.input: TensorInfo = interpreter.input
        self.output: TensorInfo = interpreter.output
        self.audited = 0
        self.different = 0
        self._interpreter = interpreter
        self._oracle = oracle
        self._seen = 0

    def run(self, features: Values) -> Values:
        outputs = self._interpreter.run(features)
        chosen = slice(-self._seen % _AUDITED_EVERY, None, _AUDITED_EVERY)
        self._seen += len(features)
        self.audited += len(features[chosen])
        self.different += int((self._oracle.run(features[chosen]) != outputs[chosen]).any(axis=1).sum())
        return outputs


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamRun:
    """The outputs of a bundle's model on a stream, and what the compiled spotter made of the same samples."""

    # what ran the network, and what some of its outputs were compared with
    interpreter: str
    oracle: str
    # int8[inferences, labels]
    logits: npt.NDArray[np.int8]
    # real value of one of their steps
    output_scale: float
    # inferences that the oracle made too, and of these with an output that is not the same
    audited: int
    audited_different: int
    # None where it was not asked for
    firmware: SpotterResult | None


@dataclass(frozen=True, kw_only=True)
class StreamVerification:
    """A bundle on a stream. `docs/detection.md` explains every field."""

    stream: StreamSettings
    interpreter: str
    inferences: int
    # inferences that TFLM, or what stands for it, made too
    audited: int
    # at the bundle's own detection settings
    point: OperatingPoint
    # the bundle's settings with one threshold for all keywords, from lenient to strict
    det: tuple[DetPoint, ...]
    # what is wrong: outputs that are not the oracle's, and what the compiled spotter did otherwise than Python
    differences: tuple[str, ...]
    # detections that the compiled spotter made; None where it was not run
    firmware_detections: int | None

    @property
    def outcome(self) -> StreamOutcome:
        """What the detector made of the stream."""
        return self.point.outcome

    @property
    def check(self) -> Check:
        """That the compiled spotter detects the same as Python, and its network computes TFLM's outputs."""
        found, detail = len(self.differences), "; ".join(self.differences)
        if found == 0 and self.firmware_detections is None:
            return Check("spotter_differs_from_python", None, None, 0, "no C compiler to build the spotter with")
        return Check("spotter_differs_from_python", found == 0, found, 0, detail)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON types."""
        return {
            "stream": to_mapping(self.stream),
            "interpreter": self.interpreter,
            "inferences": self.inferences,
            "audited_inferences": self.audited,
            **self.point.to_json(),
            "det": [asdict(point) for point in self.det],
            "firmware_detections": self.firmware_detections,
            "differences": list(self.differences),
        }


def run_stream(
    bundle: Bundle,
    stream: Stream,
    *,
    interpreter: Interpreter | None = None,
    firmware: Firmware | None = None,
    progress: Progress | None = None,
) -> StreamRun:
    """All outputs of `bundle` on `stream`, minute by minute.

    `interpreter` runs the int8 model, the fastest one that equals TFLM by default. With `firmware` the whole spotter is
    compiled for this machine and hears the same samples beside it. `progress(done, total)` counts minutes. Raises
    SettingsError if the stream was made for another rate or other labels, FirmwareError if the spotter fails.
    """
    if stream.truth.sample_rate_hz != bundle.features.sample_rate_hz or stream.truth.labels != bundle.labels:
        raise SettingsError("the stream was made with other settings than the bundle's")
    oracle = open_oracle(bundle.int8_model)
    audited = _Audited(interpreter or open_fastest(bundle.int8_model), oracle)
    model = StreamingModel(bundle, audited)
    spotter = None if firmware is None else HostSpotter(firmware)
    parts = []
    try:
        for number, chunk in enumerate(stream.chunks(), 1):
            if spotter is not None:
                spotter.push(chunk)
            parts.append(model.push(chunk))
            if progress is not None:
                progress(number, len(stream))
        heard = None if spotter is None else spotter.finish()
    finally:
        if spotter is not None:
            spotter.close()
    return StreamRun(
        interpreter=audited.name,
        oracle=oracle.name,
        logits=np.concatenate(parts),
        output_scale=audited.output.scale,
        audited=audited.audited,
        audited_different=audited.different,
        firmware=heard,
    )


def sweep_of(bundle: Bundle, stream: Stream, run: StreamRun) -> Sweep:
    """The run's outputs, to be looked at through any detection settings with the bundle's inference stride."""
    return Sweep(run.logits, Judge(stream.truth), bundle.features, run.output_scale)


def verify_stream(bundle: Bundle, stream: Stream, run: StreamRun) -> StreamVerification:
    """What the bundle's own detection settings make of a stream that was run."""
    sweep = sweep_of(bundle, stream, run)
    return StreamVerification(
        stream=stream.settings,
        interpreter=run.interpreter,
        inferences=len(run.logits),
        audited=run.audited,
        point=sweep.point(bundle.detection),
        det=tuple(det_curve(sweep.curve(bundle.detection, _DET_THRESHOLDS))),
        differences=_differences(bundle, run, sweep),
        firmware_detections=None if run.firmware is None else len(run.firmware.detections),
    )


def _differences(bundle: Bundle, run: StreamRun, sweep: Sweep) -> tuple[str, ...]:
    found = []
    if run.audited_different:
        found.append(f"{run.interpreter}: {run.audited_different} of {run.audited} inferences are not {run.oracle}'s")
    firmware = run.firmware
    if firmware is None:
        return tuple(found)
    if firmware.inferences != len(run.logits):
        found.append(f"the spotter made {firmware.inferences} inferences instead of {len(run.logits)}")
    if firmware.logits_crc32 != zlib.crc32(run.logits.tobytes()):
        found.append("the spotter's outputs are not Python's")
    expected = tuple(detect(run.logits, sweep.tables(bundle.detection)))
    if firmware.detections != expected:
        place = next((n for n, (a, b) in enumerate(zip(firmware.detections, expected, strict=False)) if a != b), None)
        first = "in their number" if place is None else f"first in number {place}"
        found.append(f"{len(firmware.detections)} detections of the spotter, {len(expected)} of Python differ {first}")
    times = tuple(
        end_sample(detection.inference, bundle.detection, bundle.features) for detection in firmware.detections
    )
    if firmware.end_samples != times:
        found.append("the spotter's detections have other times")
    return tuple(found)
