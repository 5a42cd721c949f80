"""The budget part of `kws-edge verify`: read it, hold it against what was measured, write one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kws_edge.verification.budget import Budget
    from kws_edge.verification.detection import StreamOutcome
    from kws_edge.verification.measurements import Measurements
    from kws_edge.verification.verdict import Verdict
    from kws_edge.verification.verify import Verification

BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="TOML file with limits, or a board: nano_33_ble_sense, nrf52840, stm32l4, stm32f7, rp2040, esp32_s3, "
        "raspberry_pi_zero_2, raspberry_pi_3, raspberry_pi_4 or raspberry_pi_5.",
        show_default=False,
    ),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Fail on a budget line that was not measured.")]
JunitOption = Annotated[Path | None, typer.Option("--junit", help="JUnit XML to write: checks and budget lines.")]
WriteBudgetOption = Annotated[
    Path | None, typer.Option("--write-budget", help="TOML to write: what this bundle takes, as limits for the next.")
]
MarginOption = Annotated[
    float,
    typer.Option("--margin", min=0, max=1000, help="Percent that --write-budget adds to sizes, counts and rates."),
]


def read_requested(budget: str | None) -> Budget | None:
    """The budget that was asked for, before anything takes time; SettingsError for one that is none."""
    from kws_edge.verification.budget import read_budget

    return None if budget is None else read_budget(budget)


def measurements_of(budget: Budget | None, verification: Verification, stream: StreamOutcome | None) -> Measurements:
    """The figures that a budget's lines need, on its board; each is measured when it is first asked for."""
    from kws_edge.verification.budget import Board
    from kws_edge.verification.measurements import Measurements

    board = budget.board if budget else Board()
    return Measurements(verification.bundle, board, verification, stream)


def judged(budget: Budget, measurements: Measurements, *, strict: bool) -> Verdict:
    """Every line of `budget`, measured now."""
    from kws_edge.verification.verdict import judge

    print("measuring what the budget asks for", file=sys.stderr)
    return judge(budget, measurements, strict=strict)


def write_measured(path: Path, measurements: Measurements, margin_percent: float) -> None:
    """Write what the bundle takes as a budget file."""
    from kws_edge.files import write_file
    from kws_edge.verification.budget_writing import budget_toml

    print("measuring what the bundle takes", file=sys.stderr)
    write_file(path, budget_toml(measurements, margin_percent=margin_percent))
