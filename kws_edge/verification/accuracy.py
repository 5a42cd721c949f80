"""How often a model is right, and which labels it takes for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_edge.runtime import Values


@dataclass(frozen=True)
class ClassAccuracy:
    """One label's share of the confusion matrix."""

    # of the clips that were taken for this label, the share that has it; None if none was
    precision: float | None
    # of the clips that have this label, the share that was taken for it; None if none has
    recall: float | None
    # clips that have this label
    clips: int


@dataclass(frozen=True)
class Accuracy:
    """What a model made of labelled clips."""

    # correct clips over all clips, 0 to 1
    accuracy: float
    # int64[labels, labels]: clips by true label (row) and predicted label (column)
    confusion: NDArray[np.int64]
    # label to its precision and recall, in the model's order
    per_class: dict[str, ClassAccuracy]


def predicted_labels(outputs: Values) -> NDArray[np.int64]:
    """Index of the largest output of each row of [n, labels]; the first one of equals."""
    labels: NDArray[np.int64] = outputs.argmax(axis=1).astype(np.int64)
    return labels


def measure_accuracy(predicted: NDArray[np.int64], true: NDArray[np.int64], labels: tuple[str, ...]) -> Accuracy:
    """Compare predicted with true labels, both int64[n] of indices into `labels`; n is at least 1."""
    count = len(labels)
    confusion = np.bincount(true * count + predicted, minlength=count * count).reshape(count, count).astype(np.int64)
    per_class = {
        label: ClassAccuracy(
            precision=_share(confusion[index, index], confusion[:, index].sum()),
            recall=_share(confusion[index, index], confusion[index].sum()),
            clips=int(confusion[index].sum()),
        )
        for index, label in enumerate(labels)
    }
    return Accuracy(float(np.trace(confusion) / len(true)), confusion, per_class)


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None
