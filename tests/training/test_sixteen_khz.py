"""The sample rate is a setting: 16 kHz goes the whole way to a verified bundle, with TensorBoard beside it."""

from __future__ import annotations

import json

import pytest

from kws_edge.bundle import read_bundle

pytestmark = pytest.mark.slow


def test_a_16_khz_model_trains_and_verifies(tones, tmp_path, monkeypatch, capsys, package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    package("tensorboard", "pip install 'kws-edge[tensorboard]'")
    from kws_edge.cli import main

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    output, board = tmp_path / "bundle", tmp_path / "board"
    settings = tmp_path / "settings.toml"
    settings.write_text("[corpus]\nkeywords = ['low', 'middle', 'high']\n[model]\noptions = {width = 8, blocks = 1}\n")
    arguments = [
        "train",
        "--data",
        tones.folder,
        "--sample-rate",
        16000,
        "--config",
        settings,
        "--epochs",
        6,
        "-o",
        output,
    ]
    arguments += ["--batch-size", 20, "--learning-rate", 0.01, "--tensorboard", board, "--json"]
    with pytest.raises(SystemExit) as done:
        main(list(map(str, arguments)))
    assert done.value.code in (0, None)
    assert json.loads(capsys.readouterr().out)["int8_bytes"] == len(read_bundle(output).int8_model)
    assert read_bundle(output).features.clip_samples == 16000
    assert list(board.rglob("events.*"))
    with pytest.raises(SystemExit) as verified:
        main(["verify", str(output), "--data", str(tones.folder), "--json", "--max-drop-points", "10"])
    report = json.loads(capsys.readouterr().out)
    assert report["lsb"]["tflm"]["litert_reference"] == 0
    assert verified.value.code in (0, None)
