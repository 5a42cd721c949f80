"""A bundle on this machine: every engine that is installed side by side, and what the machine was doing meanwhile."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.bundle import INT8_MODEL, Bundle
from kws_edge.detection import inference_samples
from kws_edge.errors import SettingsError
from kws_edge.frontend import features as compute_features
from kws_edge.frontend.native import is_compiled
from kws_edge.runtime import Values
from kws_edge.tflite_file import summarize
from kws_edge.verification.accuracy import measure_accuracy, predicted_labels
from kws_edge.verification.checks import device_of
from kws_edge.verification.engine_trial import EngineFigures, EngineRequest, figures_from
from kws_edge.verification.engines import Engine, engines
from kws_edge.verification.labelled_clips import LabelledClips
from kws_edge.verification.latency import Latency, measure_latency
from kws_edge.verification.machine import Conditions, Machine, conditions, this_machine
from kws_edge.verification.parity import measure_parity

FORMAT = 1
# without recordings: what is timed does not depend on what is heard
_NOISE_CLIPS = 16
_NOISE_LEVEL = 2000
_FRONTEND_RUNS = 100

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ClipsOutcome:
    """What an engine made of the recordings."""

    # correct clips over all clips, 0 to 1
    accuracy: float
    # share of clips with the label that the bench's reference gives, 0 to 1; None where none ran
    label_agreement: float | None
    # against the reference, in int8 steps of the output; None where none ran
    largest_lsb: int | None
    different_outputs: int | None
    # of all int8 outputs in order; None for a float network. Two machines with one hash gave the same integers
    outputs_sha256: str | None


@dataclass(frozen=True, kw_only=True)
class EngineResult:
    """One row of the bench."""

    engine: Engine
    # why it gave no figures, or None
    failure: str | None = None
    figures: EngineFigures | None = None
    # None without recordings
    clips: ClipsOutcome | None = None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A bundle on one machine. `docs/raspberry_pi.md` explains every field."""

    bundle: Bundle
    # UTC, ISO 8601
    time: str
    machine: Machine
    before: Conditions
    after: Conditions
    # features of one whole clip, one thread; whether by the compiled C
    front_end: Latency
    compiled: bool
    # of all clips' features; None without recordings
    features_sha256: str | None
    # None without recordings
    recordings: LabelledClips | None
    # the engine that the others' outputs are held against; None if none can stand for the device here
    reference: str | None
    results: tuple[EngineResult, ...]

    @property
    def stride_ms(self) -> float:
        """Between two inferences on a stream."""
        spec = self.bundle.features
        return 1000 * inference_samples(self.bundle.detection, spec) / spec.sample_rate_hz

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        bundle, recordings = self.bundle, self.recordings
        return {
            "format": FORMAT,
            "time": self.time,
            "bundle": {
                "path": str(bundle.path),
                "arch": bundle.arch,
                "model_sha256": bundle.sha256(INT8_MODEL),
                "spec_sha256": bundle.features.sha256(),
                "int8_bytes": len(bundle.int8_model),
                "float_bytes": len(bundle.float_model),
                "clip_ms": bundle.features.clip_ms,
                "stride_ms": self.stride_ms,
            },
            "machine": self.machine.to_json(),
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "front_end": {**self.front_end.to_json(), "compiled": self.compiled},
            "recordings": None
            if recordings is None
            else {
                "source": recordings.source,
                "split": recordings.split,
                "clips": len(recordings.labels),
                "content_hash": recordings.content_hash,
                "clips_sha256": _sha256(recordings.clips),
                "features_sha256": self.features_sha256,
            },
            "reference": self.reference,
            "engines": [{**asdict(result), "title": result.engine.title} for result in self.results],
        }


def run_bench(
    bundle: Bundle,
    recordings: LabelledClips | None,
    *,
    threads: int,
    seconds: float = 5.0,
    only: Sequence[str] = (),
    progress: Progress | None = None,
) -> Bench:
    """Measure `bundle` here, each engine in a process of its own, one after another.

    `threads` is how many an engine gets that can use more than one; `seconds` how long each listens at a microphone's
    pace; `only` names the engines to run, all by default. `progress(done, total)` counts engines. Raises SettingsError
    for an engine that there is not.
    """
    wanted = engines(bundle, threads=threads)
    names = tuple(dict.fromkeys(engine.name for engine in wanted))
    for name in only:
        if name not in names:
            raise SettingsError(f"engine = {name!r}; choose from {', '.join(names)}")
    wanted = tuple(engine for engine in wanted if not only or engine.name in only)
    machine, before = this_machine(), conditions()
    clips = _noise(bundle) if recordings is None else recordings.clips
    front_end = measure_latency(
        lambda: compute_features(clips[:1], bundle.features, threads=1), "front end", warm_up=10, runs=_FRONTEND_RUNS
    )
    results, outputs = [], {}
    with tempfile.TemporaryDirectory(prefix="kws-edge-bench-") as folder:
        np.save(Path(folder) / "clips.npy", clips)
        for number, engine in enumerate(wanted):
            result, made = _measured(bundle, engine, Path(folder), seconds, run_clips=recordings is not None)
            results.append(result)
            if made is not None:
                outputs[engine.title] = made
            if progress is not None:
                progress(number + 1, len(wanted))
    ran = [result.engine for result in results if result.failure is None]
    device = device_of(engine.name for engine in ran)
    reference = next((engine.title for engine in ran if engine.name == device), None)
    if recordings is not None:
        results = [_judged(result, bundle, recordings, outputs, reference) for result in results]
    return Bench(
        bundle=bundle,
        time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=machine,
        before=before,
        after=conditions(),
        front_end=front_end,
        compiled=is_compiled(),
        features_sha256=None if recordings is None else _sha256(compute_features(clips, bundle.features)),
        recordings=recordings,
        reference=reference,
        results=tuple(results),
    )


def _measured(
    bundle: Bundle, engine: Engine, folder: Path, seconds: float, *, run_clips: bool
) -> tuple[EngineResult, Values | None]:
    if engine.absence is not None:
        return EngineResult(engine=engine, failure=engine.absence), None
    figures, outputs, request = folder / "figures.json", folder / "outputs.npy", folder / "request.json"
    for file in (figures, outputs):
        file.unlink(missing_ok=True)
    asked = EngineRequest(
        bundle=str(bundle.path.resolve()),
        engine=engine,
        seconds=seconds,
        clips=str(folder / "clips.npy"),
        run_clips=run_clips,
        figures=str(figures),
        outputs=str(outputs),
    )
    request.write_text(json.dumps(asdict(asked)), encoding="utf-8")
    command = [sys.executable, "-m", "kws_edge.verification.engine_trial", str(request)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        how = f"killed by signal {-done.returncode}" if done.returncode < 0 else f"failed: {last}"
        return EngineResult(engine=engine, failure=how), None
    found = figures_from(json.loads(figures.read_text(encoding="utf-8")))
    return EngineResult(engine=engine, figures=found), np.load(outputs) if run_clips else None


def _judged(
    result: EngineResult,
    bundle: Bundle,
    recordings: LabelledClips,
    outputs: dict[str, Values],
    reference: str | None,
) -> EngineResult:
    made = outputs.get(result.engine.title)
    if made is None:
        return result
    parity = None
    if reference is not None:
        parity = measure_parity(made, outputs[reference], summarize(bundle.int8_model).output)
    accuracy = measure_accuracy(predicted_labels(made), recordings.labels, bundle.labels).accuracy
    outcome = ClipsOutcome(
        accuracy=accuracy,
        label_agreement=None if parity is None else parity.label_agreement,
        largest_lsb=None if parity is None else parity.largest_lsb,
        different_outputs=None if parity is None else parity.different_outputs,
        outputs_sha256=_sha256(made) if made.dtype == np.int8 else None,
    )
    return replace(result, clips=outcome)


def _noise(bundle: Bundle) -> NDArray[np.int16]:
    shape = (_NOISE_CLIPS, bundle.features.clip_samples)
    return np.random.default_rng(0).normal(scale=_NOISE_LEVEL, size=shape).round().astype(np.int16)


def _sha256(values: Values) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
