"""verify --stream, calibrate and listen on a real bundle, each as its user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from firmware_export.trial.host_spotter import HostSpotter
from kws_edge.bundle import Bundle, read_bundle, write_calibrated
from kws_edge.cli.firmware import firmware_of
from kws_edge.corpus import Corpus
from kws_edge.corpus.streams import StreamSettings, make_stream
from kws_edge.runtime.oracle import open_oracle
from kws_edge.runtime.streaming import StreamingSpotter, open_fastest
from kws_edge.spec import DetectionSettings

pytestmark = pytest.mark.slow

RATE = 8000


def kws_edge(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "kws_edge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, input=given)


@pytest.fixture(autouse=True)
def gcc(tool: Callable[[str, str], str], package: Callable[[str, str], None]) -> None:
    tool("gcc", "apt-get install --no-install-recommends gcc libc6-dev")
    package("espeakng_loader", "pip install 'kws-edge[synth]'")


@pytest.fixture(scope="module")
def samples(tones: Corpus) -> np.ndarray:
    """Three minutes of words at any level over any background."""
    stream = make_stream(tones, "test", StreamSettings(hours=0.05, speech_share=0, noise_share=0))
    return np.concatenate(list(stream.chunks()))


@pytest.fixture(scope="module")
def eager(trained_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The trained bundle with settings that make many detections, right ones or wrong ones."""
    settings = DetectionSettings(smoothing_window=2, threshold=0.4, thresholds={"low": 0.35}, minimum_count=2)
    path = tmp_path_factory.mktemp("eager") / "bundle"
    return write_calibrated(path, trained_bundle, settings, command="by hand", measured={})


def test_listening_hears_what_the_compiled_spotter_hears(eager: Bundle, samples: np.ndarray, tmp_path: Path) -> None:
    """A file, a pipe and the C get the same samples, and give the same words at the same sample with the same score."""
    soundfile.write(tmp_path / "stream.wav", samples, RATE, subtype="PCM_16")
    from_file = kws_edge("listen", eager.path, "--wav", tmp_path / "stream.wav", "--json")
    assert from_file.returncode == 0, from_file.stderr
    from_pipe = kws_edge("listen", eager.path, "-", "--json", given=samples.astype("<i2").tobytes())
    assert from_pipe.stdout == from_file.stdout
    heard = [json.loads(line) for line in from_file.stdout.splitlines()]
    with HostSpotter(firmware_of(eager, "aot")) as spotter:
        for piece in np.array_split(samples, 7):
            spotter.push(piece)
        firmware = spotter.finish()
    assert len(heard) > 10 and len({row["label"] for row in heard}) > 1
    labels = eager.labels
    assert [(row["label"], row["end_sample"]) for row in heard] == [
        (labels[found.label], end) for found, end in zip(firmware.detections, firmware.end_samples, strict=True)
    ]
    assert [row["score"] for row in heard] == [found.probability for found in firmware.detections]
    plain = kws_edge("listen", eager.path, "--wav", tmp_path / "stream.wav").stdout.decode().splitlines()
    assert len(plain) == len(heard) and plain[0].split()[2] == heard[0]["label"]


def test_any_interpreter_that_equals_tflm_hears_the_same(eager: Bundle, samples: np.ndarray) -> None:
    part = samples[: 40 * RATE]
    fast = StreamingSpotter(eager, open_fastest(eager.int8_model))
    sure = StreamingSpotter(eager, open_oracle(eager.int8_model))
    assert fast.interpreter == "aot" != sure.interpreter
    expected = sure.push(part)
    assert [found for piece in np.array_split(part, 501) for found in fast.push(piece)] == expected != []
    assert fast.scores == sure.scores and sum(fast.scores.values()) == pytest.approx(1, abs=1e-3)


def test_wrong_requests_are_one_line(trained_bundle: Bundle, tmp_path: Path) -> None:
    listen, verify = ("listen", trained_bundle.path), ("verify", trained_bundle.path)
    for arguments, expected in (
        (listen, "say what to listen to"),
        ((*listen, "-", "--mic"), "say what to listen to"),
        ((*listen, "file.wav"), "say what to listen to"),
        ((*listen, "--wav", tmp_path / "none.wav"), "none.wav"),
        ((*listen, "--wav", tmp_path / "a.wav", "--rate", "16000"), "--rate"),
        ((*verify, "--negatives", tmp_path), "add --stream"),
    ):
        done = kws_edge(*arguments)
        assert done.returncode == 2, arguments
        assert expected in done.stderr.decode() and len(done.stderr.decode().strip().splitlines()) == 1


def test_verify_reports_a_stream_and_holds_the_spotter_against_python(
    trained_bundle: Bundle, tones: Corpus, tmp_path: Path
) -> None:
    stream = ("--stream", "--hours", "0.06", "--det-plot", tmp_path / "det.png")
    done = kws_edge("verify", trained_bundle.path, "--data", tones.folder, *stream, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    heard = report["stream"]
    assert heard["hours"] == pytest.approx(4 / 60) and heard["firmware_detections"] > 0
    assert heard["spoken"] == heard["hits"] + heard["misses"] == sum(k["spoken"] for k in heard["keywords"].values())
    assert heard["false_accepts"] == sum(scene["false_accepts"] for scene in heard["scenes"].values())
    assert heard["differences"] == [] and heard["audited_inferences"] > 5
    assert {check["name"]: check["passed"] for check in report["checks"]}["spotter_differs_from_python"] is True
    rates = [point["false_accepts_per_hour"] for point in heard["det"]]
    assert rates[0] > rates[-1]
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")


def test_calibrating_keeps_its_promise_or_changes_nothing(
    trained_bundle: Bundle, tones: Corpus, tmp_path: Path
) -> None:
    shutil.copytree(trained_bundle.path, tmp_path / "b")
    common = ("calibrate", tmp_path / "b", "--data", tones.folder, "--hours", "0.1")
    before = {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    refused = kws_edge(*common, "--false-accepts-per-hour", "0", "--miss-rate", "0.001")
    assert refused.returncode == 1
    assert "no setting has at most 0 false accepts an hour" in refused.stderr.decode()
    assert {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()} == before
    done = kws_edge(*common, "--false-accepts-per-hour", "60", "--miss-rate", "0.9", "--per-keyword", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["validation"]["false_accepts_per_hour"] <= 60
    assert report["testing"]["split"] == "test"
    after = read_bundle(tmp_path / "b")
    assert set(after.detection.thresholds) == {"low", "middle", "high"}
    assert after.provenance.calibration is not None and "calibrate" in after.provenance.calibration
    assert after.metrics["detection"]["validation"] == report["validation"]
    assert after.int8_model == trained_bundle.int8_model
    export = kws_edge("export", tmp_path / "b", "--engine", "aot", "-o", tmp_path / "firmware")
    assert export.returncode == 0, export.stderr
    config = next((tmp_path / "firmware").rglob("kws_config.c")).read_text()
    assert f"/* minimum_count */ {after.detection.minimum_count}u" in config
    for threshold in after.detection.thresholds.values():
        assert f"{int(threshold * 32768 + 0.5)}u" in config
