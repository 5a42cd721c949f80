"""What a bundle hears in a stream, computed in Python: the integers that firmware is held to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_export.trial import Trial
from kws_edge.bundle import Bundle
from kws_edge.detection import Detection, detect, detector_tables, end_sample, stream_windows
from kws_edge.frontend import features
from kws_edge.runtime.oracle import open_oracle


@dataclass(frozen=True, eq=False)
class StreamOutputs:
    """Every inference of one stream, in order."""

    # uint32[inferences], FNV-1a over the bytes of the features that each inference sees
    features: NDArray[np.uint32]
    # samples of the stream that had been pushed
    end_samples: NDArray[np.int64]
    # int8[inferences, labels]
    logits: NDArray[np.int8]
    detections: tuple[Detection, ...]


def stream_outputs(samples: NDArray[np.int16], bundle: Bundle) -> StreamOutputs:
    """The outputs for `samples`, int16[n] at the bundle's rate: front end, TFLM or what equals it, and detector.

    Raises DependencyError where only TFLM could tell the outputs and it is not installed.
    """
    spec, labels = bundle.features, bundle.labels
    oracle = open_oracle(bundle.int8_model)
    tables = detector_tables(bundle.detection, spec, labels, oracle.output.scale)
    if len(samples) < end_sample(0, bundle.detection, spec):
        windows = np.empty((0, *spec.shape), np.int8)
    else:
        windows = stream_windows(features(samples[None], spec)[0], bundle.detection, spec)
    logits: NDArray[np.int8] = oracle.run(windows)
    return StreamOutputs(
        features=checksums(windows),
        end_samples=np.array([end_sample(number, bundle.detection, spec) for number in range(len(windows))], np.int64),
        logits=logits,
        detections=tuple(detect(logits, tables)),
    )


def checksums(windows: NDArray[np.int8]) -> NDArray[np.uint32]:
    """uint32[n], 32-bit FNV-1a (draft-eastlake-fnv) over the bytes of each of int8[n, frames, columns]."""
    flat = np.ascontiguousarray(windows).reshape(len(windows), math.prod(windows.shape[1:])).view(np.uint8)
    total = np.full(len(windows), 2166136261, np.uint32)
    for column in flat.T:
        total = (total ^ column) * np.uint32(16777619)
    return total


def differences(trial: Trial, expected: StreamOutputs) -> list[str]:
    """What of a trial is not what Python computed, in the order of the stages; empty when all is equal."""
    found = []
    if trial.selftest != "PASS":
        found.append(f"self-test: {trial.selftest}")
    count, wanted = len(trial.logits), len(expected.logits)
    if count != wanted:
        return [*found, f"{count} inferences instead of {wanted}"]
    for name, actual, other in (
        ("time", trial.end_samples, expected.end_samples),
        ("features", trial.features, expected.features),
        ("outputs", trial.logits, expected.logits),
    ):
        unequal = actual != other
        different = np.flatnonzero(unequal.any(axis=1) if unequal.ndim > 1 else unequal)
        if len(different):
            found.append(f"{name} of {len(different)} of {count} inferences, first of number {different[0]}")
    if trial.detections != expected.detections:
        found.append(f"detections: {list(trial.detections)} instead of {list(expected.detections)}")
    return found
