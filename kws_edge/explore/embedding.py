"""Clips as vectors: log mel energies at one level, the word in the middle, and the answers of small learned patches.

The patches are the centres of k-means over whitened pieces of spectrogram; a clip is described by how much of each it
holds in five overlapping stretches of time. That is the single-layer network of A. Coates, H. Lee and A. Y. Ng, "An
Analysis of Single-Layer Networks in Unsupervised Feature Learning" (AISTATS 2011). It learns without labels, so a wrong
label cannot spoil it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from kws_edge.corpus.audio import Samples
from kws_edge.errors import DependencyError
from kws_edge.frontend.real_tables import mel_weights
from kws_edge.frontend.spectrogram import log_energy, power_spectrum
from kws_edge.spec import FeatureSpec

Progress = Callable[[int, int], None]
FloatArray = npt.NDArray[np.float32]

# overlapping stretches of time, as parts of a clip
_STRETCHES = ((0, 0.35), (0.16, 0.51), (0.33, 0.67), (0.49, 0.84), (0.65, 1))

# floor of the mel energies: 20 dB above the front end's, below which recordings differ by their noise alone
_ENERGY_FLOOR = 100.0
# natural logarithms added to a clip's deviation: clips without contrast are not blown up
_LEAST_DEVIATION = 0.3
_WHITENED = 60
_WHITENING_FLOOR = 0.1
# how alike a piece must be to a patch before it counts, as a cosine
_LEAST_LIKENESS = 0.25
_SAMPLED_PIECES = 20000
_BLOCK = 128


def log_mel(clips: Samples, spec: FeatureSpec, progress: Progress | None = None) -> FloatArray:
    """Natural logarithm of mel energies, float32[n, frames, mel_bands], of int16[n, clip_samples]."""
    spec = dataclasses.replace(spec, kind="mfcc", energy_floor=_ENERGY_FLOOR)
    weights = mel_weights(spec)
    result = np.empty((len(clips), spec.frames, spec.mel_bands), np.float32)
    for start in range(0, len(clips), _BLOCK):
        block = np.asarray(clips[start : start + _BLOCK])
        result[start : start + len(block)] = log_energy(power_spectrum(block, spec) @ weights, spec)
        if progress is not None:
            progress(start + len(block), len(clips))
    return result


def centred(energies: FloatArray) -> FloatArray:
    """`energies` [n, frames, bands] at mean 0 and about deviation 1, moved so that the word lies in the middle.

    The middle is the centre of mass of what rises above the quietest third of a clip; the edges are repeated.
    """
    frames = energies.shape[1]
    level = energies.mean(axis=2)
    above = np.maximum(level - np.quantile(level, 0.3, axis=1)[:, None], 0)
    centre = (above * np.arange(frames)).sum(axis=1) / (above.sum(axis=1) + 1e-6)
    centre[above.sum(axis=1) == 0] = frames // 2
    places = np.clip(np.arange(frames) + np.rint(centre - frames // 2).astype(int)[:, None], 0, frames - 1)
    moved = np.take_along_axis(energies, places[:, :, None], axis=1)
    moved = moved - energies.mean(axis=(1, 2), keepdims=True)
    moved /= energies.std(axis=(1, 2), keepdims=True) + _LEAST_DEVIATION
    return np.asarray(moved, np.float32)


@dataclass(frozen=True)
class PatchDictionary:
    """Learned pieces of spectrogram."""

    # frames in a piece, odd
    frames: int
    # float32[frames * bands], subtracted from a piece
    mean: FloatArray
    # float32[frames * bands, whitened]
    whitening: FloatArray
    # float32[patches, whitened], of length 1
    patches: FloatArray


def learn_patches(energies: FloatArray, *, patches: int, patch_frames: int, seed: int = 0) -> PatchDictionary:
    """Learn `patches` of `patch_frames` frames each from `energies`, float32[n, frames, bands] as `centred` makes them.

    Raises DependencyError without scikit-learn.
    """
    try:
        from sklearn.cluster import MiniBatchKMeans
    except ImportError as error:
        raise DependencyError(
            "looking for doubtful labels needs scikit-learn: pip install 'kws-edge[explore]'"
        ) from error
    rng = np.random.default_rng(seed)
    pieces = _pieces(energies, patch_frames)
    drawn = pieces[rng.integers(0, len(pieces), _SAMPLED_PIECES), rng.integers(0, pieces.shape[1], _SAMPLED_PIECES)]
    drawn = drawn.reshape(_SAMPLED_PIECES, -1)
    mean = drawn.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov((drawn - mean).T))
    largest = np.argsort(variance)[::-1][:_WHITENED]
    scale = np.sqrt(np.maximum(variance, 0) + _WHITENING_FLOOR * variance.mean())
    whitening = (axes / scale)[:, largest].astype(np.float32)
    kmeans = MiniBatchKMeans(patches, random_state=seed, n_init=1, max_iter=15, batch_size=2000)
    centres = kmeans.fit(_unit((drawn - mean) @ whitening)).cluster_centers_
    return PatchDictionary(patch_frames, mean.astype(np.float32), whitening, _unit(centres.astype(np.float32)))


def embed(energies: FloatArray, dictionary: PatchDictionary, progress: Progress | None = None) -> FloatArray:
    """float32[n, 5 * patches]: how much of each patch is in each stretch of time, at mean 0 and deviation 1 over n."""
    pieces = _pieces(energies, dictionary.frames)
    frames = energies.shape[1]
    bounds = [(round(start * frames), round(end * frames)) for start, end in _STRETCHES]
    count = len(dictionary.patches)
    result = np.empty((len(energies), len(bounds) * count), np.float32)
    for place, block in _blocks(pieces):
        flat = block.reshape(len(block) * frames, -1)
        likeness = _unit((flat - dictionary.mean) @ dictionary.whitening) @ dictionary.patches.T
        likeness -= _LEAST_LIKENESS
        np.maximum(likeness, 0, out=likeness)
        held = likeness.reshape(len(block), frames, count)
        for at, (start, end) in enumerate(bounds):
            result[place, at * count : (at + 1) * count] = held[:, start:end].mean(axis=1)
        if progress is not None:
            progress(place.stop, len(energies))
    np.sqrt(result, out=result)
    result -= result.mean(axis=0)
    result /= result.std(axis=0) + 1e-3
    return result


def _pieces(energies: FloatArray, patch_frames: int) -> FloatArray:
    """Every frame with its neighbours, as a view [n, frames, bands, patch_frames]."""
    reach = patch_frames // 2
    padded = np.pad(energies, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    pieces: FloatArray = sliding_window_view(padded, patch_frames, axis=1)
    return pieces


def _blocks(pieces: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    for start in range(0, len(pieces), _BLOCK):
        place = slice(start, min(start + _BLOCK, len(pieces)))
        yield place, pieces[place]


def _unit(rows: npt.NDArray[np.floating[Any]]) -> FloatArray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: FloatArray = (rows / (length + 1e-6)).astype(np.float32)
    return unit
