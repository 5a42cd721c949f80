"""How far two interpreters of one network differ, on the grid of the int8 model's output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_edge.runtime import TensorInfo, Values
from kws_edge.verification.accuracy import predicted_labels


@dataclass(frozen=True)
class Parity:
    """Two interpreters side by side on the same clips."""

    # share of clips, 0 to 1, that both give the same label
    label_agreement: float
    # largest difference of two outputs, in steps of the int8 output
    largest_lsb: int
    # outputs (clips times labels) that differ at all on that grid
    different_outputs: int


def on_output_grid(outputs: Values, grid: TensorInfo) -> NDArray[np.int64]:
    """Outputs [n, labels] as integers on the int8 model's output grid: int8 as it is, float32 rounded and clipped."""
    steps: NDArray[np.int64] = outputs.astype(np.int64)
    if outputs.dtype != np.int8:
        real = np.rint(outputs.astype(np.float64) / grid.scale) + grid.zero_point
        steps = np.clip(real, -128, 127).astype(np.int64)
    return steps


def measure_parity(first: Values, second: Values, grid: TensorInfo) -> Parity:
    """Compare the outputs [n, labels] of two interpreters; labels are decided before anything is rounded to `grid`."""
    difference = np.abs(on_output_grid(first, grid) - on_output_grid(second, grid))
    return Parity(
        label_agreement=float(np.mean(predicted_labels(first) == predicted_labels(second))),
        largest_lsb=int(difference.max()),
        different_outputs=int(np.count_nonzero(difference)),
    )
