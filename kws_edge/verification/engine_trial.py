"""One engine of a bench in a process of its own: how fast it is, what it keeps busy, how much memory it holds.

A process of its own, because the largest memory of a process cannot be reset, because thread pools of one engine would
disturb the next, and because an engine that dies must not take the others' figures with it.

Run as `python -m kws_edge.verification.engine_trial REQUEST.json`; it writes the files that the request names.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.bundle import Bundle, read_bundle
from kws_edge.detection import end_sample, inference_samples
from kws_edge.frontend import features as compute_features
from kws_edge.frontend.native import is_compiled
from kws_edge.runtime import Values
from kws_edge.runtime.protocol import Interpreter
from kws_edge.runtime.streaming import StreamingSpotter
from kws_edge.verification.engines import Engine, FloatNetwork, open_engine
from kws_edge.verification.latency import RUNS, WARM_UP, Latency, measure_latency

# an engine that is slow is timed less often, but never less than this
_FEWEST_RUNS = 20
_MOST_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class StreamCost:
    """What listening costs, at the bundle's own detection stride."""

    # from the samples of one stride to the detector's answer: front end, one inference, detector
    latency: Latency
    # processing time over the time that the sound lasts; below 1 keeps up
    real_time_factor: float
    # processor time over wall time while sound comes as a microphone gives it; 1 is one core, None if not measured
    cpu_share: float | None
    # that this took
    paced_seconds: float


@dataclass(frozen=True, kw_only=True)
class EngineFigures:
    """What one engine showed."""

    # one inference, features given
    inference: Latency
    # None where the front end was not compiled: it is what streams
    stream: StreamCost | None
    # most memory that the process ever held, Python and all, before it ran the clips; None where Linux does not tell
    resident_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """What the process is to do."""

    bundle: str
    engine: Engine
    # of paced stream
    seconds: float
    # .npy with int16[n, clip_samples]
    clips: str
    # whether to run the network on all of them
    run_clips: bool
    # JSON and .npy to write: `EngineFigures`, and the outputs int8 or float32[n, labels]
    figures: str
    outputs: str


def main(request: EngineRequest) -> None:
    """Measure, then write what the request asks for."""
    bundle = read_bundle(Path(request.bundle))
    # mapped, so that the clips that are not looked at take no memory
    clips = np.load(request.clips, mmap_mode="r")
    interpreter = open_engine(request.engine, bundle)
    inference = _inference(interpreter, request.engine, compute_features(np.array(clips[:1]), bundle.features))
    stream = _stream(bundle, interpreter, request, clips) if is_compiled() else None
    figures = EngineFigures(inference=inference, stream=stream, resident_bytes=_resident_bytes())
    if request.run_clips:
        np.save(request.outputs, _outputs(interpreter, compute_features(np.asarray(clips), bundle.features)))
    Path(request.figures).write_text(json.dumps(asdict(figures)), encoding="utf-8")


def _inference(interpreter: Interpreter, engine: Engine, rows: NDArray[np.int8]) -> Latency:
    inputs: Values = rows
    network = interpreter
    if isinstance(interpreter, FloatNetwork):
        inputs, network = interpreter.real_features(rows), interpreter.float_interpreter
    network.run(inputs)
    start = time.perf_counter()
    network.run(inputs)
    runs = min(RUNS, max(_FEWEST_RUNS, int(_MOST_SECONDS / max(time.perf_counter() - start, 1e-6))))
    warm_up = min(WARM_UP, runs)
    return measure_latency(lambda: network.run(inputs), engine.name, threads=engine.threads, warm_up=warm_up, runs=runs)


def _stream(bundle: Bundle, interpreter: Interpreter, request: EngineRequest, clips: NDArray[np.int16]) -> StreamCost:
    """Fill the first clip, then push stride after stride: as fast as it goes, then at the pace of a microphone."""
    spec = bundle.features
    stride = inference_samples(bundle.detection, spec)
    stride_s = stride / spec.sample_rate_hz
    filled = end_sample(0, bundle.detection, spec)
    some = -(-filled // spec.clip_samples) + 8
    samples = np.resize(np.array(clips[:some]).reshape(-1), filled + RUNS * stride)
    spotter = StreamingSpotter(bundle, interpreter)
    spotter.push(samples[:filled])
    strides = [samples[start : start + stride] for start in range(filled, len(samples), stride)]
    pushed = 0

    def push() -> None:
        nonlocal pushed
        spotter.push(strides[pushed % len(strides)])
        pushed += 1

    start = time.perf_counter()
    push()
    runs = min(RUNS, max(_FEWEST_RUNS, int(_MOST_SECONDS / max(time.perf_counter() - start, 1e-6))))
    begun = time.perf_counter()
    latency = measure_latency(push, request.engine.name, threads=request.engine.threads, warm_up=0, runs=runs)
    took_s = time.perf_counter() - begun
    paced = round(request.seconds / stride_s)
    processor, begun = time.process_time(), time.perf_counter()
    for number in range(paced):
        time.sleep(max(begun + (number + 1) * stride_s - time.perf_counter(), 0.0))
        push()
    wall = time.perf_counter() - begun
    return StreamCost(
        latency=latency,
        real_time_factor=took_s / (runs * stride_s),
        cpu_share=(time.process_time() - processor) / wall if paced else None,
        paced_seconds=wall if paced else 0.0,
    )


def _outputs(interpreter: Interpreter, rows: NDArray[np.int8]) -> Values:
    if isinstance(interpreter, FloatNetwork):
        return interpreter.float_interpreter.run(interpreter.real_features(rows))
    return interpreter.run(rows)


def _resident_bytes() -> int | None:
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    peak = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak[0][1]) * 1024 if peak else None


def figures_from(mapping: dict[str, Any]) -> EngineFigures:
    """What `main` wrote."""
    stream = mapping["stream"]
    return EngineFigures(
        inference=Latency(**mapping["inference"]),
        stream=None if stream is None else StreamCost(**{**stream, "latency": Latency(**stream["latency"])}),
        resident_bytes=mapping["resident_bytes"],
    )


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    main(EngineRequest(**{**asked, "engine": Engine(**asked["engine"])}))
