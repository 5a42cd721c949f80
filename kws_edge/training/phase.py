"""One phase of training, float or quantization-aware: optimise, average, validate, keep the best, save the state."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kws_edge.models.network import load_weights, parameters, weights_of
from kws_edge.spec import FeatureSpec, TrainingSettings
from kws_edge.training.feed import Batch, Feed
from kws_edge.training.state import TrainingState, Weights
from kws_edge.training.teacher import Teachers

VALIDATION_BATCH = 200


@dataclass(frozen=True)
class EpochReport:
    """What the display is told after each step and epoch; `row` is the finished epoch's line of history.csv."""

    phase: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    row: dict[str, Any] | None = None


Reporter = Callable[[EpochReport], None]


def cosine_schedule(step: int, steps: int, peak: float, *, warmup: int) -> float:
    """Learning rate of one step: linear to `peak` over `warmup` steps, then half a cosine to 0."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _dequantized(features: tf.Tensor, spec: FeatureSpec) -> tf.Tensor:
    return (tf.cast(features, tf.float32)[..., tf.newaxis] - spec.zero_point) * spec.scale


def _tensors(batch: Batch) -> dict[str, Any]:
    """A batch as tf.function wants it: tensors, so that a new batch is not a new trace."""
    return {
        "features": tf.constant(batch.features),
        "labels": tf.constant(batch.labels),
        "views": tuple(tf.constant(view) for view in batch.views),
        "partners": tf.constant(batch.partners),
        "shares": tf.constant(batch.shares),
    }


class Phase:
    """Trains `model`; `shadow` is the same network, holding the averaged weights that are validated and kept."""

    def __init__(
        self,
        name: str,
        index: int,
        model: keras.Model,
        shadow: keras.Model,
        *,
        epochs: int,
        learning_rate: float,
        settings: TrainingSettings,
        spec: FeatureSpec,
        teachers: Teachers | None = None,
    ) -> None:
        self._teachers = teachers
        self.name, self.index, self.epochs = name, index, epochs
        self._model, self._shadow, self._settings, self._spec = model, shadow, settings, spec
        self._peak = learning_rate
        self._optimizer = keras.optimizers.AdamW(
            learning_rate=learning_rate, weight_decay=settings.weight_decay, clipnorm=5.0
        )
        self._optimizer.exclude_from_weight_decay(
            var_list=[v for v in model.trainable_variables if not v.path.endswith("kernel")]
        )
        self._optimizer.build(model.trainable_variables)
        self._pairs = list(zip(parameters(model), parameters(shadow), strict=True))
        self._step = tf.function(self._train_step)
        self._validate = tf.function(self._validation_step)

    def _train_step(self, batch: dict[str, Any], decay: tf.Tensor) -> Any:
        labels, settings = batch["labels"], self._settings

        def mixed(values: tf.Tensor) -> tf.Tensor:
            if not settings.mixup:
                return values
            shares = tf.reshape(batch["shares"], [-1] + [1] * (len(values.shape) - 1))
            return shares * values + (1 - shares) * tf.gather(values, batch["partners"])

        labels_count = self._model.outputs[0].shape[-1]
        smoothing = settings.label_smoothing
        targets = mixed(tf.one_hot(labels, labels_count) * (1 - smoothing) + smoothing / labels_count)
        taught = None
        if self._teachers is not None:
            views = zip(batch["views"], self._teachers.specs, strict=True)
            heard = tuple(mixed(_dequantized(view, spec)) for view, spec in views)
            taught = self._teachers.probabilities(heard, settings.temperature)
        with tf.GradientTape() as tape:
            logits = self._model(mixed(_dequantized(batch["features"], self._spec)), training=True)
            loss = tf.reduce_mean(self._loss(targets, logits))
            if taught is not None:
                # the square keeps the gradient's size whatever the temperature
                softened = tf.nn.softmax_cross_entropy_with_logits(taught, logits / settings.temperature)
                lesson = settings.temperature**2 * tf.reduce_mean(softened)
                loss = (1 - settings.distillation) * loss + settings.distillation * lesson
        variables = [variable.value for variable in self._model.trainable_variables]
        self._optimizer.apply(tape.gradient(loss, variables), self._model.trainable_variables)
        for variable, average in self._pairs:
            average.assign_add((1 - decay) * (variable.value - average.value))
        return loss, tf.reduce_mean(tf.cast(tf.argmax(logits, -1) == labels, tf.float32))

    def _loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Loss [n] of `targets` and `logits`, both [n, labels]."""
        if self._settings.loss == "cross_entropy":
            return tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        right = tf.nn.log_softmax(logits)
        # log(1 - p) is the log-sum-exp of the other logits less that of all: finite where 1 - p itself would round to 0
        others = tf.where(tf.eye(logits.shape[-1], dtype=tf.bool), float("-inf"), logits[:, tf.newaxis, :])
        wrong = tf.reduce_logsumexp(others, axis=-1) - tf.reduce_logsumexp(logits, axis=-1, keepdims=True)
        return -tf.reduce_mean(targets * right + (1 - targets) * wrong, axis=-1)

    def _validation_step(self, features: tf.Tensor, labels: tf.Tensor) -> Any:
        logits = self._shadow(_dequantized(features, self._spec), training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.reduce_sum(losses), tf.reduce_sum(tf.cast(tf.argmax(logits, -1) == labels, tf.int32))

    def validate(self, features: NDArray[np.int8], labels: NDArray[np.int64]) -> tuple[float, float]:
        """Mean cross entropy and accuracy of the averaged weights on int8 features."""
        loss, right = 0.0, 0
        for start in range(0, len(labels), VALIDATION_BATCH):
            part = slice(start, start + VALIDATION_BATCH)
            batch_loss, batch_right = self._validate(features[part], labels[part])
            loss, right = loss + float(batch_loss), right + int(batch_right)
        return loss / len(labels), right / len(labels)

    def start(self, weights: Weights | None) -> None:
        """Begin from `weights`, or from the fresh network's own; the average begins equal."""
        load_weights(self._model, weights_of(self._model) if weights is None else weights)
        load_weights(self._shadow, weights_of(self._model))

    def observe_ranges(self, feed: Feed, *, batches: int = 250) -> Weights:
        """Show the activation ranges some training batches without learning; returns the variables with them."""
        ranges = [layer for layer in self._model._flatten_layers() if hasattr(layer, "observing")]
        for layer in ranges:
            layer.observing = True
        forward = tf.function(lambda x: self._model(_dequantized(x, self._spec), training=False))
        seen = 0
        while seen < batches:
            for batch in feed.epoch(self.index, 1_000_000 + seen):
                forward(batch.features)
                seen += 1
                if seen >= batches:
                    break
        for layer in ranges:
            layer.observing = False
        load_weights(self._shadow, weights_of(self._model))
        return weights_of(self._model)

    def resume(self, state: TrainingState) -> None:
        """Take up the variables, averages and optimizer of an unfinished phase."""
        load_weights(self._model, state.current, random_state=True)
        load_weights(self._shadow, state.average)
        for index, variable in enumerate(self._optimizer.variables):
            variable.assign(state.optimizer[str(index)])

    def run(
        self,
        feed: Feed,
        validation: tuple[NDArray[np.int8], NDArray[np.int64]],
        state: TrainingState,
        state_path: Path,
        report: Reporter,
    ) -> None:
        """Train the epochs that `state` does not have yet, saving it to `state_path` after each."""
        total = self.epochs * feed.steps
        for epoch in range(state.epochs_done(self.name), self.epochs):
            started = time.perf_counter()
            losses, accuracies = [], []
            for step, batch in enumerate(feed.epoch(self.index, epoch)):
                done = epoch * feed.steps + step
                rate = cosine_schedule(done, total, self._peak, warmup=min(total // 10, 2 * feed.steps))
                self._optimizer.learning_rate.assign(rate)
                decay = min(self._settings.weight_average, (1 + done) / (10 + done))
                loss, accuracy = self._step(_tensors(batch), tf.constant(decay, tf.float32))
                losses.append(float(loss))
                accuracies.append(float(accuracy))
                report(EpochReport(self.name, epoch, self.epochs, step + 1, feed.steps, losses[-1]))
            trained_s = time.perf_counter() - started
            validation_loss, validation_accuracy = self.validate(*validation)
            row: dict[str, Any] = {
                "phase": self.name,
                "epoch": epoch,
                "learning_rate": rate,
                "train_loss": float(np.mean(losses)),
                "train_accuracy": float(np.mean(accuracies)),
                "validation_loss": validation_loss,
                "validation_accuracy": validation_accuracy,
                "seconds": round(time.perf_counter() - started, 2),
                "data_wait_share": round(feed.waited_s / trained_s, 4),
            }
            if validation_accuracy >= state.best_accuracy.get(self.name, -1.0):
                state.best_accuracy[self.name] = validation_accuracy
                state.best[self.name] = weights_of(self._shadow)
            state.history.append(row)
            state.current, state.average = weights_of(self._model, random_state=True), weights_of(self._shadow)
            state.optimizer = {str(i): v.numpy() for i, v in enumerate(self._optimizer.variables)}
            state.save(state_path)
            report(EpochReport(self.name, epoch, self.epochs, feed.steps, feed.steps, row["train_loss"], row))
