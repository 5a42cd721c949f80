"""What was measured, as tables of plain text."""

from __future__ import annotations

from tabulate import tabulate

from kws_edge.verification.accuracy import Accuracy
from kws_edge.verification.checks import Check
from kws_edge.verification.verify import Verification


def accuracy_table(verification: Verification) -> str:
    """One row per interpreter: accuracy, or why it is absent."""
    rows = [[name, f"{100 * measured.accuracy:.2f}"] for name, measured in verification.interpreters.items()]
    rows += [[name, f"absent: {reason}"] for name, reason in verification.absent.items()]
    return tabulate(rows, headers=["interpreter", "accuracy %"], disable_numparse=True)


def parity_table(verification: Verification) -> str:
    """One row per pair of interpreters: label agreement, largest difference, outputs that differ."""
    names = list(verification.interpreters)
    outputs = verification.clips * len(verification.bundle.labels)
    rows = [
        [
            f"{first} / {second}",
            f"{100 * parity.label_agreement:.2f}",
            parity.largest_lsb,
            f"{parity.different_outputs:,} of {outputs:,}",
        ]
        for (first, second), parity in verification.parity.items()
        if names.index(first) < names.index(second)
    ]
    return tabulate(rows, headers=["pair", "same label %", "largest LSB", "outputs that differ"], disable_numparse=True)


def confusion_table(measured: Accuracy) -> str:
    """True labels down, predicted labels across, with precision and recall per label."""
    labels = list(measured.per_class)
    rows = [
        [label, *counts, _percent(share.precision), _percent(share.recall)]
        for (label, share), counts in zip(measured.per_class.items(), measured.confusion.tolist(), strict=True)
    ]
    return tabulate(rows, headers=["true \\ predicted", *labels, "precision %", "recall %"], disable_numparse=True)


def check_table(checks: tuple[Check, ...]) -> str:
    """One row per check: what was measured, its limit, whether it holds; below, what is to be said of some."""
    words = {True: "passed", False: "FAILED", None: "not made"}
    rows = [
        [check.name, "" if check.measured is None else f"{check.measured:g}", f"{check.limit:g}", words[check.passed]]
        for check in checks
    ]
    table = tabulate(rows, headers=["check", "measured", "limit", ""], disable_numparse=True)
    return "\n".join([table, *(f"\n{check.name}: {check.detail}" for check in checks if check.detail)])


def disagreement_lines(verification: Verification, *, most: int = 5) -> str:
    """For each interpreter that labels clips otherwise than the device's: how many, and the names of some."""
    lines = []
    for name, clips in verification.disagreements.items():
        if clips:
            shown = ", ".join(clips[:most]) + (", ..." if len(clips) > most else "")
            lines.append(f"{len(clips)} of {verification.clips} clips get another label from {name}: {shown}")
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
