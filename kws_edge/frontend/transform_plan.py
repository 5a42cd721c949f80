"""How a real transform of 2^n or 5*2^n points is taken apart: passes, order, twiddles, and the bound of its values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kws_edge.errors import SettingsError
from kws_edge.frontend.real_tables import Float64Array


@dataclass(frozen=True)
class TransformPlan:
    """A real transform as a complex one of half the length: decimation in time, first pass without twiddles."""

    # real points, N; the complex transform has M = N / 2
    length: int
    # radix of each pass, first to last: 4 or 5, then 4s, then perhaps a 2
    radices: tuple[int, ...]
    # uint16[M / radices[0]]: block b of the first pass takes points order[b] + q * M / radices[0]
    order: NDArray[np.uint16]
    # int32[., 2], Q31 (re, im): for each radix-4 pass after the first, for j = 1 to span - 1, W^j, W^2j, W^3j
    radix4_twiddles: NDArray[np.int32]
    # int32[N / 4, 2], Q31 (re, im): exp(-2 pi i k / N), k = 0 to N / 4 - 1; for the split and for a radix-2 pass
    split_twiddles: NDArray[np.int32]

    @property
    def points(self) -> int:
        """Complex points, M."""
        return self.length // 2

    @property
    def halvings(self) -> int:
        """The result is the transform divided by 2 to this power: one for each pass with twiddles."""
        return len(self.radices) - 1

    def spans(self) -> tuple[int, ...]:
        """Points of the transforms that each pass combines; the first combines single points."""
        spans = [1]
        for radix in self.radices[:-1]:
            spans.append(spans[-1] * radix)
        return tuple(spans)

    def largest_value(self, magnitudes: Float64Array) -> float:
        """Bound of every intermediate value, given the largest magnitude of each windowed real sample, float64[N].

        The first pass adds `radices[0]` complex points, each later pass adds its radix of them and halves. The split
        adds two values whose sum is twice the transform of the even samples alone, or of the odd ones.
        """
        first = self.radices[0]
        points = np.hypot(magnitudes[0::2], magnitudes[1::2])
        bound = points.reshape(first, -1).sum(axis=0).max()
        # radix 5 doubles differences of two points before its constants halve them
        largest = 2 * (points.reshape(first, -1)[1:].sum(axis=0)).max() if first == 5 else bound
        for radix in self.radices[1:]:
            bound *= radix / 2
            largest = max(largest, bound)
        halves = max(magnitudes[0::2].sum(), magnitudes[1::2].sum()) / 2**self.halvings
        return float(max(largest, 2 * halves))


@lru_cache(maxsize=32)
def transform_plan(length: int) -> TransformPlan:
    """The plan for `length` real points; raises SettingsError unless that is 2^n or 5*2^n, n at least 4."""
    radices = _radices(length)
    points = length // 2
    spans = TransformPlan(length, radices, *(np.zeros(0),) * 3).spans()  # type: ignore[arg-type]  # spans need no tables
    steps = [
        (4 * span, j * q)
        for radix, span in zip(radices[1:], spans[1:], strict=True)
        if radix == 4
        for j in range(1, span)
        for q in (1, 2, 3)
    ]
    return TransformPlan(
        length=length,
        radices=radices,
        order=_decimated(np.arange(points), radices[::-1])[:: radices[0]].astype(np.uint16),
        radix4_twiddles=_q31_rotations(np.array([step for _, step in steps]), np.array([turn for turn, _ in steps])),
        split_twiddles=_q31_rotations(np.arange(length // 4), np.full(length // 4, length)),
    )


def _radices(length: int) -> tuple[int, ...]:
    points, odd = length // 2, 1
    while points > 1 and points % 2 == 0:
        points, odd = points // 2, odd * 2
    exponent = odd.bit_length() - 1
    if length % 2 or points not in (1, 5) or exponent < 3:
        raise SettingsError(f"fft_length = {length} is neither 2^n nor 5*2^n, n of 4 or more; 0 chooses one")
    first = () if points == 1 else (5,)
    return (*first, *(4,) * (exponent // 2), *(2,) * (exponent % 2))


def _decimated(indices: NDArray[np.int64], radices: tuple[int, ...]) -> NDArray[np.int64]:
    """Input order of decimation in time: `radices` from the last pass to the first."""
    if len(radices) == 1:
        return indices
    parts = [_decimated(indices[q :: radices[0]], radices[1:]) for q in range(radices[0])]
    return np.concatenate(parts)


def _q31_rotations(steps: NDArray[np.int64], turns: NDArray[np.int64]) -> NDArray[np.int32]:
    """exp(-2 pi i step / turn) in Q31, int32[., 2]; 1.0 is the largest int32."""
    angles = 2 * np.pi * steps / np.maximum(turns, 1)
    rotation = np.stack([np.cos(angles), -np.sin(angles)], axis=-1)
    return np.clip(np.round(rotation * 2.0**31), -(2**31), 2**31 - 1).astype(np.int32)
