"""Teachers: finished bundles whose answers are learned beside the labels (Hinton et al. 2015, arXiv:1503.02531)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras
import tensorflow as tf

from kws_edge.bundle import Bundle, read_bundle
from kws_edge.corpus import Corpus
from kws_edge.models import build_model
from kws_edge.models.network import load_weights
from kws_edge.spec import FeatureSpec
from kws_edge.training.request import suitable_teacher


class Teachers:
    """One bundle or an ensemble; each hears the student's clips through a front end of its own.

    Raises BundleError when a teacher answers with other labels or hears clips of another rate or length.
    """

    def __init__(self, paths: tuple[Path, ...], corpus: Corpus) -> None:
        self._bundles = [
            suitable_teacher(path, corpus.labels, corpus.sample_rate_hz, corpus.clip_samples) for path in paths
        ]
        self._models = [_float_model(bundle) for bundle in self._bundles]

    @property
    def specs(self) -> tuple[FeatureSpec, ...]:
        """The front end of each teacher: what `probabilities` wants features of."""
        return tuple(bundle.features for bundle in self._bundles)

    def probabilities(self, views: tuple[tf.Tensor, ...], temperature: float) -> tf.Tensor:
        """Mean softmax [n, labels] of all teachers at `temperature`.

        `views` are dequantized features, one float32 [n, frames, columns, 1] for each of `specs`.
        """
        answers = [
            tf.nn.softmax(model(view, training=False) / temperature)
            for model, view in zip(self._models, views, strict=True)
        ]
        return tf.stop_gradient(tf.add_n(answers) / len(answers))


def fingerprints(paths: tuple[Path, ...]) -> list[str]:
    """SHA-256 of what each teacher knows, for the student's provenance."""
    return [hashlib.sha256(read_bundle(path).weights).hexdigest() for path in paths]


def _float_model(bundle: Bundle) -> keras.Model:
    model = build_model(bundle.model, bundle.features, len(bundle.labels), "float")
    load_weights(model, bundle.variables("float"))
    model.trainable = False
    return model
