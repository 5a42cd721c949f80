"""Accuracy, confusion, precision and recall are what their definitions say."""

from __future__ import annotations

import numpy as np
import pytest

from kws_edge.verification.accuracy import ClassAccuracy, measure_accuracy, predicted_labels


def test_a_case_worked_by_hand() -> None:
    true = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 1, 0, 1, 0, 1])
    measured = measure_accuracy(predicted, true, ("yes", "no", "silence", "unknown"))
    assert measured.accuracy == pytest.approx(3 / 6)
    assert measured.confusion.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert measured.per_class == {
        "yes": ClassAccuracy(precision=2 / 3, recall=2 / 3, clips=3),
        "no": ClassAccuracy(precision=1 / 3, recall=1 / 2, clips=2),
        "silence": ClassAccuracy(precision=None, recall=0.0, clips=1),
        "unknown": ClassAccuracy(precision=None, recall=None, clips=0),
    }


def test_the_largest_output_is_the_label_and_the_first_of_equals() -> None:
    outputs = np.array([[-128, 5, 4], [127, 127, 0], [-3, -2, -2]], np.int8)
    assert predicted_labels(outputs).tolist() == [1, 0, 1]
