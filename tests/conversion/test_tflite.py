"""What is converted is full int8, on the spec's grid, and computes in TFLM what Keras trained."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
import keras  # noqa: E402  # after the check for TensorFlow

from kws_edge.conversion import check_int8, convert_float, convert_int8  # noqa: E402
from kws_edge.errors import ConversionError  # noqa: E402
from kws_edge.models.network import Network, load_weights, weights_of  # noqa: E402
from kws_edge.runtime import open_interpreter  # noqa: E402
from kws_edge.spec import FeatureSpec  # noqa: E402

pytestmark = pytest.mark.slow
SPEC = FeatureSpec(scale=1 / 32, zero_point=3)
LABELS = 6


def network_in(form):
    """A residual add, a concatenation and both pools."""
    network = Network(SPEC, LABELS, form)
    x = network.convolution(network.input, 16, (10, 4), strides=2)
    x = network.add(x, network.convolution(network.depthwise(x, 3), 16, 1, relu=False))
    x = network.pool(x, "max", 2)
    left = network.convolution(x, 8, 1, into_concatenation=True)
    right = network.convolution(x, 8, 3, into_concatenation=True)
    x = network.concatenate([left, right])
    return network.model(network.classifier(network.global_average_pool(network.pool(x, "average", (2, 1)))))


def observe(model, values):
    """Let the activation ranges see some data before they are learned."""
    ranges = [layer for layer in model._flatten_layers() if hasattr(layer, "observing")]
    for observing in (True, False):
        for layer in ranges:
            layer.observing = observing
        for start in range(0, 1200 if observing else 0, 10):
            model(values[start : start + 100])


@pytest.fixture(scope="module")
def trained():
    """`(features int8[n, 49, 10], quantized Keras model)` after quantization-aware training on six patterns."""
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    labels = rng.integers(0, LABELS, 1200)
    patterns = rng.normal(0, 30, (LABELS, *SPEC.shape))
    features = np.clip(np.rint(patterns[labels] + rng.normal(0, 40, (1200, *SPEC.shape))), -128, 127).astype(np.int8)
    values = (features.astype(np.float32)[..., np.newaxis] - SPEC.zero_point) * SPEC.scale
    weights = None
    for form in ("float", "quantized"):
        model = network_in(form)
        if weights:
            load_weights(model, weights)
            observe(model, values)
        model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(values, labels, batch_size=50, epochs=8, verbose=0)
        weights = weights_of(model)
    return features, labels, model


@pytest.fixture(scope="module")
def int8_model(trained):
    features, _, model = trained
    export = network_in("int8_export")
    load_weights(export, weights_of(model))
    return convert_int8(export, features, SPEC)


def test_the_trained_network_has_learned_something(trained):
    features, labels, model = trained
    values = (features.astype(np.float32)[..., np.newaxis] - SPEC.zero_point) * SPEC.scale
    assert (model.predict(values, verbose=0).argmax(1) == labels).mean() > 0.8


def test_tflm_and_the_reference_kernels_agree_on_every_output(trained, int8_model, package):
    package("tflite_micro", "pip install tflite-micro")
    outputs = [open_interpreter(name, int8_model).run(trained[0]) for name in ("tflm", "litert_reference")]
    assert len(np.unique(outputs[0], axis=0)) > 1000
    np.testing.assert_array_equal(*outputs)


def test_keras_and_the_int8_kernels_choose_the_same_labels(trained, int8_model):
    features, _, model = trained
    interpreter = open_interpreter("litert_reference", int8_model)
    values = (features.astype(np.float32)[..., np.newaxis] - SPEC.zero_point) * SPEC.scale
    keras_q = np.rint(model.predict(values, verbose=0) / interpreter.output.scale) + interpreter.output.zero_point
    difference = np.abs(keras_q - interpreter.run(features))
    assert difference.max() <= 4
    assert (difference > 1).mean() < 0.06  # an average of two ends in a half, which Keras and TFLM round differently
    assert (keras_q.argmax(1) == interpreter.run(features).argmax(1)).mean() >= 0.995


def test_the_graph_has_no_op_that_only_requantizes(int8_model):
    ops = check_int8(int8_model, SPEC)
    assert set(ops) == {
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "ADD",
        "MAX_POOL_2D",
        "CONCATENATION",
        "AVERAGE_POOL_2D",
        "RESHAPE",
    }


def test_the_float_model_computes_what_keras_does(trained):
    features, _, model = trained
    values = (features.astype(np.float32) - SPEC.zero_point) * np.float32(SPEC.scale)
    plain, export = network_in("float"), network_in("float_export")
    for other in (plain, export):
        load_weights(other, weights_of(model))
    outputs = open_interpreter("litert_xnnpack", convert_float(export)).run(values[:50])
    np.testing.assert_allclose(outputs, plain.predict(values[:50, ..., np.newaxis], verbose=0), atol=1e-3)


def test_an_input_grid_that_is_not_the_front_ends_is_refused(int8_model):
    with pytest.raises(ConversionError, match="grid"):
        check_int8(int8_model, FeatureSpec(scale=1 / 16, zero_point=3))
    with pytest.raises(ConversionError, match="grid"):
        check_int8(int8_model, FeatureSpec(scale=1 / 32, zero_point=4))


def test_an_input_shape_that_is_not_the_front_ends_is_refused(int8_model):
    with pytest.raises(ConversionError, match="49, 12"):
        check_int8(int8_model, FeatureSpec(scale=1 / 32, zero_point=3, coefficients=12))


def test_a_float_model_is_refused(trained):
    export = network_in("float_export")
    load_weights(export, weights_of(trained[2]))
    with pytest.raises(ConversionError, match="float32"):
        check_int8(convert_float(export), SPEC)


def test_an_op_that_the_firmware_lacks_is_refused(trained):
    features = trained[0]
    inputs = keras.Input((*SPEC.shape, 1))
    low, high = (-128 - SPEC.zero_point) * SPEC.scale, (127 - SPEC.zero_point) * SPEC.scale

    def strange(x):
        x = tf.quantization.fake_quant_with_min_max_args(x, low, high)
        return tf.quantization.fake_quant_with_min_max_args(tf.transpose(x, [0, 2, 1, 3]), low, high)

    model = keras.Model(inputs, keras.layers.Lambda(strange)(inputs))
    with pytest.raises(ConversionError, match="TRANSPOSE"):
        convert_int8(model, features, SPEC)
