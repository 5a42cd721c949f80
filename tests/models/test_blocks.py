"""A block is one thing in four forms: the same variables, and each form computes what the next one rounds."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from kws_edge.models.network import Network, load_weights, weights_of  # noqa: E402  # after the check for TensorFlow
from kws_edge.spec import FeatureSpec  # noqa: E402

SPEC = FeatureSpec(scale=1 / 32)
LABELS = 5


def small_network(form, **options):
    """Every block once: residual add, concatenation, both pools, dropout."""
    network = Network(SPEC, LABELS, form, **options)
    x = network.convolution(network.input, 8, (10, 4), strides=2)
    x = network.add(x, network.convolution(network.depthwise(x, 3), 8, 1, relu=False))
    x = network.pool(x, "max", 2)
    left = network.convolution(x, 4, 1, into_concatenation=True)
    right = network.convolution(x, 4, 3, into_concatenation=True)
    x = network.concatenate([left, right])
    x = network.global_average_pool(network.pool(x, "average", (2, 1)))
    return network.model(network.classifier(network.dropout(x, 0.2)))


def on_grid(rng):
    """float32 [16, 49, 10, 1] on the int8 grid of the spec."""
    return (rng.integers(-128, 128, (16, *SPEC.shape, 1)) * SPEC.scale).astype(np.float32)


@pytest.fixture(scope="module")
def trained():
    """A float network with statistics and parameters away from their initial values."""
    keras.utils.set_random_seed(1)
    model = small_network("float")
    rng = np.random.default_rng(1)
    weights = weights_of(model)
    for path, value in weights.items():
        if path.endswith(("gamma", "variance")):
            weights[path] = rng.uniform(0.5, 2.0, value.shape).astype(np.float32)
        elif path.endswith(("beta", "mean")):
            weights[path] = rng.normal(0, 0.3, value.shape).astype(np.float32)
    observer = small_network("quantized")
    load_weights(observer, weights)
    for layer in observer._flatten_layers():
        layer.observing = True
    for _ in range(300):
        observer(on_grid(rng))
    load_weights(model, weights_of(observer))
    return model


@pytest.fixture(scope="module")
def inputs():
    return on_grid(np.random.default_rng(2))


def output_step(trained):
    """Value of one int8 step of the logits."""
    ends = {path: value for path, value in weights_of(trained).items() if path.startswith("convolution_5/range")}
    return (ends["convolution_5/range/maximum"] - ends["convolution_5/range/minimum"]) / 255


def in_form(form, trained):
    model = small_network(form)
    load_weights(model, weights_of(trained))
    return model


@pytest.mark.parametrize("form", ["quantized", "float_export", "int8_export"])
def test_all_forms_have_the_same_variables(form, trained):
    shapes = {path: value.shape for path, value in weights_of(trained).items()}
    assert {path: value.shape for path, value in weights_of(small_network(form)).items()} == shapes


def test_float_inference_folds_batch_norm_with_its_moving_statistics(inputs):
    network = Network(SPEC, LABELS, "float")
    model = network.model(network.convolution(network.input, 8, 3, relu=False))
    weights = weights_of(model)
    rng = np.random.default_rng(3)
    for name in ("gamma", "beta", "mean", "variance"):
        weights[f"convolution_1/{name}"] = rng.uniform(0.5, 2, 8).astype(np.float32)
    load_weights(model, weights)
    part = {path.split("/")[1]: value for path, value in weights.items()}
    plain = np.asarray(tf.nn.conv2d(inputs, part["kernel"], 1, "SAME"))
    expected = part["gamma"] * (plain - part["mean"]) / np.sqrt(part["variance"] + 1e-3) + part["beta"]
    np.testing.assert_allclose(np.asarray(model(inputs)), expected, rtol=1e-4, atol=1e-4)


def test_training_moves_the_statistics_towards_those_of_the_batch(inputs):
    network = Network(SPEC, LABELS, "float")
    model = network.model(network.convolution(network.input, 8, 3, relu=False))
    plain = np.asarray(tf.nn.conv2d(inputs, weights_of(model)["convolution_1/kernel"], 1, "SAME"))
    for _ in range(400):
        model(inputs, training=True)
    np.testing.assert_allclose(
        weights_of(model)["convolution_1/mean"], plain.mean(axis=(0, 1, 2)), rtol=1e-2, atol=1e-3
    )
    np.testing.assert_allclose(weights_of(model)["convolution_1/variance"], plain.var(axis=(0, 1, 2)), rtol=1e-2)


def test_the_quantized_form_is_near_the_float_one_and_on_its_grid(trained, inputs):
    exact, rounded = (np.asarray(in_form(form, trained)(inputs)) for form in ("float", "quantized"))
    step = output_step(trained)
    assert 0 < np.abs(exact - rounded).max() < 12 * step
    np.testing.assert_allclose(rounded / step, np.rint(rounded / step), atol=1e-3)


@pytest.mark.parametrize(("form", "export"), [("float", "float_export"), ("quantized", "int8_export")])
def test_exported_constants_compute_what_the_variables_did(form, export, trained, inputs):
    exported = np.asarray(tf.function(in_form(export, trained))(inputs))
    # where a value lies on the border of two steps, the order of additions decides
    border = output_step(trained) if form == "quantized" else 0.0
    np.testing.assert_allclose(exported, np.asarray(in_form(form, trained)(inputs)), atol=1e-4 + 1.01 * border)


def test_quantized_kernels_use_255_levels_of_their_own_channel(trained):
    layer = in_form("quantized", trained).get_layer("convolution_1")
    kernel = np.asarray(layer._quantized()[0])
    steps = np.abs(kernel).max(axis=(0, 1, 2)) / 127
    assert len(set(steps)) == 8
    np.testing.assert_allclose(kernel / steps, np.rint(kernel / steps), atol=1e-3)


def test_learned_ranges_get_gradients_and_followed_ones_do_not(inputs):
    for learned in (True, False):
        model = small_network("quantized", learned_ranges=learned)
        paths = {variable.path for variable in model.trainable_variables}
        assert ("convolution_1/range/maximum" in paths) is learned
        before = weights_of(model)["convolution_1/range/maximum"]
        model(inputs * 3, training=True)
        moved = weights_of(model)["convolution_1/range/maximum"] != before
        assert moved is not np.bool_(learned)
