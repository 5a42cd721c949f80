"""Four ways from one trained float network to int8, on the same clips: what each keeps of the accuracy.

    python benchmarks/quantization.py BUNDLE... --data DIR [--epochs N] [--json FILE]

Each BUNDLE gives its float weights (its own quantization-aware training is not used) and its recipe. From there:
TensorFlow's converter, calibrated on training clips (plain post-training quantization); our ranges observed on training
batches; quantization-aware training by tensorflow-model-optimization; and ours. The two trainings see the very same
batches in the same order, with the same optimizer, schedule, label smoothing, weight averaging and choice of the best
epoch on the validation clips. All int8 models run in LiteRT's reference kernels on the testing list. Networks must be
plain sequences of convolutions, as ds_cnn is: tensorflow-model-optimization takes batch normalisation only there.

tensorflow-model-optimization wants the older Keras, so it gets an environment of its own, made at the first run in the
user's cache; it borrows TensorFlow from this one, and so both train on the same version. Needs the train extra.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from tabulate import tabulate

from kws_edge.bundle import Bundle, read_bundle
from kws_edge.conversion import convert_float, convert_int8
from kws_edge.corpus import Corpus, find_data, load_corpus
from kws_edge.errors import KwsEdgeError
from kws_edge.frontend import features
from kws_edge.models import build_model
from kws_edge.models.blocks import Convolution, InputQuantizer, Pool
from kws_edge.models.network import load_weights
from kws_edge.runtime import open_interpreter
from kws_edge.runtime.protocol import Values
from kws_edge.spec import SILENCE
from kws_edge.tflite_file import summarize
from kws_edge.training.feed import Feed
from kws_edge.training.phase import Phase
from kws_edge.training.state import TrainingState

PEER = Path(__file__).parent / "peers" / "tfmot_qat.py"
# together they are tensorflow-model-optimization without TensorFlow
PEER_PACKAGES = ("tf_keras==2.21.0", "tensorflow-model-optimization==0.8.1", "dm-tree", "six")
# rows that TensorFlow's converter calibrates on
CALIBRATION_CLIPS = 500
# what the peer's training takes over as it is, and what it is told of a convolution
SHARED_SETTINGS = ("weight_decay", "label_smoothing", "weight_average", "seed")
CONVOLUTION_FIELDS = ("filters", "kernel", "strides", "padding", "batch_norm", "relu")


@dataclass(frozen=True)
class Row:
    """One way to int8."""

    way: str
    # share of the testing list, 0 to 1
    accuracy: float
    # percentage points that the float network has more
    drop_points: float
    # share of clips that get the float network's label
    agreement: float
    # of the .tflite file
    model_bytes: int


def peer_python() -> Path:
    """The peer's interpreter; its environment is made if it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kws-edge" / "benchmarks"
    folder = cache / f"tfmot-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    print(f"making {folder}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # TensorFlow and what it needs, from here; what is installed there comes first
    (packages / "borrowed.pth").write_text(str(Path(tf.__file__).parents[1]) + "\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", *PEER_PACKAGES], check=True)
    (folder / "complete").touch()
    return python


class Comparison:
    """One bundle's float network, its clips, and the ways from there."""

    def __init__(self, bundle: Bundle, corpus: Corpus, epochs: int | None) -> None:
        self.bundle, self.spec = bundle, bundle.features
        self.settings = dataclasses.replace(bundle.training, mixup=0.0, qat_epochs=epochs or bundle.training.qat_epochs)
        self.weights = bundle.variables("float")
        self.rows = {name: features(np.asarray(corpus.split(name).clips), self.spec) for name in ("validation", "test")}
        self.labels = {name: corpus.split(name).labels for name in ("validation", "test")}
        training = corpus.split("train")
        chosen = np.sort(np.random.default_rng(0).permutation(len(training.labels))[:CALIBRATION_CLIPS])
        self.calibration = features(np.asarray(training.clips[chosen]), self.spec)
        self.feed = Feed(
            training,
            corpus.noise("train"),
            self.spec,
            bundle.augmentation,
            batch_size=self.settings.batch_size,
            class_balance=self.settings.class_balance,
            seed=self.settings.seed,
            silence=corpus.labels.index(SILENCE),
        )

    def network(self, form: Any) -> Any:
        """A fresh network in one form."""
        count = len(self.bundle.labels)
        learned = self.settings.learned_ranges
        return build_model(self.bundle.model, self.spec, count, form, learned_ranges=learned)

    def with_weights(self, form: Any, weights: dict[str, Any]) -> Any:
        """A network in one form with these variables."""
        model = self.network(form)
        load_weights(model, weights)
        return model

    def phase(self) -> Phase:
        """Our quantization-aware training, not begun."""
        return Phase(
            "qat",
            1,
            self.network("quantized"),
            self.network("quantized"),
            epochs=self.settings.qat_epochs,
            learning_rate=self.settings.qat_learning_rate,
            settings=self.settings,
            spec=self.spec,
        )

    def real(self, rows: Values) -> Values:
        """int8 features as the numbers that they stand for, float32[n, frames, columns]."""
        return (rows.astype(np.float32) - self.spec.zero_point) * np.float32(self.spec.scale)

    def float_model(self) -> bytes:
        """The float network as .tflite."""
        return convert_float(self.with_weights("float_export", self.weights))

    def plain(self) -> bytes:
        """TensorFlow's converter with a representative data set and nothing else."""
        model = self.with_weights("float_export", self.weights)
        function = tf.function(lambda x: model(x, training=False))
        concrete = function.get_concrete_function(tf.TensorSpec([1, *model.inputs[0].shape[1:]], tf.float32))
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [row[np.newaxis, ..., np.newaxis]] for row in self.real(self.calibration)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        return bytes(converter.convert())

    def observed(self) -> bytes:
        """Our export with ranges observed on training batches."""
        phase = self.phase()
        phase.start(self.weights)
        return self.export(phase.observe_ranges(self.feed))

    def ours(self, folder: Path) -> bytes:
        """Our quantization-aware training."""
        phase, state = self.phase(), TrainingState(settings={})
        phase.start(self.weights)
        phase.observe_ranges(self.feed)
        phase.run(self.feed, (self.rows["validation"], self.labels["validation"]), state, folder / "state.npz", report)
        return self.export(state.best["qat"])

    def export(self, weights: dict[str, Any]) -> bytes:
        """Our int8 conversion."""
        return convert_int8(self.with_weights("int8_export", weights), self.calibration, self.spec)

    def tfmot(self, folder: Path) -> bytes:
        """tensorflow-model-optimization's quantization-aware training, on the batches that ours sees."""
        layers = layers_of(self.with_weights("float", self.weights))
        batches = [batch for epoch in range(self.settings.qat_epochs) for batch in self.feed.epoch(1, epoch)]
        np.save(folder / "batches.npy", np.stack([batch.features for batch in batches]))
        np.save(folder / "labels.npy", np.stack([batch.labels for batch in batches]))
        np.savez(folder / "weights.npz", **self.weights)
        some = self.real(self.rows["validation"][:20])[..., np.newaxis]
        logits = self.with_weights("float", self.weights)(some, training=False)
        np.savez(folder / "check.npz", rows=some, logits=np.asarray(logits))
        validation = self.real(self.rows["validation"])[..., np.newaxis]
        np.savez(folder / "validation.npz", rows=validation, labels=self.labels["validation"])
        request = {
            "input_shape": [*self.spec.shape, 1],
            "layers": layers,
            "labels": len(self.bundle.labels),
            "scale": self.spec.scale,
            "zero_point": self.spec.zero_point,
            "steps": self.feed.steps,
            "learning_rate": self.settings.qat_learning_rate,
            **{name: getattr(self.settings, name) for name in SHARED_SETTINGS},
        }
        (folder / "request.json").write_text(json.dumps(request))
        environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
        subprocess.run([peer_python(), str(PEER), str(folder)], check=True, env=environment)
        return (folder / "qat.tflite").read_bytes()

    def labels_by(self, model: bytes) -> Any:
        """Predicted label of every testing clip, in LiteRT's reference kernels; features on the model's own grid."""
        grid = summarize(model).input
        rows = self.real(self.rows["test"])
        if grid.dtype == "int8":
            rows = np.clip(np.rint(rows / grid.scale) + grid.zero_point, -128, 127).astype(np.int8)
        name = "litert_reference" if grid.dtype == "int8" else "litert_xnnpack"
        return open_interpreter(name, model).run(rows).argmax(axis=1)


def layers_of(model: Any) -> list[dict[str, Any]]:
    """The layers of a plain sequence, as the peer's program wants them; KwsEdgeError for any other network."""
    layers: list[dict[str, Any]] = []
    for layer in model.layers:
        if isinstance(layer, Convolution):
            layers.append(
                {
                    "name": layer.name,
                    "kind": "depthwise" if layer.depthwise else "convolution",
                    **{key: getattr(layer, key) for key in CONVOLUTION_FIELDS},
                }
            )
        elif isinstance(layer, Pool) and layer.kind == "average":
            pool = {"size": layer.size, "strides": layer.strides, "padding": layer.padding}
            layers.append({"name": layer.name, "kind": "average_pool", **pool})
        elif isinstance(layer, keras.layers.Dropout):
            layers.append({"name": layer.name, "kind": "dropout", "rate": layer.rate})
        elif not isinstance(layer, keras.layers.InputLayer | InputQuantizer | keras.layers.Reshape):
            raise KwsEdgeError(
                f"{layer.name}: tensorflow-model-optimization is compared on plain sequences; take ds_cnn"
            )
    return layers


def report(progress: Any) -> None:
    """One line for each finished epoch."""
    if progress.row:
        reached = 100 * progress.row["validation_accuracy"]
        print(f"our epoch {progress.epoch + 1}: {reached:.2f} % of validation", file=sys.stderr, flush=True)


def compare(bundle: Bundle, corpus: Corpus, epochs: int | None) -> list[Row]:
    """All rows of one bundle."""
    keras.utils.set_random_seed(bundle.training.seed)
    comparison = Comparison(bundle, corpus, epochs)
    try:
        with tempfile.TemporaryDirectory(prefix="kws-edge-quantization-") as name:
            folder = Path(name)
            models = {
                "float": comparison.float_model(),
                "TensorFlow's converter alone": comparison.plain(),
                "our observed ranges": comparison.observed(),
                "tfmot QAT": comparison.tfmot(folder),
                "our QAT": comparison.ours(folder),
            }
    finally:
        comparison.feed.close()
    truth = comparison.labels["test"]
    real = comparison.labels_by(models["float"])
    rows = []
    for way, model in models.items():
        found = comparison.labels_by(model)
        drop = 100 * (int((real == truth).sum()) - int((found == truth).sum())) / len(truth)
        rows.append(Row(way, float(np.mean(found == truth)), drop, float(np.mean(found == real)), len(model)))
    return rows


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, help="recordings; else KWS_EDGE_DATA")
    parser.add_argument("--epochs", type=int, help="of both trainings; else the bundle's own")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    data = find_data(arguments.data)
    if data is None:
        parser.error("give --data or set KWS_EDGE_DATA")
    figures = {}
    for path in arguments.bundles:
        bundle = read_bundle(path)
        spec = bundle.features
        corpus = load_corpus(data, bundle.corpus, sample_rate_hz=spec.sample_rate_hz, clip_samples=spec.clip_samples)
        rows = compare(bundle, corpus, arguments.epochs)
        figures[str(path)] = [dataclasses.asdict(row) for row in rows]
        table = [[row.way, 100 * row.accuracy, row.drop_points, 100 * row.agreement, row.model_bytes] for row in rows]
        heads = ["way to int8", "accuracy %", "drop, points", "float's label %", "bytes"]
        print(f"\n{path}, {len(corpus.split('test').labels)} clips\n")
        print(tabulate(table, heads, floatfmt=".2f", tablefmt="github"), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except KwsEdgeError as error:
        sys.exit(str(error))
