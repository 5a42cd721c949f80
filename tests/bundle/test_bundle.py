"""A bundle is read back as it was written, or refused by the name of the file that differs."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from kws_edge.bundle import FILES, MANIFEST, BundleContents, Provenance, read_bundle, write_bundle, write_calibrated
from kws_edge.errors import BundleError, StorageError
from kws_edge.spec import (
    AugmentationSettings,
    CorpusSettings,
    DetectionSettings,
    FeatureSpec,
    ModelSettings,
    TrainingSettings,
)
from kws_edge.training.state import pack_weights


@pytest.fixture
def contents() -> BundleContents:
    return BundleContents(
        quantization_aware=True,
        features=FeatureSpec(coefficients=13).normalized(tuple(0.1 * n for n in range(13)), (1.7,) * 13),
        corpus=CorpusSettings(keywords=("läuft", "halt")),
        augmentation=AugmentationSettings(gain_db=3.5),
        model=ModelSettings(arch="ds_cnn", options={"width": 24}),
        training=TrainingSettings(epochs=3, seed=7),
        detection=DetectionSettings(threshold=0.5),
        provenance=Provenance.of_this_run(seed=7, data_hash="ab" * 32, command="kws-edge train -o b"),
        int8_model=os.urandom(3000),
        float_model=os.urandom(9000),
        weights=os.urandom(500),
        metrics={"int8": {"accuracy": 0.93}},
        history_csv="epoch,loss\n1,0.5\n",
        history_png=b"\x89PNG" + os.urandom(100),
    )


def test_a_bundle_is_read_back_as_it_was_written(tmp_path: Path, contents: BundleContents) -> None:
    bundle = write_bundle(tmp_path / "bündel", contents)
    for field in ("features", "corpus", "augmentation", "model", "training", "detection", "provenance"):
        assert getattr(bundle, field) == getattr(contents, field), field
    for field in ("quantization_aware", "int8_model", "float_model", "weights"):
        assert getattr(bundle, field) == getattr(contents, field), field
    assert bundle.metrics == contents.metrics
    assert bundle.labels == ("läuft", "halt", "silence", "unknown")
    assert bundle.features.sha256() == contents.features.sha256()


def test_a_bundle_called_by_a_dot_has_a_name(
    tmp_path: Path, contents: BundleContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_bundle(tmp_path / "bundle", contents)
    (tmp_path / "current").symlink_to("bundle")
    assert (made.name, read_bundle(tmp_path / "current").name) == ("bundle", "current")
    monkeypatch.chdir(made.path)
    assert read_bundle(Path()).name == "bundle"


def test_the_variables_of_a_phase_come_back_by_their_paths(tmp_path: Path, contents: BundleContents) -> None:
    given = {"float": {"a/kernel": np.arange(6.0).reshape(2, 3)}, "quantized": {"a/range/maximum": np.float32(2.5)}}
    bundle = write_bundle(tmp_path / "b", dataclasses.replace(contents, weights=pack_weights(**given)))
    for phase, variables in given.items():
        found = bundle.variables(phase)
        assert found.keys() == variables.keys()
        for path, value in variables.items():
            np.testing.assert_array_equal(found[path], value)


def test_the_same_contents_make_the_same_bytes(tmp_path: Path, contents: BundleContents) -> None:
    first, second = write_bundle(tmp_path / "a", contents), write_bundle(tmp_path / "b", contents)
    for name in (MANIFEST, *FILES):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes(), name


def test_calibrating_changes_the_detection_settings_and_says_so(tmp_path: Path, contents: BundleContents) -> None:
    before = write_bundle(tmp_path / "b", contents)
    chosen = DetectionSettings(threshold=0.8, thresholds={"halt": 0.9}, refractory_ms=700)
    after = write_calibrated(before.path, before, chosen, command="kws-edge calibrate b", measured={"hours": 2.0})
    assert after.detection == chosen
    assert after.metrics == {**before.metrics, "detection": {"hours": 2.0}}
    assert after.provenance.calibration is not None and after.provenance.calibration.endswith("kws-edge calibrate b")
    assert dataclasses.replace(after.provenance, calibration=None) == before.provenance
    untouched = set(FILES) - {"spec.toml", "metrics.json"}
    assert {name: after.files[name] for name in untouched} == {name: before.files[name] for name in untouched}
    assert read_bundle(before.path) == after


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
class TestDamageIsRefusedByTheNameOfTheFile:
    def damaged(self, tmp_path: Path, contents: BundleContents, name: str) -> Path:
        return write_bundle(tmp_path / "bundle", contents).path / name

    def test_truncated(self, tmp_path: Path, contents: BundleContents, name: str) -> None:
        file = self.damaged(tmp_path, contents, name)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(BundleError, match=name):
            read_bundle(file.parent)

    def test_edited(self, tmp_path: Path, contents: BundleContents, name: str) -> None:
        file = self.damaged(tmp_path, contents, name)
        data = bytearray(file.read_bytes())
        data[-2] ^= 1
        file.write_bytes(data)
        with pytest.raises(BundleError, match=name):
            read_bundle(file.parent)

    def test_emptied(self, tmp_path: Path, contents: BundleContents, name: str) -> None:
        file = self.damaged(tmp_path, contents, name)
        file.write_bytes(b"")
        with pytest.raises(BundleError, match=name):
            read_bundle(file.parent)

    def test_missing(self, tmp_path: Path, contents: BundleContents, name: str) -> None:
        file = self.damaged(tmp_path, contents, name)
        file.unlink()
        with pytest.raises(BundleError, match=f"{name} is missing"):
            read_bundle(file.parent)


def test_an_edited_label_in_the_manifest_is_noticed(tmp_path: Path, contents: BundleContents) -> None:
    manifest = write_bundle(tmp_path / "bundle", contents).path / MANIFEST
    manifest.write_text(manifest.read_text("utf-8").replace('"halt"', '"hält"'), "utf-8")
    with pytest.raises(BundleError, match=f"{MANIFEST} is not the file that was written"):
        read_bundle(manifest.parent)


def test_a_date_in_the_manifest_is_noticed_too(tmp_path: Path, contents: BundleContents) -> None:
    manifest = write_bundle(tmp_path / "bundle", contents).path / MANIFEST
    manifest.write_text(manifest.read_text().replace('arch = "ds_cnn"', "arch = 2026-11-22"))
    with pytest.raises(BundleError, match="truncated or edited"):
        read_bundle(tmp_path / "bundle")


def test_another_format_version_is_named(tmp_path: Path, contents: BundleContents) -> None:
    manifest = write_bundle(tmp_path / "bundle", contents).path / MANIFEST
    manifest.write_text(manifest.read_text("utf-8").replace("format_version = 1", "format_version = 99"), "utf-8")
    with pytest.raises(BundleError, match="format_version = 99"):
        read_bundle(manifest.parent)


@pytest.mark.parametrize("kind", ["nothing", "file", "other folder"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "there"
    if kind == "file":
        path.write_text("no bundle")
    elif kind == "other folder":
        path.mkdir()
    with pytest.raises(BundleError, match="there is no bundle") as caught:
        read_bundle(path)
    assert "train again" not in str(caught.value), "nothing is lost, the name is wrong"


def test_an_older_bundle_is_replaced_whole(tmp_path: Path, contents: BundleContents) -> None:
    path = write_bundle(tmp_path / "bundle", contents).path
    (path / "stray.txt").write_text("left by somebody")
    newer = write_bundle(path, dataclasses.replace(contents, int8_model=b"newer"))
    assert newer.int8_model == b"newer"
    assert sorted(file.name for file in path.iterdir()) == sorted([MANIFEST, *FILES])
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"], "nothing partial stays behind"


def test_a_folder_that_is_no_bundle_is_not_replaced(tmp_path: Path, contents: BundleContents) -> None:
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.tex").write_text("years of work")
    with pytest.raises(BundleError, match="thesis exists and is no bundle"):
        write_bundle(precious, contents)
    assert (precious / "chapter.tex").read_text() == "years of work"
    os.mkfifo(tmp_path / "device")
    with pytest.raises(BundleError, match="device exists and is no bundle"):
        write_bundle(tmp_path / "device", contents)
    assert (tmp_path / "device").is_fifo()


def test_recordings_below_a_name_that_is_no_unicode_cost_no_training(tmp_path: Path, contents: BundleContents) -> None:
    """Python holds the bytes of such a path as lone surrogates, which UTF-8 cannot write: old disks have them."""
    command = "kws-edge train --data '" + os.fsdecode(b"aufnahmen-gr\xfc\xdfe") + "'"
    made = Provenance.of_this_run(seed=7, data_hash="ab" * 32, command=command)
    bundle = write_bundle(tmp_path / "bundle", dataclasses.replace(contents, provenance=made))
    assert bundle.provenance.command == r"kws-edge train --data 'aufnahmen-gr\udcfc\udcdfe'"
    again = write_calibrated(bundle.path, bundle, DetectionSettings(threshold=0.7), command=command, measured={})
    assert again.provenance.calibration is not None
    assert again.provenance.calibration.endswith(r"gr\udcfc\udcdfe'")


def test_a_failed_write_leaves_the_older_bundle(
    tmp_path: Path, contents: BundleContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_bundle(tmp_path / "bundle", contents).path
    written: list[str] = []
    write_bytes = Path.write_bytes

    def full_disk(file: Path, data: bytes) -> int:
        written.append(file.name)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return write_bytes(file, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(StorageError, match="No space left on device"):
        write_bundle(path, dataclasses.replace(contents, int8_model=b"newer"))
    monkeypatch.undo()
    assert read_bundle(path).int8_model == contents.int8_model
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]
