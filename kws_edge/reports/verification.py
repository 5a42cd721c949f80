"""The whole report of `kws-edge verify` for people."""

from __future__ import annotations

from kws_edge.reports.budgets import verdict_table
from kws_edge.reports.detection import stream_text
from kws_edge.reports.tables import (
    accuracy_table,
    check_table,
    confusion_table,
    disagreement_lines,
    parity_table,
)
from kws_edge.verification.device import DeviceParity
from kws_edge.verification.stream_verification import StreamVerification
from kws_edge.verification.verdict import Verdict
from kws_edge.verification.verify import Verification


def verification_text(
    verification: Verification,
    *,
    emulated: DeviceParity | None,
    heard: StreamVerification | None,
    verdict: Verdict | None,
) -> str:
    """Every part of the report that there is, in order, an empty line between two."""
    corpus, bundle = verification.data, verification.bundle
    parts = [
        f"{bundle.path} on {verification.clips} clips of {corpus.folder} ({verification.split})",
        accuracy_table(verification),
        parity_table(verification),
        disagreement_lines(verification),
        f"{verification.device}:\n{confusion_table(verification.interpreters[verification.device])}",
    ]
    if verification.arena:
        arena = verification.arena
        parts.append(f"TFLM's arena: {arena.measured_bytes:,} bytes, and {arena.margin_bytes:,} of margin")
    if emulated is not None:
        parts.append(_emulated_line(emulated))
    if heard is not None:
        parts.append(stream_text(heard))
    parts.append(check_table(verification.checks))
    if verdict is not None:
        parts.append(verdict_table(verdict))
    if corpus.content_hash != bundle.provenance.data_hash:
        parts.append("These are not the recordings, or not the splits, that the bundle was trained on.")
    return "\n\n".join(part for part in parts if part)


def _emulated_line(parity: DeviceParity) -> str:
    return (
        f"{parity.clips} clips through the firmware on {parity.place}: self-test {parity.selftest}, "
        f"features differ on {len(parity.different_features)}, outputs on {len(parity.different_outputs)}, "
        f"labels on {len(parity.different_labels)}"
    )
