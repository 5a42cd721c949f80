"""An output or a target that cannot be is told of before anything is read, not after the minutes or hours of work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NEITHER_IS_THERE = ("gone", "--data", "gone")


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", *NEITHER_IS_THERE, "--plot"),
        ("verify", *NEITHER_IS_THERE, "--junit"),
        ("verify", *NEITHER_IS_THERE, "--write-budget"),
        ("verify", *NEITHER_IS_THERE, "--stream", "--det-plot"),
        ("calibrate", *NEITHER_IS_THERE, "--false-accepts-per-hour", "5", "--plot"),
        ("calibrate", *NEITHER_IS_THERE, "--false-accepts-per-hour", "5", "-o"),
        ("report", *NEITHER_IS_THERE, "-o"),
        ("explore", "gone", "-o"),
        ("data", "check", "gone", "--write"),
        ("models", "gone", "--price", "--write"),
        ("train", "--data", "gone", "--force", "-o"),
    ],
)
def test_a_folder_of_something_else_is_not_taken_for_the_output(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("not to be replaced")
    _is_refused(*arguments, tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench", *NEITHER_IS_THERE, "-o"),
        ("layers", "gone", "--plot"),
        ("report", "gone", "-o"),
        ("train", "-o", "new", "--data", "gone", "--tensorboard"),
    ],
)
def test_nothing_can_lie_below_a_file(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("not to be replaced")
    _is_refused(*arguments, tmp_path / "mine.txt" / "below")


def test_a_rate_that_the_hours_cannot_show_is_refused_before_they_are_heard() -> None:
    command = [sys.executable, "-m", "kws_edge", "calibrate", "gone", "--false-accepts-per-hour", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "4 h cannot tell 0.1 false accepts an hour from none; make the stream 10 hours" in done.stderr


def _is_refused(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "kws_edge", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(arguments[-1]) in done.stderr
    assert done.stderr.count("\n") == 1
