"""`kws-edge data` prints what a person and a program need, and one line when the input is bad."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_edge.cli import main


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """`run("info", ...)` is (exit code, stdout, stderr) of `kws-edge data info ...`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KWS_EDGE_DATA", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["data", *arguments])
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for word in ("yes", "no", "cat"):
        for speaker in ("2aa787cf", "105e72bb", "004ae714", "0132a06d"):
            path = tmp_path / "data" / word / f"{speaker}_nohash_0.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, rng.normal(0, 0.1, 8000), 8000)
    (tmp_path / "data" / "yes" / "broken.wav").write_bytes(b"")
    return tmp_path / "data"


def test_info_counts_words_by_split_and_names_what_was_skipped(run, folder: Path) -> None:
    code, out, _ = run("info", str(folder), "--keywords", "yes,no")
    assert code == 0
    rows = {line.rsplit(maxsplit=3)[0].strip(): line.split()[-3:] for line in out.splitlines() if line}
    assert rows["yes"] == ["2", "1", "1"]
    assert rows["speakers"] == ["2", "1", "1"]
    assert "cat (unknown)" in rows
    assert "yes/broken.wav: empty file" in out
    assert "warning: no recordings in _background_noise_" in out


def test_info_as_json_has_the_same(run, folder: Path) -> None:
    code, out, _ = run("info", str(folder), "--keywords", "yes,no", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["labels"] == ["yes", "no", "silence", "unknown"]
    assert found["words"]["no"] == {"train": 2, "validation": 1, "test": 1}
    assert sum(words["train"] for words in found["words"].values()) == found["clips"]["train"]
    assert found["skipped"] == [{"name": "yes/broken.wav", "reason": "empty file"}]
    assert len(found["content_sha256"]) == 64


def test_info_of_ones_own_words_needs_no_keywords(run, folder: Path) -> None:
    """The first look at a folder, which the usual ten keywords would refuse; other words stay other words."""
    (folder / "cat").rename(folder / "unknown")
    code, out, err = run("info", str(folder), "--json")
    assert (code, json.loads(out)["labels"]) == (0, ["no", "yes", "silence", "unknown"])
    assert "every word counts" in err


def test_info_takes_the_folder_from_the_environment(run, folder: Path, monkeypatch) -> None:
    assert run("info")[0] == 2
    monkeypatch.setenv("KWS_EDGE_DATA", str(folder / "gone"))
    assert f"KWS_EDGE_DATA = {folder / 'gone'}: no such folder" in run("info")[2]
    monkeypatch.setenv("KWS_EDGE_DATA", str(folder))
    assert run("info", "--keywords", "yes,no")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "/no/such/folder"), "/no/such/folder: no such folder"),
        (("info", ".", "--keywords", "yes,yes"), "names a word twice"),
        (("info", ".", "--sample-rate", "100"), "sample_rate_hz = 100; use 4000 to 48000"),
        (("info", "."), "such as yes/anna_1.wav"),
        (("synth", "--words", "a/b", "-o", "out"), "'a/b' cannot be a word"),
        (("synth", "--words", " ,", "-o", "out"), "names no word"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, arguments, message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err and len(err.strip().splitlines()) == 1


def test_synth_writes_what_info_reads(run, tmp_path: Path, package) -> None:
    package("espeakng_loader", "pip install 'kws-edge[synth]'")
    out_folder = str(tmp_path / "spoken")
    code, out, _ = run("synth", "--words", "hey_edge,stop", "--clips", "100", "--seed", "4", "-o", out_folder)
    assert code == 0 and "demonstration" in out
    code, out, _ = run("info", out_folder, "--keywords", "hey_edge,stop", "--json")
    assert code == 0
    found = json.loads(out)
    assert sum(found["words"]["hey_edge"].values()) == 100
    assert found["warnings"] == [] and found["skipped"] == []
