"""What was measured, as pictures."""

from __future__ import annotations

import io

import numpy as np

from kws_edge.verification.accuracy import Accuracy


def confusion_png(measured: Accuracy, title: str) -> bytes:
    """A PNG of the confusion matrix: colour by share of the true label's clips, numbers are clips.

    Needs matplotlib.
    """
    from matplotlib.figure import Figure

    labels = list(measured.per_class)
    counts = measured.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    inches = 2.5 + 0.45 * len(labels)
    figure = Figure(figsize=(inches, inches), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"{title}: {100 * measured.accuracy:.2f} % of {counts.sum():,} clips")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
    stream = io.BytesIO()
    # without metadata, so that the same measurement gives the same file
    figure.savefig(stream, format="png", dpi=120, metadata={"Software": None})
    return stream.getvalue()
