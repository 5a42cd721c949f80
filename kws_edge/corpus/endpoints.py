"""Where in a clip somebody speaks, from its energy alone: what a stream's truth and latencies are measured against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from kws_edge.corpus.audio import Samples

# energy is taken over this much sound, this often
_WINDOW_MS = 20
_HOP_MS = 10
# the closure of a plosive inside a word, as before the t of "right", is no end of the word
_BRIDGED_MS = 200
# what lies this far below the loudest window is never speech, however quiet the recording is elsewhere
_DEEPEST_DB = 45.0
# speech begins this part of the way, in dB, from the recording's floor to its loudest window
_LEVEL = 0.3


def speech_bounds(clip: Samples, sample_rate_hz: int) -> tuple[int, int]:
    """First sample of the word in int16[samples] and the first one after it.

    The stretch around the loudest 20 ms whose energy stays above a level between the recording's floor (its quietest
    tenth) and its peak; gaps of 200 ms and less belong to it. An estimate: a word's breath at its end may be missed by
    some ten milliseconds. The whole clip where nothing stands out, as in digital silence.
    """
    window, hop = _WINDOW_MS * sample_rate_hz // 1000, _HOP_MS * sample_rate_hz // 1000
    if len(clip) < 2 * window:
        return 0, len(clip)
    level_db = window_levels_db(clip, window, hop)
    peak = int(level_db.argmax())
    floor_db = max(float(np.quantile(level_db, 0.1)), float(level_db[peak]) - _DEEPEST_DB)
    loud = np.flatnonzero(level_db > floor_db + _LEVEL * (level_db[peak] - floor_db))
    if len(loud) == 0:
        return 0, len(clip)
    breaks = np.flatnonzero(np.diff(loud) * _HOP_MS > _BRIDGED_MS)
    pieces = np.split(loud, breaks + 1)
    word = next(piece for piece in pieces if piece[0] <= peak <= piece[-1])
    return int(word[0]) * hop, min(int(word[-1]) * hop + window, len(clip))


def window_levels_db(samples: Samples, window: int, hop: int) -> npt.NDArray[np.float64]:
    """Mean power of each `window` samples, every `hop`, in dB relative to 1; at least -10."""
    windows = sliding_window_view(samples.astype(np.float64), window)[::hop]
    power: npt.NDArray[np.float64] = 10 * np.log10(np.mean(windows**2, axis=1) + 0.1)
    return power
