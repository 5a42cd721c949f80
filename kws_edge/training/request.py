"""What a training is asked for; free of TensorFlow, so that mistakes are found before it is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_edge.corpus import Corpus
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


def work_folder(output: Path) -> Path:
    """Where an unfinished training of the bundle `output` keeps its state."""
    return output.parent / f".{output.name}.training"
