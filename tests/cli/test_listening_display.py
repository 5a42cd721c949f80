"""What `kws-edge listen` draws on a terminal."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console
from rich.live import Live

from kws_edge.cli.listening_display import ListeningDisplay, level_dbfs
from kws_edge.detection import Detection
from kws_edge.runtime.streaming import Heard

SCORES = {"yes": 0.5, "[no]": 0.0, "silence": 1.0}


def heard(number: int) -> Heard:
    return Heard("yes", 0.87, number / 10, Detection(0, 28508, number), number * 800)


def test_level_is_relative_to_full_scale() -> None:
    assert level_dbfs(np.full(100, -32768, np.int16)) == pytest.approx(0)
    assert level_dbfs(np.full(100, 3277, np.int16)) == pytest.approx(-20, abs=0.01)
    assert level_dbfs(np.zeros(100, np.int16)) == level_dbfs(np.zeros(0, np.int16)) == -90


def test_the_picture_has_level_scores_and_the_last_detections() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, markup=False, highlight=False)
    with Live(console=console, auto_refresh=False) as live:
        display = ListeningDisplay(tuple(SCORES), live)
        for number in range(20):
            display.show(np.full(800, 3277, np.int16), 12.5, SCORES, [heard(number)])
    written = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", screen.getvalue())
    lines = written[written.rindex("level") :].splitlines()
    assert lines[0].startswith("level") and "-20.0 dBFS" in lines[0] and "12.5 s" in lines[0]
    bars = {line.split()[0]: line.count("█") for line in lines[1:4]}
    assert bars == {"yes": 20, "[no]": 0, "silence": 40}
    assert [line.split()[0] for line in lines if "0.87" in line] == [f"{number / 10:.2f}" for number in range(12, 20)]
