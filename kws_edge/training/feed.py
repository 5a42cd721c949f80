"""Batches for the training loop: drawn, augmented and turned into features in the background, the same in every run."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.corpus import NoiseBank, Split
from kws_edge.corpus.audio import Samples
from kws_edge.corpus.augmentation import augment
from kws_edge.corpus.noise import background_clips, synthetic_bank
from kws_edge.frontend import features
from kws_edge.spec import AugmentationSettings, FeatureSpec

AHEAD = 6  # batches in preparation; more only cost memory


@dataclass(frozen=True)
class Batch:
    """What one training step sees."""

    # int8[n, frames, columns]
    features: NDArray[np.int8]
    # int64[n]
    labels: NDArray[np.int64]
    # the same clips through the front end of each further spec, such as a teacher's: int8[n, frames, columns]
    views: tuple[NDArray[np.int8], ...]
    # mixup: each clip's partner, int64[n], and its own share of the mixture, float32[n], 0.5 to 1
    partners: NDArray[np.int64]
    shares: NDArray[np.float32]


def masked(
    features: NDArray[np.int8], settings: AugmentationSettings, spec: FeatureSpec, rng: np.random.Generator
) -> NDArray[np.int8]:
    """`features` [n, frames, columns] with a random stretch of frames and of columns at the columns' mean.

    Park et al. 2019 (arXiv:1904.08779) without time warping; a normalized spec's mean is its zero point. A waveform
    stays as it is: its one column is all that there is.
    """
    if spec.kind == "waveform":
        return features
    count, frames, columns = features.shape
    longest = round(settings.time_mask_ms / spec.window_stride_ms)
    hidden = np.zeros((count, frames, columns), bool)
    for axis, size, most in ((1, frames, longest), (2, columns, settings.column_mask)):
        if most == 0:
            continue
        width = rng.integers(0, min(most, size) + 1, count)
        first = rng.integers(0, size - width + 1)
        place = np.arange(size)
        run = (place >= first[:, None]) & (place < (first + width)[:, None])
        hidden |= run[:, :, None] if axis == 1 else run[:, None, :]
    return np.where(hidden, np.int8(spec.zero_point), features) if hidden.any() else features


def balanced_order(labels: NDArray[np.int64], *, balance: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of one epoch, as many as there are clips but for rounding, scarce labels drawn more often.

    With `balance` b each label's share is proportional to count^(1-b), rounded to whole clips: 0 keeps the counts, 1
    makes all equal. Within a label every clip is used before any is used again.
    """
    counts = np.bincount(labels)
    present = np.flatnonzero(counts)
    shares = counts[present] ** (1.0 - balance)
    quota = np.maximum(1, np.rint(shares / shares.sum() * len(labels))).astype(int)
    order = []
    for label, wanted in zip(present, quota, strict=True):
        own = np.flatnonzero(labels == label)
        rounds = -(-wanted // len(own))
        order.append(np.concatenate([rng.permutation(own) for _ in range(rounds)])[:wanted])
    return rng.permutation(np.concatenate(order))


class Feed:
    """Training batches, made from augmented clips.

    Arguments: `views` are further specs through whose front end each batch passes too; `mixup` is alpha of the Beta
    distribution of the shares, 0 for none; `silence` is the label whose clips `fresh_silence` draws anew.
    Everything random derives from `(seed, phase, epoch, step)`, so the order in which threads finish changes nothing.
    `waited_s` is the time that the consumer has spent waiting for data since the epoch began.
    """

    def __init__(
        self,
        split: Split,
        noise: NoiseBank,
        spec: FeatureSpec,
        augmentation: AugmentationSettings,
        *,
        batch_size: int,
        class_balance: float,
        seed: int,
        mixup: float = 0.0,
        views: tuple[FeatureSpec, ...] = (),
        silence: int | None = None,
    ) -> None:
        self._silence = silence if augmentation.fresh_silence else None
        self._mixup, self._views = mixup, views
        self._split, self._noise, self._spec, self._augmentation = split, noise, spec, augmentation
        self._batch_size, self._class_balance, self._seed = batch_size, class_balance, seed
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feed")
        self.waited_s = 0.0
        self.steps = max(1, len(split.labels) // batch_size)

    def _batch(self, indices: NDArray[np.int64], key: tuple[int, ...]) -> Batch:
        rng = np.random.default_rng(key)
        indices = np.sort(indices)
        clips = np.asarray(self._split.clips[indices])
        if self._silence is not None:
            self._redraw_silence(clips, self._split.labels[indices] == self._silence, rng)
        augmented = augment(clips, self._augmentation, self._noise, rng, self._spec.sample_rate_hz)
        count = len(indices)
        shares = rng.beta(self._mixup, self._mixup, count) if self._mixup else np.ones(count)
        return Batch(
            features=masked(features(augmented, self._spec), self._augmentation, self._spec, rng),
            labels=self._split.labels[indices],
            views=tuple(features(augmented, spec) for spec in self._views),
            partners=rng.permutation(count) if self._mixup else np.arange(count),
            shares=np.maximum(shares, 1 - shares).astype(np.float32),
        )

    def _redraw_silence(self, clips: Samples, silent: NDArray[np.bool_], rng: np.random.Generator) -> None:
        """Put other background in the place of `silent` clips; digital zeros stay what they are."""
        silent &= clips.any(axis=1)
        synthetic = silent & (rng.random(len(clips)) < self._augmentation.synthetic_noise_share)
        banks = ((synthetic, synthetic_bank(self._spec.sample_rate_hz)), (silent & ~synthetic, self._noise))
        for rows, bank in banks:
            clips[rows] = background_clips(int(rows.sum()), clips.shape[1], bank, rng)

    def epoch(self, phase: int, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch; the last clips that do not fill a batch are left to other epochs."""
        rng = np.random.default_rng((self._seed, phase, epoch))
        order = balanced_order(self._split.labels, balance=self._class_balance, rng=rng)
        self.waited_s = 0.0
        waiting: deque[Future[Batch]] = deque()
        for step in range(self.steps + AHEAD):
            if step < self.steps:
                indices = order[step * self._batch_size : (step + 1) * self._batch_size]
                if len(indices) == 0:  # shares were rounded down, and the mean loss over no clips is not a number
                    indices = order[: self._batch_size]
                waiting.append(self._pool.submit(self._batch, indices, (self._seed, phase, epoch, step)))
            if step >= AHEAD or step >= self.steps:
                if not waiting:
                    return
                started = time.perf_counter()
                batch = waiting.popleft().result()
                self.waited_s += time.perf_counter() - started
                yield batch

    def close(self) -> None:
        """Stop the background thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def column_statistics(
    split: Split, spec: FeatureSpec, *, most_clips: int = 2000, seed: int = 0
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each feature column over training clips, rounded to 4 significant digits.

    Measured on the float features, before any quantization; a column that never varies gets a deviation of 1.
    """
    from kws_edge.frontend import float_features

    chosen = np.random.default_rng(seed).permutation(len(split.labels))[:most_clips]
    values: NDArray[Any] = float_features(np.asarray(split.clips[np.sort(chosen)]), spec).reshape(-1, spec.columns)
    deviations = values.std(axis=0, dtype=np.float64)
    mean = tuple(float(f"{value:.4g}") for value in values.mean(axis=0, dtype=np.float64))
    std = tuple(float(f"{value:.4g}") if value > 1e-6 else 1.0 for value in deviations)
    return mean, std
