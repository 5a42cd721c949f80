"""Clips as every front end takes them: checked, cut into overlapping frames, a block of clips at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from kws_edge.errors import SettingsError
from kws_edge.spec import FeatureSpec

Clips = NDArray[np.int16]
Progress = Callable[[int, int], None]
Number = TypeVar("Number", np.int16, np.int32, np.int64, np.float64)

# clips per block of the NumPy paths: their intermediate arrays stay near 10 MB
BLOCK_CLIPS = 64


def frame_count(samples: int, spec: FeatureSpec) -> int:
    """Rows of features that `samples` samples make; windows never reach past the end."""
    if spec.kind == "waveform":
        return samples
    return 1 + (samples - spec.window_samples) // spec.stride_samples


def checked_clips(clips: Clips, spec: FeatureSpec) -> Clips:
    """`clips` as a C-contiguous int16[n, samples]; raises SettingsError for another shape, type or too few samples."""
    array = np.asarray(clips)
    if array.dtype != np.int16 or array.ndim != 2:
        raise SettingsError(
            f"clips is {array.dtype}{list(array.shape)}; give int16[n, samples], such as int16[1, {spec.clip_samples}]"
        )
    least = 1 if spec.kind == "waveform" else spec.window_samples
    if array.shape[1] < least:
        raise SettingsError(f"clips of {array.shape[1]} samples are shorter than one window of {least}; pad them")
    return np.ascontiguousarray(array)


def blocks(clips: Clips, progress: Progress | None = None) -> Iterator[tuple[slice, Clips]]:
    """Consecutive blocks of at most `BLOCK_CLIPS` clips, each with its place in the whole.

    `progress(done, total)` is told how many clips are done after each block.
    """
    for start in range(0, len(clips), BLOCK_CLIPS):
        place = slice(start, min(start + BLOCK_CLIPS, len(clips)))
        yield place, clips[place]
        if progress is not None:
            progress(place.stop, len(clips))


def frames_of(signal: NDArray[Number], spec: FeatureSpec) -> NDArray[Number]:
    """Overlapping windows of [n, samples] as a read-only view [n, frames, window_samples]."""
    windows = np.lib.stride_tricks.sliding_window_view(signal, spec.window_samples, axis=1)
    return windows[:, :: spec.stride_samples]
