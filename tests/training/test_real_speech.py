"""The main job on real recordings, in small: what a short training must already reach."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from kws_edge.bundle import read_bundle

pytestmark = pytest.mark.slow


def kws_edge(*arguments):
    """One verb in a process of its own."""
    command = [sys.executable, "-c", "from kws_edge.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)


@pytest.fixture(scope="module")
def bundle(speech_commands, tmp_path_factory, package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    output = tmp_path_factory.mktemp("real") / "bundle"
    trained = kws_edge("train", "--data", speech_commands, "--qat", "--epochs", 6, "--qat-epochs", 2, "-o", output)
    assert trained.returncode == 0, trained.stderr
    return read_bundle(output)


def test_a_short_training_hears_most_words_and_int8_computes_what_was_trained(bundle, speech_commands):
    verified = kws_edge("verify", bundle.path, "--data", speech_commands, "--json")
    assert verified.returncode == 0, verified.stderr
    report = json.loads(verified.stdout)
    accuracy = {name: result["accuracy"] for name, result in report["interpreters"].items()}
    assert accuracy["tflm"] > 0.75
    assert accuracy["litert_float"] - accuracy["tflm"] <= 0.005
    assert report["lsb"]["tflm"]["litert_reference"] == 0
    assert report["agreement"]["keras_qat"]["tflm"] >= 0.99
    assert report["trained_on_this_data"]


def test_the_bundle_says_how_it_was_made(bundle):
    rows = bundle.files["history.csv"].decode().splitlines()
    assert len(rows) == 1 + 6 + 2
    assert bundle.files["history.png"].startswith(b"\x89PNG")
    assert bundle.features.scale == 1 / 32
    assert len(bundle.features.mean) == bundle.features.columns
    assert "--qat" in bundle.provenance.command
    assert bundle.metrics["data_wait_share"] < 0.5
