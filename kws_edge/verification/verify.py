"""Run a bundle on recordings in every interpreter there is, and decide whether it may go to a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.bundle import INT8_MODEL, Bundle
from kws_edge.corpus import Corpus
from kws_edge.corpus.splits import SplitName
from kws_edge.errors import CorpusError
from kws_edge.frontend import features as compute_features
from kws_edge.runtime import Values
from kws_edge.tflite_file import summarize
from kws_edge.verification.accuracy import Accuracy, measure_accuracy, predicted_labels
from kws_edge.verification.checks import (
    Check,
    check_distinct,
    check_drop,
    check_engine,
    check_equality,
    check_frontend,
    check_grids,
    check_specification,
    device_of,
)
from kws_edge.verification.interpreters import AOT, LITERT_REFERENCE, TFLM, Runnable, candidates, dequantized
from kws_edge.verification.layer_parity import first_departure
from kws_edge.verification.memory import ArenaMeasurement, measure_memory
from kws_edge.verification.parity import Parity, measure_parity

# clips between two calls of `progress`
_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was measured of one bundle on one split of a corpus. `docs/verify.md` explains every field."""

    bundle: Bundle
    data: Corpus
    split: SplitName
    # clips in the split
    clips: int
    # interpreter to what it made of them, in the order of `candidates`
    interpreters: dict[str, Accuracy]
    # interpreter to the reason why it is not among them
    absent: dict[str, str]
    # every ordered pair of different interpreters
    parity: dict[tuple[str, str], Parity]
    # interpreter to the names of the clips that get another label from it than from the device's
    disagreements: dict[str, tuple[str, ...]]
    # None where TFLM is not installed
    arena: ArenaMeasurement | None
    checks: tuple[Check, ...]

    @property
    def device(self) -> str:
        """The interpreter that stands for the device: TFLM, or LiteRT's reference kernels where TFLM is absent."""
        return device_of(self.interpreters)

    @property
    def passed(self) -> bool:
        """Whether no check failed; one that could not be made here did not."""
        return all(check.passed is not False for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON types; its fields are stable and documented in docs/verify.md."""
        return {
            "bundle": str(self.bundle.path),
            "model_sha256": self.bundle.sha256(INT8_MODEL),
            "spec_sha256": self.bundle.features.sha256(),
            "data": str(self.data.folder),
            "data_hash": self.data.content_hash,
            "trained_on_this_data": self.data.content_hash == self.bundle.provenance.data_hash,
            "split": self.split,
            "clips": self.clips,
            "labels": list(self.bundle.labels),
            "interpreters": {
                name: {
                    "accuracy": measured.accuracy,
                    "confusion": measured.confusion.tolist(),
                    "per_class": {label: asdict(share) for label, share in measured.per_class.items()},
                }
                for name, measured in self.interpreters.items()
            },
            "absent": dict(self.absent),
            "agreement": self._by_pair(lambda parity: parity.label_agreement),
            "lsb": self._by_pair(lambda parity: parity.largest_lsb),
            "different_outputs": self._by_pair(lambda parity: parity.different_outputs),
            "disagreements": {name: list(clips) for name, clips in self.disagreements.items()},
            "arena_bytes": self.arena.measured_bytes if self.arena else None,
            "arena_margin_bytes": self.arena.margin_bytes if self.arena else None,
            "checks": [asdict(check) for check in self.checks],
            "passed": self.passed,
        }

    def _by_pair(self, value: Callable[[Parity], float]) -> dict[str, dict[str, float]]:
        table: dict[str, dict[str, float]] = {name: {} for name in self.interpreters}
        for (first, second), parity in self.parity.items():
            table[first][second] = value(parity)
        return table


def verify(
    bundle: Bundle,
    corpus: Corpus,
    *,
    split: SplitName = "test",
    max_drop_points: float = 0.5,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Measure `bundle` on one split of `corpus`, which was loaded with the bundle's own settings.

    `max_drop_points` is how many percentage points of accuracy int8 may lose against float. Raises CorpusError if the
    split is empty, ConversionError if an interpreter that is installed cannot run the model.
    """
    chosen = corpus.split(split)
    if len(chosen.labels) == 0:
        raise CorpusError(f"{corpus.folder}: the {split} split is empty; choose another with --split")
    quantized = compute_features(np.asarray(chosen.clips), bundle.features)
    real = dequantized(quantized, bundle.features)
    all_candidates = candidates(bundle)
    present = [candidate for candidate in all_candidates if candidate.absence is None]
    outputs: dict[str, Values] = {}
    for number, candidate in enumerate(present):
        inputs = real if candidate.takes_float else quantized
        steps = (number * len(inputs), len(present) * len(inputs))
        outputs[candidate.name] = _run(candidate.open(), inputs, steps, progress)
    accuracy = {
        name: measure_accuracy(predicted_labels(values), chosen.labels, bundle.labels)
        for name, values in outputs.items()
    }
    grid = summarize(bundle.int8_model).output
    parity = {
        (first, second): measure_parity(outputs[first], outputs[second], grid)
        for first, second in permutations(outputs, 2)
    }
    return Verification(
        bundle=bundle,
        data=corpus,
        split=split,
        clips=len(chosen.labels),
        interpreters=accuracy,
        absent={c.name: c.absence for c in all_candidates if c.absence is not None},
        parity=parity,
        disagreements=_disagreements(outputs, chosen.names),
        arena=measure_memory(bundle.int8_model) if TFLM in outputs else None,
        checks=(
            check_drop(accuracy, max_drop_points),
            _explained(check_equality(parity), bundle, LITERT_REFERENCE, outputs, quantized),
            _explained(check_engine(parity, outputs), bundle, AOT, outputs, quantized),
            check_distinct(outputs, quantized, len(bundle.labels)),
            check_frontend(bundle),
            check_specification(bundle, chosen.clips),
            check_grids(bundle),
        ),
    )


def _run(
    interpreter: Runnable, inputs: Values, steps: tuple[int, int], progress: Callable[[int, int], None] | None
) -> Values:
    before, total = steps
    parts = []
    for start in range(0, len(inputs), _BATCH):
        parts.append(interpreter.run(inputs[start : start + _BATCH]))
        if progress is not None:
            progress(before + min(start + _BATCH, len(inputs)), total)
    return np.concatenate(parts)


def _explained(
    check: Check, bundle: Bundle, interpreter: str, outputs: dict[str, Values], inputs: NDArray[np.int8]
) -> Check:
    """`check`, and if it failed the layer in which `interpreter` parts from the device's."""
    if check.passed is not False:
        return check
    device = device_of(outputs)
    different = np.flatnonzero((outputs[interpreter] != outputs[device]).any(axis=1))
    layer = first_departure(bundle, interpreter, device, inputs[different[:_BATCH]])
    where = f"{interpreter} parts from {device} in layer {layer}" if layer else f"no layer alone differs on {device}"
    return replace(check, detail=f"{len(different)} clips differ; {where}")


def _disagreements(outputs: dict[str, Values], names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    device = outputs.get(device_of(outputs))
    if device is None:
        return {}
    expected = predicted_labels(device)
    return {
        name: tuple(names[clip] for clip in np.flatnonzero(predicted_labels(values) != expected))
        for name, values in outputs.items()
        if values is not device
    }
