"""What a training is asked for; free of TensorFlow, so that mistakes are found before it is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.bundle import Bundle, read_bundle
from kws_edge.corpus import Corpus
from kws_edge.errors import BundleError
from kws_edge.settings import to_mapping
from kws_edge.spec import (
    AugmentationSettings,
    CorpusSettings,
    DetectionSettings,
    FeatureSpec,
    ModelSettings,
    TrainingSettings,
)


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """All that a training depends on besides the recordings."""

    features: FeatureSpec
    corpus: CorpusSettings
    augmentation: AugmentationSettings
    training: TrainingSettings
    model: ModelSettings
    detection: DetectionSettings
    # false converts the float network with ranges that were only observed (post-training quantization)
    quantization_aware: bool
    # the command line, for the bundle's provenance
    command: str
    # finished bundles whose answers are learned beside the labels
    teachers: tuple[Path, ...] = ()

    def fingerprint(self, corpus: Corpus) -> dict[str, Any]:
        """What must be equal for an interrupted training to be taken up again."""
        names = ("features", "corpus", "augmentation", "training", "model")
        settings = {name: to_mapping(getattr(self, name)) for name in names}
        return {**settings, "quantization_aware": self.quantization_aware, "data": corpus.content_hash}


def suitable_teacher(path: Path, labels: tuple[str, ...], sample_rate_hz: int, clip_samples: int) -> Bundle:
    """The bundle at `path`, which answers with `labels` and hears clips of `clip_samples` at `sample_rate_hz`.

    Raises BundleError when it is no bundle, answers with other labels or hears clips of another rate or length.
    """
    bundle = read_bundle(path)
    if bundle.labels != labels:
        raise BundleError(
            f"{bundle.path}: this teacher tells {', '.join(bundle.labels)} apart, the student is to tell "
            f"{', '.join(labels)}; give a teacher that was trained with the same keywords in the same order"
        )
    heard = (bundle.features.sample_rate_hz, bundle.features.clip_samples)
    if heard != (sample_rate_hz, clip_samples):
        raise BundleError(
            f"{bundle.path}: this teacher hears {heard[1]} samples at {heard[0]} Hz, the student's clips have "
            f"{clip_samples} at {sample_rate_hz} Hz; give a teacher of the same rate and length"
        )
    return bundle


def work_folder(output: Path) -> Path:
    """Where an unfinished training of the bundle `output` keeps its state."""
    return output.parent / f".{output.name}.training"
