"""A budget's verdict for people."""

from __future__ import annotations

from tabulate import tabulate

from kws_edge.verification.verdict import Verdict

_WORDS = {"pass": "pass", "fail": "FAIL", "not measured": "not measured"}
_DETAIL_COLUMNS = 64
_ALIGNED = ("left", "right", "right", "left", "left")


def verdict_rows(verdict: Verdict) -> tuple[tuple[str, str, str, str, str], ...]:
    """Name, measured, limit, verdict and detail of every line of the budget."""
    return tuple(
        (line.name, _number(line.measured), _number(line.limit), _WORDS[line.verdict], line.detail)
        for line in verdict.lines
    )


def verdict_table(verdict: Verdict) -> str:
    """One row per line of the budget: measured, limit, verdict, and how it was measured or what is wrong."""
    title = verdict.source + (f" ({verdict.board})" if verdict.board else "")
    table = tabulate(
        verdict_rows(verdict),
        headers=["budget", "measured", "limit", "", ""],
        disable_numparse=True,
        colalign=_ALIGNED,
        maxcolwidths=[None, None, None, None, _DETAIL_COLUMNS],
    )
    return f"{title}: {_summary(verdict)}\n\n{table}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.6g}" if value != int(value) else f"{int(value):,}"


def _summary(verdict: Verdict) -> str:
    unmeasured = sum(line.passed is None for line in verdict.lines)
    failed = sum(line.passed is False for line in verdict.lines)
    kept = len(verdict.lines) - failed - unmeasured
    counted = f"{kept} of {len(verdict.lines)} lines kept, {failed} failed, {unmeasured} not measured"
    return counted + (" (which fails: --strict)" if verdict.strict and unmeasured else "")
