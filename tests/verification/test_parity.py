"""Differences are counted on the int8 model's output grid, and none is overlooked."""

from __future__ import annotations

import numpy as np

from kws_edge.runtime import TensorInfo
from kws_edge.verification.parity import Parity, measure_parity, on_output_grid

GRID = TensorInfo((1, 3), "int8", scale=0.5, zero_point=10)


def test_float_outputs_are_rounded_to_the_grid_and_clipped() -> None:
    outputs = np.array([[0.0, 0.24, 0.26], [-0.26, 1e6, -1e6]], np.float32)
    assert on_output_grid(outputs, GRID).tolist() == [[10, 10, 11], [9, 127, -128]]


def test_one_differing_output_is_found() -> None:
    first = np.zeros((1000, 3), np.int8)
    first[:, 1] = 9
    second = first.copy()
    assert measure_parity(first, second, GRID) == Parity(1.0, 0, 0)
    second[777, 2] = -1
    assert measure_parity(first, second, GRID) == Parity(1.0, 1, 1)
    second[777, 2] = 20
    assert measure_parity(first, second, GRID) == Parity(0.999, 20, 1)


def test_the_widest_difference_does_not_wrap() -> None:
    first, second = np.full((1, 3), -128, np.int8), np.full((1, 3), 127, np.int8)
    assert measure_parity(first, second, GRID).largest_lsb == 255


def test_labels_are_decided_before_rounding() -> None:
    near = np.array([[0.0, 0.01, -1.0]], np.float32)
    far = np.array([[0.01, 0.0, -1.0]], np.float32)
    assert measure_parity(near, far, GRID) == Parity(0.0, 0, 0)
