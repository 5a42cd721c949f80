"""`calibrate --set` changes the detector of a bundle that is trained, and nothing else of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kws_edge.bundle import Bundle, BundleContents, Provenance, read_bundle, write_bundle, write_calibrated
from kws_edge.cli import main
from kws_edge.spec import (
    AugmentationSettings,
    CorpusSettings,
    DetectionSettings,
    FeatureSpec,
    ModelSettings,
    TrainingSettings,
)


@pytest.fixture
def calibrated(tmp_path: Path) -> Bundle:
    """A bundle whose settings were measured once; its models are never run here."""
    contents = BundleContents(
        quantization_aware=True,
        features=FeatureSpec(),
        corpus=CorpusSettings(keywords=("lamp", "fan")),
        augmentation=AugmentationSettings(),
        model=ModelSettings(),
        training=TrainingSettings(),
        detection=DetectionSettings(),
        provenance=Provenance.of_this_run(seed=0, data_hash="ab" * 32, command="kws-edge train -o b"),
        int8_model=b"int8",
        float_model=b"float",
        weights=b"weights",
        metrics={"int8": {"accuracy": 0.93}},
        history_csv="epoch,loss\n1,0.5\n",
        history_png=b"\x89PNG",
    )
    bundle = write_bundle(tmp_path / "b", contents)
    own = DetectionSettings(threshold=0.7, thresholds={"fan": 0.9}, refractory_ms=700)
    return write_calibrated(bundle.path, bundle, own, command="kws-edge calibrate b", measured={"hours": 2.0})


def calibrate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws_edge", "calibrate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_set_is_set_and_the_rest_stays(calibrated: Bundle, tmp_path: Path) -> None:
    assigned = ("--set", "threshold=0.8", "--set", "thresholds.lamp=0.6", "--set", "inference_stride_ms=200")
    done = calibrate(calibrated.path, *assigned, "-o", tmp_path / "other", "--json")
    assert done.returncode == 0, done.stderr
    other = read_bundle(tmp_path / "other")
    assert other.detection == DetectionSettings(
        threshold=0.8, thresholds={"fan": 0.9, "lamp": 0.6}, inference_stride_ms=200.0, refractory_ms=700
    )
    assert json.loads(done.stdout)["settings"]["thresholds"] == other.detection.thresholds
    assert other.metrics == {"int8": {"accuracy": 0.93}}, "what was measured with other settings is gone"
    assert other.provenance.calibration is not None and "--set threshold=0.8" in other.provenance.calibration
    assert read_bundle(calibrated.path) == calibrated
    assert calibrate(calibrated.path, "--set", "thresholds={}").stdout.endswith("refractory 700 ms\n")
    assert read_bundle(calibrated.path).detection == DetectionSettings(threshold=0.7, refractory_ms=700)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say either --false-accepts-per-hour N"),
        (("--set", "threshold=0.8", "--false-accepts-per-hour", "0"), "say either --false-accepts-per-hour N"),
        (("--set", "threshold=0.8", "--hours", "2"), "--hours does nothing without --false-accepts-per-hour"),
        (("--set", "threshold=0,8"), "--set threshold=0,8: write NAME=VALUE, such as threshold=0.8"),
        (("--set", "thresholds.turn left=0.7"), 'thresholds."turn left"=0.7'),
        (("--set", "threshold=0.8", "--set", "threshold=0.9"), "--set: not valid TOML"),
        (("--set", "threshold=2"), "threshold = 2.0; use above 0 to 1"),
        (("--set", "treshold=0.8"), "did you mean 'threshold'?"),
        (("--set", "thresholds.door=0.8"), "the model has no such keyword; it has lamp, fan"),
        (("--set", "thresholds=1"), "thresholds = 1; expected a table"),
    ],
)
def test_what_cannot_be_set_is_one_line_and_changes_nothing(
    calibrated: Bundle, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["calibrate", str(calibrated.path), *arguments])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert read_bundle(calibrated.path) == calibrated
