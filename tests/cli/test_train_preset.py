"""`train --preset` brings a network with the front end that it is used with; whatever else is said wins."""

from __future__ import annotations

import pytest

from kws_edge.cli.train import _request
from kws_edge.errors import SettingsError


def request(preset, config=None, **model):
    flags = {"features": {}, "corpus": {}, "training": {}, "model": {"arch": None, "options": None, **model}}
    return _request(config, preset, flags, True, ())


def test_a_preset_brings_network_and_front_end():
    made = request("ds_resnet-S")
    assert made.model.arch == "ds_resnet"
    assert made.model.options["widths"] == [32] * 7
    assert (made.features.mel_bands, made.features.coefficients) == (40, 28)


def test_a_preset_named_like_its_family_is_the_preset():
    assert request("sparknet").model.options == {}
    assert request("sparknet").features.window_stride_ms == 10.0


def test_the_configuration_has_the_last_word(tmp_path):
    config = tmp_path / "own.toml"
    config.write_text("[features]\ncoefficients = 20\n")
    made = request("ds_resnet-S", config)
    assert (made.features.mel_bands, made.features.coefficients) == (40, 20)
    assert request("ds_resnet-S", options={"widths": [8]}).model.options == {"widths": [8]}


@pytest.mark.parametrize(
    ("preset", "model", "message"),
    [
        ("tc_resnet", {}, "tc_resnet is a family; name one of its presets, such as tc_resnet8"),
        ("nothing", {}, "no model 'nothing'"),
        ("ds_resnet-S", {"arch": "ds_cnn"}, "both name a network"),
    ],
)
def test_what_names_no_single_network_is_refused(preset, model, message):
    with pytest.raises(SettingsError, match=message):
        request(preset, **model)
