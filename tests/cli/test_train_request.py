"""What a training is asked for, by `--preset`, `--config` and options; what is wrong is found before it begins."""

from __future__ import annotations

import pytest

from kws_edge.cli import main
from kws_edge.cli.train import _request, resumable
from kws_edge.errors import BundleError, SettingsError
from kws_edge.training.request import work_folder


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
    narrow, preset = request("ds_resnet-S", options={"stem_width": 8}), request("ds_resnet-S")
    assert narrow.model.options == {**preset.model.options, "stem_width": 8} != preset.model.options
    assert request("tc_resnet14", options={"width": 1.5}).model.options == {"depth": 14, "width": 1.5}


def test_options_of_one_network_are_not_anothers(tmp_path):
    config = tmp_path / "own.toml"
    config.write_text("[model]\narch = 'tc_resnet'\noptions = {depth = 14, kernel = 5}\n")
    assert request(None, config, options={"kernel": 7}).model.options == {"depth": 14, "kernel": 7}
    assert request(None, config, arch="ds_cnn").model.options == {}
    assert request(None, config, arch="ds_cnn", options={"width": 8}).model.options == {"width": 8}
    config.write_text("[model]\noptions = {width = 24}\n")
    assert request(None, config, arch="ds_cnn").model.options == {"width": 24}
    assert request(None, config, arch="sparknet").model.options == {"width": 24}
    config.write_text("[model]\noptions = 3\n")
    with pytest.raises(SettingsError, match="options = 3; expected a table"):
        request(None, config)


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


def test_a_preset_beside_the_networks_name_in_the_file_is_refused(tmp_path):
    config = tmp_path / "own.toml"
    config.write_text("[model]\narch = 'ds_cnn'\n")
    with pytest.raises(SettingsError, match="--preset ds_resnet-S and arch = ds_cnn both name a network"):
        request("ds_resnet-S", config)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("training = 3", r"own\.toml: training = 3; expected a table"),
        ("model = 3", r"own\.toml: model = 3; expected a table"),
        ("epochs = 3", r"own\.toml: epochs = 3 stands in no table; known tables: features, corpus"),
        ("[trainig]\nepochs = 3", r"own\.toml: unknown table \[trainig\]; did you mean \[training\]"),
        ("[model]\noptions = {kernles = 5}", r"options of ds_\w+: unknown key 'kernles'"),
        ("[detection]\nthresholds = {lamp = 0.5}", "thresholds.lamp: the model has no such keyword; it has yes, no"),
    ],
)
@pytest.mark.parametrize("preset", [None, "ds_resnet-S"])
def test_a_mistake_in_the_file_is_found_before_the_training(preset, toml, message, tmp_path):
    config = tmp_path / "own.toml"
    config.write_text(toml)
    with pytest.raises(SettingsError, match=message):
        request(preset, config)


def test_a_teacher_that_is_none_is_found_before_the_recordings_are_read(tmp_path):
    flags = {"features": {}, "corpus": {}, "training": {}, "model": {}}
    with pytest.raises(BundleError, match="gone is no bundle: it does not exist"):
        _request(None, None, flags, True, (tmp_path / "gone",))


def test_restart_keeps_the_old_state_until_a_new_training_has_begun(tmp_path, capsys):
    """A mistyped folder of recordings must not cost the hours that were trained."""
    state = work_folder(tmp_path / "bundle") / "state.npz"
    state.parent.mkdir()
    state.touch()
    with pytest.raises(SystemExit, match="2"):
        main(["train", "-o", str(tmp_path / "bundle"), "--data", str(tmp_path / "typo"), "--restart"])
    assert "typo: no such folder" in capsys.readouterr().err
    assert state.exists()


def test_without_an_interrupted_training_nothing_is_read_to_find_that_out(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["train", "-o", str(tmp_path / "bundle"), "--data", str(tmp_path / "typo"), "--resume"])
    assert "there is no interrupted training to resume" in capsys.readouterr().err


@pytest.mark.parametrize("begun", [True, False])
def test_ctrl_c_says_how_to_go_on_if_there_is_something_to_go_on_with(begun, tmp_path, capsys):
    if begun:
        work_folder(tmp_path / "bundle").mkdir()
        (work_folder(tmp_path / "bundle") / "state.npz").touch()
    with pytest.raises(KeyboardInterrupt), resumable(tmp_path / "bundle"):
        raise KeyboardInterrupt
    assert ("--resume" in capsys.readouterr().err) == begun


def test_the_folder_that_one_is_in_is_no_output(tmp_path, monkeypatch, capsys):
    """When it is done, a training of `-o . --force` would find its state there, and so no empty folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["train", "-o", ".", "--force", "--data", str(tmp_path / "typo")])
    assert "cannot write .: it is replaced whole, and you are in it" in capsys.readouterr().err
