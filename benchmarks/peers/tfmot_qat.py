"""Quantization-aware training by tensorflow-model-optimization; runs in an environment of its own.

    TF_USE_LEGACY_KERAS=1 python tfmot_qat.py FOLDER

FOLDER holds what `benchmarks/quantization.py` has put there: request.json (layers and recipe), weights.npz (trained
float weights), batches.npy and labels.npy (every training batch in order), validation.npz, check.npz (a few inputs and
the float network's logits). Written there: qat.tflite, result.json. It imports nothing of kws-edge.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

keras = tf.keras
EPSILON, MOMENTUM = 1e-3, 0.98


def float_network(request: dict[str, Any]) -> Any:
    """The network layer by layer, in the form whose batch normalisation tfmot folds."""
    x = inputs = keras.Input(tuple(request["input_shape"]))
    for layer in request["layers"]:
        name, kind = layer["name"], layer["kind"]
        padding, strides = layer.get("padding", "VALID").lower(), tuple(layer.get("strides", (1, 1)))
        if kind == "dropout":
            x = keras.layers.Dropout(layer["rate"], name=name)(x)
        elif kind == "average_pool":
            x = keras.layers.AveragePooling2D(tuple(layer["size"]), strides, padding, name=name)(x)
        else:
            plain = not layer["batch_norm"]
            if kind == "depthwise":
                x = keras.layers.DepthwiseConv2D(tuple(layer["kernel"]), strides, padding, use_bias=plain, name=name)(x)
            else:
                convolution = keras.layers.Conv2D
                x = convolution(layer["filters"], tuple(layer["kernel"]), strides, padding, use_bias=plain, name=name)(
                    x
                )
            if layer["batch_norm"]:
                x = keras.layers.BatchNormalization(epsilon=EPSILON, momentum=MOMENTUM, name=f"{name}_norm")(x)
            if layer["relu"]:
                x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return keras.Model(inputs, keras.layers.Flatten(name="logits")(x))


def load(model: Any, request: dict[str, Any], weights: Any) -> None:
    """Put the trained float weights into the network."""
    for layer in request["layers"]:
        if layer["kind"] not in ("convolution", "depthwise"):
            continue
        name = layer["name"]
        kernel, beta = weights[f"{name}/kernel"], weights[f"{name}/beta"]
        if layer["batch_norm"]:
            model.get_layer(name).set_weights([kernel])
            rest = [weights[f"{name}/{part}"] for part in ("gamma", "beta", "mean", "variance")]
            model.get_layer(f"{name}_norm").set_weights(rest)
        else:
            model.get_layer(name).set_weights([kernel, beta])


def schedule(step: int, steps: int, peak: float, warmup: int) -> float:
    """Linear warm-up, then half a cosine to 0."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def accuracy(model: Any, rows: Any, labels: Any) -> float:
    """Share of right labels on float rows."""
    logits = np.concatenate([model(rows[start : start + 200], training=False) for start in range(0, len(rows), 200)])
    return float(np.mean(logits.argmax(axis=1) == labels))


def main(folder: Path) -> None:
    """Train, keep the best validated epoch, convert."""
    request = json.loads((folder / "request.json").read_text())
    keras.utils.set_random_seed(request["seed"])
    batches, labels = np.load(folder / "batches.npy", mmap_mode="r"), np.load(folder / "labels.npy")
    with np.load(folder / "validation.npz") as archive:
        validation, truth = archive["rows"], archive["labels"]
    network = float_network(request)
    with np.load(folder / "weights.npz") as archive:
        load(network, request, archive)
    with np.load(folder / "check.npz") as archive:
        error = float(np.abs(network(archive["rows"], training=False) - archive["logits"]).max())
    if error > 1e-3:
        sys.exit(f"the rebuilt float network differs by {error} from the one that it was made from")
    model, shadow = (tfmot.quantization.keras.quantize_model(network) for _ in range(2))
    shadow.set_weights(model.get_weights())
    optimizer = keras.optimizers.AdamW(weight_decay=request["weight_decay"], clipnorm=5.0)
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if "kernel" not in v.name])
    optimizer.build(model.trainable_variables)
    count, smoothing = request["labels"], request["label_smoothing"]
    scale, zero_point = request["scale"], request["zero_point"]

    @tf.function
    def step(features: Any, wanted: Any, decay: Any) -> Any:
        rows = (tf.cast(features, tf.float32)[..., tf.newaxis] - zero_point) * scale
        targets = tf.one_hot(wanted, count) * (1 - smoothing) + smoothing / count
        with tf.GradientTape() as tape:
            logits = model(rows, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        for variable, average in zip(model.variables, shadow.variables, strict=True):
            if variable.dtype == tf.float32:
                average.assign_add((1 - decay) * (variable - average))
            else:
                average.assign(variable)
        return loss

    steps = request["steps"]
    total, best, kept = len(batches), -1.0, shadow.get_weights()
    for done in range(total):
        rate = schedule(done, total, request["learning_rate"], min(total // 10, 2 * steps))
        optimizer.learning_rate.assign(rate)
        decay = min(request["weight_average"], (1 + done) / (10 + done))
        step(tf.constant(batches[done]), tf.constant(labels[done]), tf.constant(decay, tf.float32))
        if (done + 1) % steps == 0:
            reached = accuracy(shadow, validation, truth)
            print(
                f"tfmot epoch {(done + 1) // steps}: {100 * reached:.2f} % of validation", file=sys.stderr, flush=True
            )
            if reached >= best:
                best, kept = reached, shadow.get_weights()
    shadow.set_weights(kept)
    converter = tf.lite.TFLiteConverter.from_keras_model(shadow)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (folder / "qat.tflite").write_bytes(converter.convert())
    versions = {"tensorflow": tf.__version__, "tensorflow-model-optimization": tfmot.__version__}
    (folder / "result.json").write_text(json.dumps({"validation_accuracy": best, "versions": versions}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
