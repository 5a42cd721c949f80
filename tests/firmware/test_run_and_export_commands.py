"""`kws-edge run` and `kws-edge export --engine` as their user meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_edge.bundle import Bundle
from kws_edge.corpus import Corpus
from kws_edge.corpus.audio import wav_bytes

pytestmark = pytest.mark.slow

APT_GET = "apt-get install --no-install-recommends"


def kws_edge(*arguments: str | Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) if path is None else {**os.environ, "PATH": path}
    command = [sys.executable, "-m", "kws_edge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def recording(tones: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    split = tones.split("test")
    low = split.clips[split.labels == tones.labels.index("low")][:2]
    quiet = np.random.default_rng(0).normal(scale=300, size=8000).astype(np.int16)
    path = tmp_path_factory.mktemp("wav") / "two words.wav"
    path.write_bytes(wav_bytes(np.concatenate([quiet, low[0], quiet, low[1], quiet]), 8000))
    return path


@pytest.fixture(autouse=True)
def gcc(tool: Callable[[str, str], str]) -> None:
    tool("gcc", f"{APT_GET} gcc libc6-dev")


def test_run_reports_everything_as_json(
    trained_bundle: Bundle, recording: Path, tool: Callable[[str, str], str]
) -> None:
    tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", f"{APT_GET} qemu-system-arm")
    reports = {}
    for place in ("host", "cortex-m4"):
        done = kws_edge("run", trained_bundle.path, "--on", place, "--wav", recording, "--json")
        assert done.returncode == 0, done.stderr
        reports[place] = json.loads(done.stdout)
    for name in ("features_hash", "inferences", "detections", "labels", "seconds"):
        assert reports["host"][name] == reports["cortex-m4"][name]
    board = reports["cortex-m4"]
    assert board["selftest"] == "PASS"
    assert board["equal_to_python"] is True
    assert board["seconds"] == 5.0
    assert [found["label"] for found in board["detections"]] == ["low", "low"]
    assert len(board["inferences"][0]["logits"]) == len(trained_bundle.labels)
    assert board["instructions_per_second_of_audio"] > 100_000
    assert board["flash_bytes"] > board["model_constants_bytes"] > 0
    assert board["ram_bytes"] == board["spotter_bytes"] + board["arena_bytes"] + board["stack_bytes"]
    assert reports["host"]["instructions_per_second_of_audio"] is None


def test_run_prints_for_people(trained_bundle: Bundle, recording: Path) -> None:
    done = kws_edge("run", trained_bundle.path, "--on", "host", "--wav", recording)
    for expected in ("self-test", "PASS", "equal to Python  yes", "features hash", "deepest stack", " low "):
        assert expected in done.stdout


def test_a_missing_toolchain_is_answered_with_its_installation(
    trained_bundle: Bundle, recording: Path, tmp_path: Path
) -> None:
    done = kws_edge("run", trained_bundle.path, "--on", "cortex-m4", "--wav", recording, path=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.strip().endswith(f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")


def test_wrong_requests_are_one_line(trained_bundle: Bundle, recording: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "click.wav").write_bytes(wav_bytes(np.zeros(4000, np.int16), 8000))
    (tmp_path / "broken.tflite").write_bytes(trained_bundle.int8_model[:5000])
    run, export = ("run", trained_bundle.path), ("export", trained_bundle.path, "-o", tmp_path / "out")
    for arguments, expected in (
        ((*run, "--on", "avr", "--wav", recording), "no firmware can be run on 'avr'; choose one of host"),
        ((*run, "--on", "host", "--wav", tmp_path / "text.wav"), "text.wav: not readable as audio"),
        ((*run, "--on", "host", "--wav", tmp_path / "none.wav"), "none.wav"),
        (
            (*run, "--on", "host", "--wav", tmp_path / "click.wav"),
            "0.50 s is shorter than the 0.99 s of one inference",
        ),
        ((*run, "--on", "host", "--wav", recording, "--engine", "tflm"), "TFLM_DIR"),
        ((*run, "--on", "host", "--wav", recording, "--engine", "eon"), "--engine eon: no such engine"),
        (export, "say what to export"),
        ((*export, "--engine", "aot", "--c-header"), "say what to export"),
        ((*export, "--engine", "eon"), "--engine eon: no such engine"),
        ((*export, "--target", "nowhere"), "--target nowhere: no such target"),
        (("export", tmp_path / "broken.tflite", "--engine", "aot", "-o", tmp_path / "out"), "broken.tflite"),
        (
            ("export", trained_bundle.path / "model_int8.tflite", "--engine", "tflm", "-o", tmp_path / "out"),
            "--engine aot",
        ),
        (
            ("export", trained_bundle.path / "model_float.tflite", "--engine", "aot", "-o", tmp_path / "out"),
            "TensorFlow Lite Micro itself may run it",
        ),
        (
            ("export", trained_bundle.path / "model_int8.tflite", "--c-header", "-o", tmp_path / "out"),
            "a .tflite file goes with --engine aot",
        ),
    ):
        done = kws_edge(*arguments)
        assert done.returncode == 2, (arguments, done.stdout, done.stderr)
        assert expected in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert not (tmp_path / "out").exists()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", ["bundle", "model"])
def test_export_twice_is_byte_identical_and_replaces_only_with_force(
    what: str, trained_bundle: Bundle, tmp_path: Path
) -> None:
    source = trained_bundle.path if what == "bundle" else trained_bundle.path / "model_int8.tflite"
    for name in ("first", "second"):
        done = kws_edge("export", source, "--engine", "aot", "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
    first = snapshot(tmp_path / "first")
    assert first == snapshot(tmp_path / "second")
    assert {"README.md", "CMakeLists.txt", "src/kws_network.c", "example/main.c", "kws_export.toml"} <= set(first)
    if what == "bundle":
        arena = done.stdout.partition("arena ")[2].split()[0]
        assert f"the arena takes {arena} bytes" in first["README.md"].decode(), "one figure for what the caller gives"
    (tmp_path / "first" / "src" / "kws_network.c").write_text("edited")
    (tmp_path / "first" / "mine.c").write_text("mine")
    refused = kws_edge("export", source, "--engine", "aot", "-o", tmp_path / "first")
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert (tmp_path / "first" / "src" / "kws_network.c").read_text() == "edited"
    assert kws_edge("export", source, "--engine", "aot", "-o", tmp_path / "first", "--force").returncode == 0
    assert snapshot(tmp_path / "first") == first
