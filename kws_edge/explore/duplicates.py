"""Recordings that are one recording: copied, turned up or down, shifted, resampled or coded again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.audio import Samples

Progress = Callable[[int, int], None]
FloatArray = npt.NDArray[np.float32]

# Clips whose spectrograms are this alike, as a cosine, are compared sample by sample, each with the nearest so many. A
# copy is the nearest, but when it is turned down to the floor of the logarithm its cosine may fall to 0.9.
_CANDIDATE_COSINE = 0.85
_CANDIDATES = 2
# From this correlation of their samples, at the best shift, two clips are one recording. Two takes of one word by one
# speaker stay far below; what is left of a copy after MP3 or a resampler is above.
LEAST_CORRELATION = 0.9
# Below this power (in steps of int16, squared) there is nothing to correlate but rounding.
_LEAST_POWER = 4.0
# Removes hum, which correlates with any other hum.
_PREEMPHASIS = 0.97
_BLOCK = 512


@dataclass(frozen=True)
class DuplicatePair:
    """Two rows that hold the same recording."""

    first: int
    second: int
    # highest normalized cross-correlation, 0 to 1
    correlation: float
    # samples by which the second is later than the first
    shift: int


def find_duplicates(
    clips: Samples, energies: FloatArray, progress: Progress | None = None
) -> tuple[DuplicatePair, ...]:
    """Pairs of `clips` int16[n, samples] that are one recording, by their first row.

    `energies` are their centred log mel energies, float32[n, frames, bands]: they say which pairs are worth comparing.
    """
    vectors = energies.reshape(len(energies), -1)
    vectors = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6)
    pairs: set[tuple[int, int]] = set()
    for start in range(0, len(vectors), _BLOCK):
        cosine = vectors[start : start + _BLOCK] @ vectors[start:].T
        rows, columns = np.nonzero(cosine > _CANDIDATE_COSINE)
        later = columns > rows
        rows, columns = rows[later], columns[later]
        for row in np.unique(rows):
            partners = columns[rows == row]
            best = partners[np.argsort(-cosine[row, partners])[:_CANDIDATES]]
            pairs.update((start + int(row), start + int(partner)) for partner in best)
        if progress is not None:
            progress(min(start + _BLOCK, len(vectors)), len(vectors))
    found = (_compared(clips, first, second) for first, second in sorted(pairs))
    return tuple(pair for pair in found if pair.correlation >= LEAST_CORRELATION)


def _compared(clips: Samples, first: int, second: int) -> DuplicatePair:
    one, two = (_brightened(clips[row]) for row in (first, second))
    if min(float(np.mean(one**2)), float(np.mean(two**2))) < _LEAST_POWER:
        return DuplicatePair(first, second, 0.0, 0)
    length = 1 << (2 * len(one) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(two, length) * np.conj(np.fft.rfft(one, length)), length)
    product /= np.sqrt(float(one @ one) * float(two @ two))
    best = int(np.argmax(product))
    return DuplicatePair(first, second, float(product[best]), best if best < length // 2 else best - length)


def _brightened(clip: Samples) -> FloatArray:
    signal = clip.astype(np.float32)
    signal[1:] -= np.float32(_PREEMPHASIS) * clip[:-1]
    signal -= signal.mean()
    return signal
