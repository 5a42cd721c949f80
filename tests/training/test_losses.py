"""The losses are what their formulas say, also where a probability rounds to 0 or 1."""

from __future__ import annotations

import numpy as np
import pytest

from kws_edge.spec import FeatureSpec, ModelSettings, TrainingSettings

LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [60.0, -60.0, 0.0]])
TARGETS = np.array([[1.0, 0.0, 0.0], [0.1, 0.1, 0.8], [0.0, 1.0, 0.0]])


@pytest.fixture
def loss(package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    import tensorflow as tf

    from kws_edge.models import build_model
    from kws_edge.training.phase import Phase

    def compute(name):
        settings, spec = TrainingSettings(loss=name), FeatureSpec()
        options = ModelSettings(arch="ds_cnn", options={"width": 4, "blocks": 1})
        networks = [build_model(options, spec, 3, "float") for _ in range(2)]
        phase = Phase("float", 0, *networks, epochs=1, learning_rate=0.1, settings=settings, spec=spec)
        logits = tf.Variable(LOGITS, dtype=tf.float32)
        with tf.GradientTape() as tape:
            value = phase._loss(tf.constant(TARGETS, tf.float32), logits)
        return value.numpy(), tape.gradient(value, logits).numpy()

    return compute


def test_cross_entropy(loss):
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    value, gradient = loss("cross_entropy")
    np.testing.assert_allclose(value, -(TARGETS * np.log(probabilities)).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(gradient, probabilities - TARGETS, atol=1e-6)


def test_binary_cross_entropy_of_every_probability(loss):
    exact = np.exp(LOGITS.astype(np.longdouble))
    total = exact.sum(axis=1, keepdims=True)
    probabilities = exact / total
    rest = np.array([[row[np.arange(3) != own].sum() for own in range(3)] for row in exact]) / total
    expected = -(TARGETS * np.log(probabilities) + (1 - TARGETS) * np.log(rest)).mean(axis=1)
    value, gradient = loss("binary_cross_entropy")
    np.testing.assert_allclose(value, expected.astype(float), rtol=1e-4)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[0]).max() > 0.01
