"""The HTML report of a bundle: one page that holds all that was measured of it."""

from __future__ import annotations

from collections.abc import Iterator

from kws_edge.bundle import FLOAT_MODEL, INT8_MODEL, Bundle
from kws_edge.reports.budgets import verdict_rows
from kws_edge.reports.page import Section, Table, Text, Tile, render_page
from kws_edge.reports.report_accuracy import accuracy_section, parity_section, training_section
from kws_edge.reports.report_layers import latency_section, layers_section, quantization_section
from kws_edge.reports.report_stream import stream_section
from kws_edge.verification.bundle_report import BundleReport
from kws_edge.verification.interpreters import LITERT_FLOAT
from kws_edge.verification.verdict import Verdict

_WORDS = {True: "passed", False: "FAILED", None: "not made"}


def report_html(report: BundleReport) -> str:
    """The page as HTML text."""
    verification = report.verification
    bundle = verification.bundle
    sections = (
        _checks(report),
        _budget(report.verdict),
        accuracy_section(verification),
        training_section(bundle),
        parity_section(verification, report.layer_parity),
        layers_section(report.costs),
        quantization_section(report.quantization),
        stream_section(report.heard),
        latency_section(report.latencies),
        _provenance(bundle),
    )
    form = "quantization-aware" if bundle.quantization_aware else "quantized after training"
    lead = f"{bundle.arch}, {form}: {', '.join(bundle.labels)}"
    return render_page(bundle.name, lead, tiles=list(_tiles(report)), sections=sections, time=report.time)


def _tiles(report: BundleReport) -> Iterator[Tile]:
    verification, verdict = report.verification, report.verdict
    failed = [check.name for check in verification.checks if check.passed is False]
    yield Tile("checks", "FAILED" if failed else "passed", ", ".join(failed) or f"{len(verification.checks)} checks")
    if verdict is not None:
        lines = [line.name for line in verdict.lines if line.passed is False]
        yield Tile("budget", "passed" if verdict.passed else "FAILED", ", ".join(lines) or verdict.source)
    device = verification.interpreters[verification.device]
    real = verification.interpreters.get(LITERT_FLOAT)
    note = f"float {100 * real.accuracy:.2f} %" if real else ""
    yield Tile(f"accuracy, {verification.device}", f"{100 * device.accuracy:.2f} %", note)
    yield Tile("int8 model", f"{len(verification.bundle.int8_model):,} B", "the .tflite file")
    costs = report.costs
    if not isinstance(costs, str):
        tflm = verification.arena
        yield Tile("arena", f"{costs.aot_arena_bytes:,} B", f"TFLM {tflm.measured_bytes:,} B" if tflm else "engine aot")
        counted = sum(layer.instructions or 0 for layer in costs.layers)
        macs = f"{sum(layer.macs for layer in costs.layers) / 1e6:.2f} M MACs"
        if counted:
            yield Tile("one inference", f"{counted / 1e6:.2f} M", f"instructions on {costs.core}, {macs}")
        else:
            yield Tile("one inference", macs)
    if report.heard is not None:
        outcome = report.heard.outcome
        missed = "" if outcome.false_reject_rate is None else f"{100 * outcome.false_reject_rate:.1f} % missed"
        yield Tile("false accepts", f"{outcome.false_accepts_per_hour:.1f} an hour", missed)


def _checks(report: BundleReport) -> Section:
    rows = tuple(
        (
            check.name,
            _WORDS[check.passed],
            "" if check.measured is None else f"{check.measured:g}",
            f"{check.limit:g}",
            check.detail,
        )
        for check in report.verification.checks
    )
    table = Table(("check", "", "measured", "limit", ""), rows, words=(0, 1, 4))
    verification = report.verification
    if verification.data.content_hash == verification.bundle.provenance.data_hash:
        return Section("checks", "Checks", (table,))
    other = "These are not the recordings, or not the splits, that the bundle was trained on."
    return Section("checks", "Checks", (table, Text(other)))


def _budget(verdict: Verdict | None) -> Section:
    if verdict is None:
        return Section("budget", "Budget", ())
    rows = tuple((name, word, measured, limit, detail) for name, measured, limit, word, detail in verdict_rows(verdict))
    caption = verdict.source + (f" ({verdict.board})" if verdict.board else "")
    return Section("budget", "Budget", (Table(("line", "", "measured", "limit", ""), rows, caption, words=(0, 1, 4)),))


def _provenance(bundle: Bundle) -> Section:
    origin, spec, training = bundle.provenance, bundle.features, bundle.training
    rows = [
        ("made", origin.time),
        ("by", origin.command),
        ("seed", str(origin.seed)),
        ("recordings", origin.data_hash),
        ("calibrated", origin.calibration or "never"),
        ("network", ", ".join([bundle.arch, *(f"{name} {value}" for name, value in bundle.model.options.items())])),
        ("front end", f"{spec.kind}, {spec.frames} x {spec.columns} at {spec.sample_rate_hz} Hz, {spec.sha256()}"),
        ("epochs", f"{training.epochs} float" + (f", {training.qat_epochs} QAT" if bundle.quantization_aware else "")),
        (INT8_MODEL, f"{len(bundle.int8_model):,} bytes, {bundle.sha256(INT8_MODEL)}"),
        (FLOAT_MODEL, f"{len(bundle.float_model):,} bytes, {bundle.sha256(FLOAT_MODEL)}"),
        *origin.versions.items(),
    ]
    return Section("provenance", "Provenance", (Table(("", ""), tuple(rows), words=(0, 1)),))
