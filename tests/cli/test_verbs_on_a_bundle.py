"""show, export and verify on a real bundle, each as its user runs it, with and without the heavy packages."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from trained import with_a_reversed_kernel

from kws_edge.bundle import Bundle, BundleContents, read_bundle, write_bundle
from kws_edge.corpus import Corpus
from kws_edge.runtime import available_interpreters

pytestmark = pytest.mark.slow

NO_TFLM = available_interpreters()["tflm"]


def kws_edge(*arguments: str | Path, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `kws-edge` in a Python to which the packages `without` are not installed."""
    hide = "".join(f"sys.modules[{name!r}] = None; " for name in without)
    program = f"import sys; {hide}from kws_edge.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_show_tells_the_labels_the_files_and_where_they_come_from(trained_bundle: Bundle) -> None:
    text = kws_edge("show", trained_bundle.path).stdout
    for expected in ("low, middle, high, silence, unknown", "ds_cnn", "CONV_2D", trained_bundle.provenance.data_hash):
        assert expected in text
    report = json.loads(kws_edge("show", trained_bundle.path, "--json").stdout)
    assert report["labels"] == list(trained_bundle.labels)
    for name, entry in report["files"].items():
        data = (trained_bundle.path / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_export_twice_is_byte_identical(trained_bundle: Bundle, tmp_path: Path) -> None:
    for name in ("first", "second"):
        done = kws_edge("export", trained_bundle.path, "--c-header", "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
    files = sorted(file.name for file in (tmp_path / "first").iterdir())
    assert files == ["kws_export.toml", "kws_model.c", "kws_model.h"]
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_export_reports_what_it_wrote(trained_bundle: Bundle, tmp_path: Path) -> None:
    report = json.loads(kws_edge("export", trained_bundle.path, "--c-header", "-o", tmp_path / "out", "--json").stdout)
    header = (tmp_path / "out" / "kws_model.h").read_text()
    assert report["model_sha256"] == hashlib.sha256(trained_bundle.int8_model).hexdigest()
    assert report["model_sha256"] in header
    if NO_TFLM is None:
        assert report["arena_bytes"] > report["arena_measured_bytes"] > 0
        assert f"#define KWS_MODEL_ARENA_BYTES {report['arena_bytes']}\n" in header


def test_export_over_an_export_needs_force(trained_bundle: Bundle, tmp_path: Path) -> None:
    command = ["export", trained_bundle.path, "--c-header", "-o", tmp_path / "out"]
    assert kws_edge(*command).returncode == 0
    refused = kws_edge(*command)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert kws_edge(*command, "--force").returncode == 0


def test_verify_passes_a_sound_bundle_and_draws_its_confusion(
    trained_bundle: Bundle, tones: Corpus, tmp_path: Path
) -> None:
    plot = tmp_path / "confusion.png"
    done = kws_edge("verify", trained_bundle.path, "--data", tones.folder, "--plot", plot)
    assert done.returncode == 0, done.stderr
    for expected in ("keras_qat", "litert_reference / litert_xnnpack", "int8_drop_points", "true \\ predicted"):
        assert expected in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_verify_prints_json_alone_on_stdout(trained_bundle: Bundle, tones: Corpus) -> None:
    report = json.loads(kws_edge("verify", trained_bundle.path, "--data", tones.folder, "--json").stdout)
    assert report["passed"] is True
    assert report["trained_on_this_data"] is True
    assert report["clips"] == len(tones.split("test").labels)
    if NO_TFLM is None:
        assert report["different_outputs"]["tflm"]["litert_reference"] == 0


def test_verify_fails_a_bundle_whose_int8_model_is_another(
    trained_bundle: Bundle, tones: Corpus, tmp_path: Path
) -> None:
    """A kernel is reversed and the bundle hashed anew: what only measuring can find."""
    fields = {field.name: getattr(trained_bundle, field.name, None) for field in dataclasses.fields(BundleContents)}
    fields.update(int8_model=with_a_reversed_kernel(trained_bundle.int8_model), history_csv="", history_png=b"")
    spoilt = write_bundle(tmp_path / "spoilt", BundleContents(**fields))
    done = kws_edge("verify", spoilt.path, "--data", tones.folder, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["passed"] is False
    assert {check["name"]: check["passed"] for check in report["checks"]}["int8_drop_points"] is False


@pytest.mark.parametrize("missing", [("tensorflow", "keras"), ("tensorflow", "keras", "tflite_micro")])
def test_every_verb_but_train_works_without(
    trained_bundle: Bundle, tones: Corpus, tmp_path: Path, missing: tuple[str, ...]
) -> None:
    assert kws_edge("show", trained_bundle.path, without=missing).returncode == 0
    exported = kws_edge("export", trained_bundle.path, "--c-header", "-o", tmp_path / "out", without=missing)
    assert exported.returncode == 0, exported.stderr
    done = kws_edge("verify", trained_bundle.path, "--data", tones.folder, "--json", without=missing)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {"keras_float", "keras_qat"} <= set(report["absent"])
    if "tflite_micro" in missing:
        assert "tflm" in report["absent"]
        assert report["arena_bytes"] is None
        assert {check["name"]: check["passed"] for check in report["checks"]}["tflm_differs_from_reference"] is None
        assert "not measured" in exported.stderr
    assert read_bundle(trained_bundle.path).int8_model == trained_bundle.int8_model
