"""`kws-edge report`: all that can be told of a bundle, as one HTML page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from kws_edge.cli import CHECK_FAILED
from kws_edge.cli.dependent_options import check_dependent
from kws_edge.cli.stream_options import HoursOption, NegativesOption, StreamSeedOption
from kws_edge.cli.verified import DataOption, MaxDropOption, SplitName, SplitOption, heard_on_stream, verified
from kws_edge.cli.verify_budget import BudgetOption, StrictOption, read_requested


def report(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="The bundle to report on.", metavar="BUNDLE", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="HTML file to write.", show_default=False)],
    data: DataOption = None,
    split: SplitOption = SplitName.TEST,
    max_drop_points: MaxDropOption = 0.5,
    budget: BudgetOption = None,
    strict: StrictOption = False,
    core: Annotated[str, typer.Option(help="Emulated core that instructions are counted on.")] = "cortex-m4",
    clips: Annotated[int, typer.Option(min=1, help="Clips for what is looked at layer by layer.")] = 32,
    stream: Annotated[bool, typer.Option("--stream", help="Listen to a long stream too, made of the split.")] = False,
    hours: HoursOption = 1.0,
    negatives: NegativesOption = None,
    stream_seed: StreamSeedOption = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON too.")] = False,
) -> None:
    """Measure a bundle and write one HTML page about it. Exit code 1 if a check fails or a budget is exceeded."""
    from firmware_export.targets.qemu.boards import board_of
    from kws_edge.cli.progress import progress_bar
    from kws_edge.files import check_file_output, write_file
    from kws_edge.reports.report import report_html
    from kws_edge.verification.bundle_report import measure_report

    check_dependent(context, "stream", of=("hours", "negatives", "stream_seed"))
    check_dependent(context, "budget", of=("strict",))
    check_file_output(output)
    board_of(core)
    limits = read_requested(budget)
    verification = verified(bundle, data, split=split, max_drop_points=max_drop_points)
    heard = None
    if stream:
        heard = heard_on_stream(verification, hours=hours, seed=stream_seed, negatives=negatives)
    result = measure_report(
        verification, budget=limits, strict=strict, heard=heard, core=core, clips=clips, stage=progress_bar
    )
    write_file(output, report_html(result))
    print(f"wrote {output}: {'all checks passed' if result.passed else 'a check FAILED'}", file=sys.stderr)
    if as_json:
        print(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
    if not result.passed:
        raise typer.Exit(CHECK_FAILED)
