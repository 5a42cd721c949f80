"""bench and report as their users run them: files, exit codes, one line for what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kws_edge.bundle import Bundle
from kws_edge.corpus import Corpus


def kws_edge(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "kws_edge", *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["bench"], "name a BUNDLE"),
        (["bench", "--compare", "gone.json", "gone.json"], "gone.json: No such file"),
        (["bench", "some", "--compare", "a", "b"], "leave out some"),
        (["bench", "--compare", "a", "b", "-o", "c"], "--output does nothing beside --compare: leave one out"),
        (["report", "gone", "-o", "."], "is a folder"),
        (["report", "gone", "-o", "page.html", "--negatives", "x"], "add --stream"),
        (["report", "gone", "-o", "page.html", "--budget", "nowhere"], "nano_33_ble_sense"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], complaint: str) -> None:
    done = kws_edge(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_bench_writes_three_files_that_compare(trained_bundle: Bundle, tones: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    options = ["--data", tones.folder, "--clips", "10", "--seconds", "0.2", "--threads", "1"]
    done = kws_edge("bench", trained_bundle.path, *options, "--engine", "litert_reference", "-o", folder, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "bench.json").read_text())
    assert json.loads(done.stdout) == report
    assert report["recordings"]["clips"] == 10
    assert "litert_reference" in (folder / "bench.md").read_text()
    assert (folder / "bench.html").read_text().startswith("<!doctype html>")
    assert kws_edge("bench", "--compare", folder / "bench.json", folder / "bench.json").returncode == 0
    report["engines"][0]["clips"]["outputs_sha256"] = "0"
    (tmp_path / "other.json").write_text(json.dumps(report))
    compared = kws_edge("bench", "--compare", folder / "bench.json", tmp_path / "other.json")
    assert compared.returncode == 1
    assert "DIFFERENT" in compared.stdout
