"""A model's operators are named after its layers, it can be cut after any of them, and its least costs are counted."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from kws_edge.errors import ConversionError
from kws_edge.runtime import open_interpreter
from kws_edge.runtime.operators import _LAYER, cut_after, least_costs, operators
from kws_edge.spec import FeatureSpec
from kws_edge.tflite_file import summarize

sys.path.append(str(Path(__file__).parents[1] / "firmware"))
from small_firmware import LABELS, small_model


@pytest.fixture(scope="module")
def model() -> bytes:
    """Convolution to 8 channels, average over all, 1x1 convolution to 4 labels, reshape."""
    return small_model(FeatureSpec())[0]


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("functional_4_1/convolution_1_1/Relu;functional_4_1/convolution_1_1/add", "convolution_1"),
        ("functional_1/average_pool_12/AvgPool2D", "average_pool_12"),
        ("model_2/depthwise_10_1/Relu", "depthwise_10"),
    ],
)
def test_a_layer_is_found_in_the_name_of_its_output(tensor: str, layer: str) -> None:
    found = _LAYER.search(tensor)
    assert found is not None
    assert found[1] == layer


def test_operators_without_a_layer_are_named_by_kind_and_number(model: bytes) -> None:
    found = operators(model)
    assert [info.kind for info in found] == ["CONV_2D", "AVERAGE_POOL_2D", "CONV_2D", "RESHAPE"]
    assert [info.name for info in found] == ["conv_2d_0", "average_pool_2d_1", "conv_2d_2", "reshape_3"]
    assert found[-1].output == summarize(model).output


def test_a_cut_model_gives_what_the_whole_one_holds_there(model: bytes) -> None:
    spec = FeatureSpec()
    rows = np.random.default_rng(0).integers(-128, 128, (5, *spec.shape)).astype(np.int8)
    whole = open_interpreter("litert_reference", model).run(rows)
    parts = [open_interpreter("litert_reference", cut_after(model, number)).run(rows) for number in range(4)]
    assert [part.shape[1] for part in parts] == [np.prod(info.output.shape) for info in operators(model)]
    assert (parts[3] == whole).all()
    assert (parts[2] == whole).all()
    # the pool's output is the mean of the convolution's
    means = parts[0].reshape(5, -1, 8).mean(axis=1)
    assert np.abs(means - parts[1]).max() <= 0.5 + 1e-6
    assert len(np.unique(parts[0])) > 20


def test_least_costs_are_counted_from_shapes_alone(model: bytes) -> None:
    least = least_costs(model)
    convolution, _, classifier, _ = operators(model)
    kernel = 5 * 3 * 1
    pixels = int(np.prod(convolution.output.shape)) // 8
    assert least.multiply_accumulates == pixels * 8 * kernel + 8 * len(LABELS)
    assert least.activation_bytes == pixels * 8
    # weights and biases, and the shape that the reshape reads
    assert least.constant_bytes == 8 * kernel + 8 * 4 + 8 * len(LABELS) + 4 * len(LABELS) + 2 * 4
    assert classifier.output.shape[-1] == len(LABELS)


def test_a_damaged_model_is_refused(model: bytes) -> None:
    with pytest.raises(ConversionError):
        operators(model[:100])
    with pytest.raises(ConversionError, match="no TFLite model"):
        operators(b"nothing at all")
