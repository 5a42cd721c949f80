"""What the changes cost that int8 asked of SparkNet and BC-ResNet: the published parts beside ours, in float.

    python benchmarks/published.py [--data DIR] [--only NAME...] [--seeds 0 1 2] [--epochs 20] [--json FILE]

Published are, of SparkNet (arXiv:2406.06634), no batch normalisation behind depthwise convolutions and a gate of tanh;
of BC-ResNet (arXiv:2106.04140), swish behind the depthwise convolution over time, and sub-spectral normalisation behind
the one over frequency, with a scale and an offset for each of five groups of frequencies. Neither has an int8 form
here, so this trains in float alone, on the recipe and the batches of `trainings/families.toml`, and reports the epoch
that does best on the validation list. Trainings that are there already in `--work` are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from tabulate import tabulate

from kws_edge.corpus import find_data, load_corpus
from kws_edge.errors import KwsEdgeError
from kws_edge.files import write_file
from kws_edge.frontend import features
from kws_edge.models import build_model, preset_features
from kws_edge.models.blocks import EPSILON, MOMENTUM, Convolution, Gate
from kws_edge.settings import from_mapping, read_toml
from kws_edge.spec import AugmentationSettings, CorpusSettings, FeatureSpec, ModelSettings, TrainingSettings
from kws_edge.training.feed import Feed, column_statistics
from kws_edge.training.phase import EpochReport, Phase
from kws_edge.training.state import TrainingState

# groups of frequencies that are normalised apart, the paper's S
SUB_BANDS = 5
RECIPE = Path(__file__).parent / "trainings" / "families.toml"


class SparkNetConvolution(Convolution):
    """A depthwise convolution is followed by the 1x1 convolution at once."""

    def __init__(self, form: Any, **kwargs: Any) -> None:
        super().__init__(form, **{**kwargs, "batch_norm": kwargs["batch_norm"] and not kwargs["depthwise"]})


class SparkNetGate(Gate):
    """`clip(tanh(x) + 1/2, 0, 1)` after training too."""

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return super().call(x if training else tf.tanh(x), training=training)


class BcResNetConvolution(Convolution):
    """Swish over time, sub-spectral normalisation over frequency."""

    def __init__(self, form: Any, **kwargs: Any) -> None:
        self.over_time = kwargs["depthwise"] and kwargs["kernel"] == (3, 1)
        self.over_frequency = kwargs["depthwise"] and kwargs["kernel"] == (1, 3)
        super().__init__(form, **{**kwargs, "batch_norm": kwargs["batch_norm"] and not self.over_frequency})

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if self.over_frequency:
            count = SUB_BANDS * input_shape[-1]
            self.sub_gamma = self.add_weight(name="sub_gamma", shape=(count,), initializer="ones")
            self.sub_beta = self.add_weight(name="sub_beta", shape=(count,), initializer="zeros")
            self.sub_mean = self.add_weight(name="sub_mean", shape=(count,), initializer="zeros", trainable=False)
            self.sub_variance = self.add_weight(
                name="sub_variance", shape=(count,), initializer="ones", trainable=False
            )

    def _sub_spectral(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Batch normalisation of [n, frames, columns, channels], each channel and group of columns on its own."""
        _, frames, columns, channels = x.shape
        width = columns // SUB_BANDS
        grouped = tf.transpose(tf.reshape(x, [-1, frames, SUB_BANDS, width, channels]), [0, 1, 3, 2, 4])
        grouped = tf.reshape(grouped, [-1, frames, width, SUB_BANDS * channels])
        empty = tf.zeros([0])
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=grouped,
            scale=self.sub_gamma.value,
            offset=self.sub_beta.value,
            mean=empty if training else self.sub_mean.value,
            variance=empty if training else self.sub_variance.value,
            epsilon=EPSILON,
            is_training=training,
        )
        if training:
            self.sub_mean.assign_add((1 - MOMENTUM) * (mean - self.sub_mean))
            self.sub_variance.assign_add((1 - MOMENTUM) * (variance - self.sub_variance))
        y = tf.transpose(tf.reshape(y, [-1, frames, width, SUB_BANDS, channels]), [0, 1, 3, 2, 4])
        return tf.reshape(y, [-1, frames, columns, channels])

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if self.over_frequency:
            return self._sub_spectral(self._linear(x, training), training)
        return tf.nn.silu(self._linear(x, training)) if self.over_time else super().call(x, training=training)


# name: preset, family, and what stands in for the words of `Network`
FORMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sparknet": ("sparknet", "sparknet", {"Convolution": Convolution}),
    "sparknet, as published": ("sparknet", "sparknet", {"Convolution": SparkNetConvolution, "Gate": SparkNetGate}),
    "bc_resnet-1": ("bc_resnet-1", "bc_resnet", {"Convolution": Convolution}),
    "bc_resnet-1, as published": ("bc_resnet-1", "bc_resnet", {"Convolution": BcResNetConvolution}),
}


def accuracy(name: str, seed: int, epochs: int, data: Path, work: Path) -> float:
    """Percent of the validation list that one float training reaches; resumes an interrupted one."""
    kept = work / f"{name.replace(', ', '-').replace(' ', '_')}-{epochs}-{seed}"
    if (kept / "accuracy.json").exists():
        return float(json.loads((kept / "accuracy.json").read_text()))
    kept.mkdir(parents=True, exist_ok=True)
    preset, family, words = FORMS[name]
    spec = from_mapping(FeatureSpec, preset_features(family, preset), source=preset)
    settings = TrainingSettings(epochs=epochs, seed=seed)
    augmentation = from_mapping(
        AugmentationSettings, read_toml(RECIPE)["base"]["augmentation"], source=f"{RECIPE} [base.augmentation]"
    )
    corpus = load_corpus(data, CorpusSettings(), sample_rate_hz=spec.sample_rate_hz, clip_samples=spec.clip_samples)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    spec = spec.normalized(*column_statistics(corpus.split("train"), spec))
    feed = Feed(
        corpus.split("train"),
        corpus.noise("train"),
        spec,
        augmentation,
        batch_size=settings.batch_size,
        class_balance=settings.class_balance,
        seed=seed,
    )
    with patch.multiple("kws_edge.models.network", **words):
        model, shadow = (build_model(ModelSettings(arch=family), spec, len(corpus.labels), "float") for _ in range(2))
    phase = Phase(
        name, 0, model, shadow, epochs=epochs, learning_rate=settings.learning_rate, settings=settings, spec=spec
    )
    validation = corpus.split("validation")
    judged = (features(np.asarray(validation.clips), spec), validation.labels)
    path = kept / "state.npz"
    state = TrainingState.load(path) if path.exists() else TrainingState(settings={})
    if state.history:
        phase.resume(state)
    else:
        phase.start(None)
    try:
        phase.run(feed, judged, state, path, _say)
    finally:
        feed.close()
    best = 100 * state.best_accuracy[name]
    write_file(kept / "accuracy.json", json.dumps(best).encode())
    return best


def _say(report: EpochReport) -> None:
    if report.row is not None:
        reached = 100 * report.row["validation_accuracy"]
        print(f"{report.phase}: epoch {report.epoch + 1} of {report.epochs}, {reached:.2f} %", file=sys.stderr)


def main() -> None:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of recordings; default KWS_EDGE_DATA")
    parser.add_argument("--only", nargs="+", choices=list(FORMS), default=list(FORMS), metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--work", type=Path, default=Path("build/published"), help="folder of what was trained")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = find_data(given.data)
    if data is None:
        sys.exit("give --data or set KWS_EDGE_DATA")
    try:
        reached = {
            name: [accuracy(name, seed, given.epochs, data, given.work) for seed in given.seeds] for name in given.only
        }
    except KwsEdgeError as error:
        sys.exit(str(error))
    lines: list[dict[str, Any]] = [
        {"network": name, "validation float %": float(np.mean(each)), "seeds": len(each), "each": each}
        for name, each in reached.items()
    ]
    print(tabulate(lines, headers="keys", floatfmt=".2f"))
    if given.json:
        write_file(given.json, json.dumps(lines, indent=2).encode())


if __name__ == "__main__":
    main()
