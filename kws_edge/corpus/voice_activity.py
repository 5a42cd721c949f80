"""Where in a recording somebody speaks: WebRTC's voice activity detector, and the cut that follows from it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.audio import Samples
from kws_edge.errors import DependencyError, SettingsError

# What the detector takes: rates in Hz, and frames of 10, 20 or 30 ms; the shortest finds edges best.
RATES_HZ = (8000, 16000, 32000, 48000)
FRAME_MS = 10
# 0 to 3; 3 calls the least speech. Breath and hiss count as speech in the lower ones.
AGGRESSIVENESS = 3

# Voice that lasts less than this is a click or a knock.
_SHORTEST_VOICE_MS = 50
# Pauses up to this are part of a word: the stop before the last sound of "up" or "right".
_LONGEST_PAUSE_MS = 200
# Kept on either side of the voice: the detector is late for the soft beginnings of f, s and h.
_MARGIN_MS = 60
# A quiet recording is raised to this peak for the detector's eyes, by no more than the gain: noise is to stay noise.
_PEAK = 16384.0
_LARGEST_GAIN = 10.0


def voiced_frames(samples: Samples, sample_rate_hz: int) -> npt.NDArray[np.bool_]:
    """Whether each whole frame of FRAME_MS of int16[samples] holds voice, bool[frames].

    Raises DependencyError without webrtcvad, SettingsError for a rate that it does not know.
    """
    try:
        import webrtcvad
    except ImportError as error:
        raise DependencyError("voice activity needs webrtcvad: pip install 'kws-edge[explore]'") from error
    if sample_rate_hz not in RATES_HZ:
        raise SettingsError(
            f"voice activity at {sample_rate_hz} Hz; the detector knows {', '.join(map(str, RATES_HZ))}"
        )
    detector = webrtcvad.Vad(AGGRESSIVENESS)
    hop = sample_rate_hz * FRAME_MS // 1000
    peak = float(np.abs(samples.astype(np.int32)).max(initial=1))
    gain = min(max(_PEAK / max(peak, 1.0), 1.0), _LARGEST_GAIN)
    raised = np.rint(samples * gain).astype("<i2").tobytes()
    starts = range(0, len(samples) // hop * hop, hop)
    return np.array([detector.is_speech(raised[2 * at : 2 * (at + hop)], sample_rate_hz) for at in starts], bool)


def voiced_stretch(samples: Samples, sample_rate_hz: int) -> tuple[int, int] | None:
    """(start, end) in samples of the stretch with voice, margins included; None when there is none.

    The stretch is the one with the most voice where pauses divide the recording. Raises as `voiced_frames` does.
    """
    voiced = voiced_frames(samples, sample_rate_hz)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], voiced.astype(np.int8), [0]))))
    runs = [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    runs = [(start, end) for start, end in runs if (end - start) * FRAME_MS >= _SHORTEST_VOICE_MS]
    stretches: list[tuple[int, int]] = []
    for start, end in runs:
        if stretches and (start - stretches[-1][1]) * FRAME_MS <= _LONGEST_PAUSE_MS:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    if not stretches:
        return None
    start, end = max(stretches, key=lambda stretch: int(voiced[slice(*stretch)].sum()))
    hop, margin = sample_rate_hz * FRAME_MS // 1000, sample_rate_hz * _MARGIN_MS // 1000
    return max(0, start * hop - margin), min(len(samples), end * hop + margin)


def trimmed(clips: Samples, sample_rate_hz: int) -> Samples:
    """A copy of int16[n, samples] with nothing but the speech of each, in the middle, zeros around it.

    Clips in which no voice is found stay as they are. Raises as `voiced_frames` does.
    """
    result = clips.copy()
    for row, clip in zip(result, clips, strict=True):
        stretch = voiced_stretch(clip, sample_rate_hz)
        if stretch is not None:
            start, end = stretch
            place = (len(clip) - (end - start)) // 2
            row[:] = 0
            row[place : place + end - start] = clip[start:end]
    return result
