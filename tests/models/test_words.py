"""The words of `Network` that families are written in: gates, reshapes, dilation, sums that broadcast."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf  # after the check for TensorFlow

from kws_edge.models.network import Network, load_weights, weights_of
from kws_edge.spec import FeatureSpec

SPEC = FeatureSpec(scale=1 / 32)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(2)
    return (rng.integers(-128, 128, (6, *SPEC.shape, 1)) * SPEC.scale).astype(np.float32)


def gates(form):
    network = Network(SPEC, 3, form)
    x = network.columns_as_channels(network.input)
    x = network.convolution(x, 5, 1, relu=False, into_gate=True)
    return network.model(network.gate(x, noise=0.5))


def test_a_gate_is_a_line_between_shut_and_open(inputs):
    model = gates("float")
    weights = weights_of(model)
    folded = weights["convolution_1/kernel"][0, 0] / np.sqrt(1 + 1e-3)
    expected = np.clip(inputs[..., 0] @ folded + 0.5, 0, 1)
    outputs = np.asarray(model(inputs))[:, :, 0]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    assert {0.0, 1.0} < set(np.unique(outputs).tolist())
    quantized = gates("quantized")
    load_weights(quantized, weights)
    rounded = np.asarray(quantized(inputs))[:, :, 0]
    np.testing.assert_allclose(rounded * 255, np.rint(rounded * 255), atol=1e-3)
    assert np.abs(rounded - expected).max() < 0.05


def test_gates_are_noisy_in_float_training_alone(inputs):
    for form, noisy in (("float", True), ("quantized", False)):
        model = gates(form)
        # statistics move in the first form too, but batch statistics are the same for the same batch
        first, second = (np.asarray(model(inputs, training=True)) for _ in range(2))
        assert (np.abs(first - second).max() > 0.1) is np.bool_(noisy)
        np.testing.assert_array_equal(model(inputs), model(inputs))


def test_columns_become_channels_in_their_order(inputs):
    network = Network(SPEC, 3, "float")
    model = network.model(network.columns_as_channels(network.input))
    np.testing.assert_array_equal(np.asarray(model(inputs))[:, :, 0, :], inputs[..., 0])
    flat = Network(SPEC, 3, "float")
    np.testing.assert_array_equal(
        np.asarray(flat.model(flat.flatten(flat.input))(inputs)).reshape(6, -1), inputs.reshape(6, -1)
    )


def test_dilation_skips_frames(inputs):
    network = Network(SPEC, 3, "float")
    model = network.model(network.depthwise(network.input, (3, 1), dilation=(4, 1), relu=False))
    kernel = weights_of(model)["depthwise_1/kernel"][:, 0, 0, 0] / np.sqrt(1 + 1e-3)
    padded = np.pad(inputs[..., 0], ((0, 0), (4, 4), (0, 0)))
    frames = SPEC.frames
    expected = sum(kernel[tap] * padded[:, 4 * tap : 4 * tap + frames] for tap in range(3))
    np.testing.assert_allclose(np.asarray(model(inputs))[..., 0], expected, atol=1e-5)


def test_a_row_is_added_to_every_column(inputs):
    network = Network(SPEC, 3, "float")
    row = network.pool(network.input, "average", (1, SPEC.columns))
    model = network.model(network.add(network.input, row, relu=False))
    np.testing.assert_allclose(np.asarray(model(inputs)), inputs + tf.reduce_mean(inputs, 2, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("learned", [True, False])
def test_a_mean_leaves_the_range_of_what_it_is_a_mean_of(inputs, learned, monkeypatch):
    monkeypatch.setattr("kws_edge.models.blocks.RANGE_MOMENTUM", 0.0)
    network = Network(SPEC, 3, "quantized", learned_ranges=learned)
    x = network.convolution(network.input, 4, 3, relu=False)
    model = network.model(network.global_average_pool(x))
    layer = model.get_layer("convolution_1")
    layer.range.observing = learned
    model(inputs, training=True)
    layer.range.observing = False
    exact = np.asarray(layer._linear(inputs, False))
    np.testing.assert_allclose(float(layer.range.maximum), exact.max(), rtol=1e-5)
    np.testing.assert_allclose(float(layer.range.minimum), exact.min(), rtol=1e-5)
