"""The course of a training as CSV and as a picture."""

from __future__ import annotations

import csv
import io
from typing import Any

Row = dict[str, Any]


def history_csv(rows: list[Row]) -> str:
    """`rows` as CSV, one line per epoch."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def history_png(rows: list[Row]) -> bytes:
    """Loss and accuracy over the epochs, training and validation, float and quantization-aware."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for group, style in (("train", "--"), ("validation", "-")):
            axes.plot([row[f"{group}_{quantity}"] for row in rows], style, label=group)
        for index in range(1, len(rows)):
            if rows[index]["phase"] != rows[index - 1]["phase"]:
                axes.axvline(index - 0.5, color="gray", linewidth=1)
                axes.text(index, axes.get_ylim()[0], f" {rows[index]['phase']}", color="gray", va="bottom")
        axes.set_xlabel("epoch")
        axes.set_title(quantity)
        axes.grid(alpha=0.3)
        axes.legend()
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80)
    return stream.getvalue()
