"""`benchmarks/published.py`: the published parts compute what the papers say, and stand where they belong."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "published.py"


@pytest.fixture(scope="module")
def published(package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    spec = importlib.util.spec_from_file_location("benchmarks_published", BENCHMARK)
    sys.modules["benchmarks_published"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["benchmarks_published"]


def built(published, name):
    from kws_edge.models import build_model, preset_features
    from kws_edge.spec import FeatureSpec, ModelSettings

    preset, family, words = published.FORMS[name]
    with patch.multiple("kws_edge.models.network", **words):
        return build_model(ModelSettings(arch=family), FeatureSpec(**preset_features(family, preset)), 12, "float")


def test_each_group_of_frequencies_is_normalised_on_its_own(published):
    words = {"kernel": (1, 3), "depthwise": True, "batch_norm": True, "relu": False}
    layer = published.BcResNetConvolution("float", filters=3, **words)
    x = np.random.default_rng(0).normal(2, 3, (8, 7, 10, 3)).astype(np.float32)
    x *= np.arange(1, 11, dtype=np.float32)[:, None]  # each column louder than the one before
    y = np.asarray(layer(x, training=True)).reshape(8, 7, 5, 2, 3)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=(0, 1, 3)), 1, atol=1e-2)
    for _ in range(400):
        layer(x, training=True)
    np.testing.assert_allclose(np.asarray(layer(x, training=False)).reshape(y.shape), y, atol=0.02)


def test_the_published_bc_resnet_has_the_papers_parameters(published):
    model = built(published, "bc_resnet-1, as published")
    sizes = {variable.path: int(np.prod(variable.shape)) for variable in model.trainable_variables}
    # ours has a bias where the paper has none, and normalises behind the last depthwise convolution too
    biases = sum(n for path, n in sizes.items() if path.endswith("/beta") and f"{path[:-5]}/gamma" not in sizes)
    classifier, last_normalised = 12, 2 * 20
    assert sum(sizes.values()) - (biases - classifier) - last_normalised == 9232


def test_a_published_gate_bends_after_training_as_in_it(published):
    gate, line = published.SparkNetGate("float", noise=0.0), published.Gate("float", noise=0.0)
    x = np.linspace(-2, 2, 9, dtype=np.float32)
    np.testing.assert_allclose(gate(x), np.clip(np.tanh(x) + 0.5, 0, 1), atol=1e-6)
    np.testing.assert_allclose(line(x), np.clip(x + 0.5, 0, 1), rtol=1e-6)


def test_the_published_sparknet_normalises_behind_1x1_convolutions_alone(published):
    model = built(published, "sparknet, as published")
    for layer in model.layers:
        if isinstance(layer, published.SparkNetConvolution) and layer.name.startswith("depthwise"):
            assert not layer.batch_norm
    assert sum(getattr(layer, "batch_norm", False) for layer in model.layers) == 8
