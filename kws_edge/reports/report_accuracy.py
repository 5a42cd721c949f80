"""The report's pages on what a model gets right: accuracy, training, parity of interpreters."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from itertools import pairwise

from kws_edge.bundle import HISTORY, Bundle
from kws_edge.reports.layers import departure_lines, layer_parity_cells
from kws_edge.reports.page import Lines, Part, Plot, Plots, Section, Table, Text
from kws_edge.reports.svg import Axis, Bar, Series, bar_plot, heat_map, line_plot
from kws_edge.verification.accuracy import Accuracy
from kws_edge.verification.layer_parity import LayerParity
from kws_edge.verification.verify import Verification

_MOST_NAMES = 8


def accuracy_section(verification: Verification) -> Section:
    """Accuracy of every interpreter, and the device's by label."""
    device = verification.interpreters[verification.device]
    labels = tuple(device.per_class)
    confused = f"{verification.device}: true labels down, predicted across, clips"
    recall = f"{verification.device}: share of each label's clips that are recognized"
    bars = [
        Bar(name=label, value=100 * share.recall, text=f"{100 * share.recall:.1f} %")
        for label, share in device.per_class.items()
        if share.recall is not None
    ]
    rows = [(name, f"{100 * measured.accuracy:.2f}", "") for name, measured in verification.interpreters.items()]
    rows += [(name, "", reason) for name, reason in verification.absent.items()]
    parts: tuple[Part, ...] = (
        Text(f"{verification.clips:,} clips of the {verification.split} split of {verification.data.folder}."),
        Table(("interpreter", "accuracy %", "absent because"), tuple(rows), words=(0, 2)),
        Plots(
            (
                Plot(confused, heat_map(labels, device.confusion.tolist(), confused)),
                Plot(recall, bar_plot(bars, recall)),
            )
        ),
        _by_label(device),
    )
    return Section("accuracy", "Accuracy", parts)


def _by_label(measured: Accuracy) -> Table:
    rows = tuple(
        (label, str(share.clips), _percent(share.precision), _percent(share.recall))
        for label, share in measured.per_class.items()
    )
    return Table(("label", "clips", "precision %", "recall %"), rows)


def training_section(bundle: Bundle) -> Section:
    """Loss and accuracy over the epochs, from the bundle's own history."""
    rows = list(csv.DictReader(io.StringIO(bundle.files[HISTORY].decode())))
    if len(rows) < 2:
        return Section("training", "Training", ())
    borders = [
        (number - 0.5, before["phase"])
        for number, (before, after) in enumerate(pairwise(rows), 1)
        if before["phase"] != after["phase"]
    ]
    plots = []
    for quantity, factor, unit in (("loss", 1.0, "loss"), ("accuracy", 100.0, "accuracy, %")):
        series = [
            Series(
                name=f"{group} {quantity}",
                # an epoch that diverged has no loss to be drawn
                points=tuple(
                    (float(n), value)
                    for n, row in enumerate(rows)
                    if math.isfinite(value := factor * float(row[f"{group}_{quantity}"]))
                ),
            )
            for group in ("train", "validation")
        ]
        caption = f"{quantity.capitalize()} over the epochs"
        plots.append(Plot(caption, line_plot(series, Axis(title="epoch"), Axis(title=unit), caption, borders=borders)))
    seconds = sum(float(row["seconds"]) for row in rows)
    return Section(
        "training", "Training", (Text(f"{len(rows)} epochs in {seconds / 60:.0f} minutes."), Plots(tuple(plots)))
    )


def parity_section(verification: Verification, layers: LayerParity) -> Section:
    """Which interpreters give the same outputs, clip by clip and layer by layer."""
    names = list(verification.interpreters)
    outputs = verification.clips * len(verification.bundle.labels)
    rows = tuple(
        (
            f"{first} / {second}",
            f"{100 * parity.label_agreement:.2f}",
            str(parity.largest_lsb),
            f"{parity.different_outputs:,}",
        )
        for (first, second), parity in verification.parity.items()
        if names.index(first) < names.index(second)
    )
    heads = ("pair", "same label %", "largest LSB", f"different outputs of {outputs:,}")
    return Section(
        "parity",
        "Parity",
        (
            Lines(tuple(_departures(verification, layers))),
            Table(heads, rows, "The final outputs, two interpreters at a time"),
            _layer_table(layers),
        ),
    )


def _departures(verification: Verification, layers: LayerParity) -> Iterator[str]:
    yield from departure_lines(layers)
    for name, clips in verification.disagreements.items():
        if clips:
            shown = ", ".join(clips[:_MOST_NAMES]) + (", ..." if len(clips) > _MOST_NAMES else "")
            counted = "1 clip gets" if len(clips) == 1 else f"{len(clips):,} clips get"
            yield f"{counted} another label from {name}: {shown}"


def _layer_table(parity: LayerParity) -> Table:
    heads, rows = layer_parity_cells(parity)
    caption = (
        f"Largest difference from {parity.device} after each layer, in int8 steps (share of outputs that differ), "
        f"{parity.clips} clips"
    )
    return Table(heads, rows, caption)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
