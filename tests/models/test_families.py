"""Every family: one network in float and int8, the same integers in TFLM, LiteRT and the ahead-of-time engine."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from firmware_export.codegen.compiled import compile_network  # after the check for TensorFlow
from firmware_export.codegen.host import HostNetwork
from kws_edge.conversion import check_int8, convert_int8
from kws_edge.errors import SettingsError
from kws_edge.models import FAMILIES, blocks, build_model, family_module, preset_features
from kws_edge.models.network import load_weights, weights_of
from kws_edge.runtime import open_interpreter
from kws_edge.settings import from_mapping
from kws_edge.spec import FeatureSpec, ModelSettings

LABELS = 7
CLIPS = 200
# narrow variants on small features: every kind of block that the family has
CASES = {
    "ds_cnn": ({"size": "M", "width": 12, "blocks": 2}, {}),
    "sparknet": ({"width": 8, "gates": 12}, {}),
    "tc_resnet": ({"depth": 14, "width": 0.25}, {}),
    "bc_resnet": ({"width": 0.5}, {"coefficients": 20}),
    "ds_resnet": (
        {"stem_width": 8, "stem_pool": [2, 1], "widths": [8, 12], "blocks": [2, 2], "strides": [[1, 1], [2, 1]]}
        | {"kernels": [[3, 3], [5, 3]], "head_width": 16},
        {},
    ),
    "tiny_conv": ({"width": 4}, {}),
    "light_cnn": ({"widths": [2, 4, 6], "dense": 8}, {"coefficients": 26}),
    "wavception": ({"width": 0.25, "levels": 2, "stem_stride": 16, "dense": 12}, {"kind": "waveform"}),
}


class Forms:
    """One network of a family: its weights, and what its forms make of some clips."""

    def __init__(self, family, monkeypatch):
        import keras

        options, features = CASES[family]
        self.spec = FeatureSpec(scale=1 / 32, **features)
        self.settings = ModelSettings(arch=family, options=options)
        keras.utils.set_random_seed(3)
        rng = np.random.default_rng(3)
        # what a column is over a whole clip survives any mean over time: it tells clips apart to the last layer
        columns = rng.normal(0, 40, (CLIPS, 1, self.spec.columns))
        smooth = columns + rng.normal(0, 8, (CLIPS, *self.spec.shape)).cumsum(axis=1)
        self.features = np.clip(np.rint(smooth), -128, 127).astype(np.int8)
        self.values = self.features.astype(np.float32)[..., np.newaxis] * np.float32(self.spec.scale)
        # one batch says all of the statistics and the ranges
        monkeypatch.setattr(blocks, "MOMENTUM", 0.0)
        monkeypatch.setattr(blocks, "RANGE_MOMENTUM", 0.0)
        self.float = self.form("float")
        weights = weights_of(self.float)
        for path, value in weights.items():
            if path.endswith("gamma"):
                weights[path] = rng.uniform(0.7, 1.4, value.shape).astype(np.float32)
            elif path.endswith("beta"):
                weights[path] = rng.normal(0, 0.3, value.shape).astype(np.float32)
        load_weights(self.float, weights)
        self.float(self.values, training=True)
        quantized = self.form("quantized", weights_of(self.float))
        for observing in (True, False):
            for layer in quantized._flatten_layers():
                layer.observing = observing
            self.quantized = np.asarray(quantized(self.values))
        self.weights = weights_of(quantized)
        self.int8_model = convert_int8(self.form("int8_export", self.weights), self.features, self.spec)
        self.int8 = open_interpreter("litert_reference", self.int8_model)

    def form(self, form, weights=None):
        model = build_model(self.settings, self.spec, LABELS, form)
        if weights is not None:
            load_weights(model, weights)
        return model


@pytest.fixture(scope="module", params=FAMILIES)
def forms(request):
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Forms(request.param, monkeypatch)


@pytest.mark.slow
def test_float_and_quantized_are_one_network(forms):
    shapes = {path: value.shape for path, value in weights_of(forms.float).items()}
    assert {path: value.shape for path, value in forms.weights.items()} == shapes
    exact = np.asarray(forms.float(forms.values))
    assert exact.shape == (CLIPS, LABELS)
    # what tells one clip from another survives rounding, even in deep networks of random weights
    both = [(outputs - outputs.mean(axis=0)).ravel() for outputs in (exact, forms.quantized)]
    assert np.corrcoef(both)[0, 1] > 0.7


@pytest.mark.slow
def test_int8_computes_what_was_quantized_in_training(forms):
    check_int8(forms.int8_model, forms.spec)
    grid = forms.int8.output
    steps = np.rint(forms.quantized / grid.scale) + grid.zero_point
    difference = np.abs(np.clip(steps, -128, 127) - forms.int8.run(forms.features))
    # a half is rounded up by one and to even by the other, which fifty layers of random weights amplify
    assert difference.max() <= 20
    assert difference.mean() < 4


@pytest.mark.slow
def test_tflm_and_the_ahead_of_time_engine_equal_the_reference_on_every_output(forms, package):
    package("tflite_micro", "pip install tflite-micro")
    noise = np.random.default_rng(4).integers(-128, 128, forms.features.shape).astype(np.int8)
    clips = np.concatenate([forms.features[:60], noise[:60]])
    outputs = forms.int8.run(clips)
    assert len(np.unique(outputs, axis=0)) > 60
    np.testing.assert_array_equal(open_interpreter("tflm", forms.int8_model).run(clips), outputs)
    network = compile_network(forms.int8_model, source="family")
    for form in ("portable", "dsp"):
        with HostNetwork(network, form=form, flags=("-O0",)) as engine:
            np.testing.assert_array_equal(engine.run(clips), outputs)


@pytest.mark.parametrize("family", FAMILIES)
def test_presets_are_settings_that_their_family_and_the_front_end_take(family):
    module = family_module(family)
    assert module.PRESETS
    assert set(getattr(module, "PRESET_FEATURES", {})) <= set(module.PRESETS)
    for name, options in module.PRESETS.items():
        assert name.startswith(family)
        FeatureSpec(**preset_features(family, name))
        from_mapping(module.Settings, options, source=name)


@pytest.mark.parametrize(
    ("family", "options", "said"),
    [
        ("bc_resnet", {"first_strides": [2]}, r"first_strides = \[2\]; write \[frames, columns\]"),
        ("ds_cnn", {"blocks": -1}, "blocks = -1"),
        ("sparknet", {"noise": -1.0}, "noise = -1.0"),
        ("sparknet", {"gates": 0}, "convolution_8: 16 channels to 0"),
        ("tc_resnet", {"width": -1.0}, "width = -1.0"),
        ("tc_resnet", {"kernel": 0}, r"kernel \(0, 1\)"),
        ("tiny_conv", {"width": 0}, "channels to 0"),
        ("wavception", {"stem_stride": 0}, "stem_stride = 0"),
        ("wavception", {"width": 0.0}, "width = 0.0"),
    ],
)
def test_a_shape_that_is_none_is_refused_by_name(family, options, said):
    with pytest.raises(SettingsError, match=said):
        build_model(ModelSettings(arch=family, options=options), FeatureSpec(), LABELS, "float")


def test_generators_go_on_where_they_were_in_whichever_process():
    """Keras numbers generators through a process: an interrupted training may go on in one that built others before."""
    settings = ModelSettings(arch="tc_resnet", options={"width": 0.25})
    first, again = (build_model(settings, FeatureSpec(), LABELS, "float") for _ in range(2))
    saved = weights_of(first, random_state=True)
    states = [value for path, value in saved.items() if path not in weights_of(first)]
    assert len(states) == 1
    load_weights(again, saved, random_state=True)
    restored = weights_of(again, random_state=True)
    assert [value.tolist() for path, value in restored.items() if path not in weights_of(again)] == [
        value.tolist() for value in states
    ]
