"""A live picture of listening on a terminal: the level, every label's score, the last detections."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rich.live import Live

    from kws_edge.corpus.audio import Samples
    from kws_edge.runtime.streaming import Heard

_BAR_CELLS = 40
_LAST_DETECTIONS = 8
_SILENCE_DBFS = -90.0
# files go through far faster than they can be looked at
_SECONDS_BETWEEN_PICTURES = 0.1


class ListeningDisplay:
    """Draws; made by `listening_display`."""

    def __init__(self, labels: Sequence[str], live: Live) -> None:
        self._labels = labels
        self._live = live
        self._heard: deque[Heard] = deque(maxlen=_LAST_DETECTIONS)
        self._last_s = -math.inf

    def show(self, block: Samples, time_s: float, scores: Mapping[str, float], found: Sequence[Heard]) -> None:
        """Take the block of sound that was heard last, the scores after it, and what it completed."""
        self._heard.extend(found)
        now_s = time.monotonic()
        if found or now_s - self._last_s >= _SECONDS_BETWEEN_PICTURES:
            self._last_s = now_s
            self._live.update(self._picture(level_dbfs(block), time_s, scores), refresh=True)

    def _picture(self, level: float, time_s: float, scores: Mapping[str, float]) -> str:
        width = max(len("level"), *(len(label) for label in self._labels))
        lines = [f"{'level':{width}} {_bar(1 - level / _SILENCE_DBFS)} {level:6.1f} dBFS   {time_s:9.1f} s"]
        lines += [f"{label:{width}} {_bar(scores[label])} {scores[label]:6.2f}" for label in self._labels]
        lines += ["", *(f"{heard.time_s:9.2f} s  {heard.word}  {heard.score:.2f}" for heard in self._heard)]
        return "\n".join(lines)


@contextmanager
def listening_display(labels: Sequence[str], *, wanted: bool) -> Iterator[ListeningDisplay | None]:
    """A display on the terminal, if `wanted`; its last picture stays."""
    if not wanted:
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(markup=False, highlight=False), auto_refresh=False) as live:
        yield ListeningDisplay(labels, live)


def level_dbfs(block: Samples) -> float:
    """Root mean square of int16[n] in dB of full scale, -90 at least."""
    if len(block) == 0:
        return _SILENCE_DBFS
    power = float(np.mean(block.astype(np.float64) ** 2)) / 32768**2
    return max(10 * math.log10(power), _SILENCE_DBFS) if power > 0 else _SILENCE_DBFS


def _bar(share: float) -> str:
    cells = round(min(max(share, 0), 1) * _BAR_CELLS)
    return "█" * cells + "·" * (_BAR_CELLS - cells)
