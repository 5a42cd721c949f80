"""`kws-edge verify`: does the bundle keep its accuracy, and does every interpreter compute the same?"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kws_edge.cli import CHECK_FAILED
from kws_edge.cli.dependent_options import check_dependent
from kws_edge.cli.stream_options import HoursOption, NegativesOption, StreamSeedOption
from kws_edge.cli.verified import DataOption, MaxDropOption, SplitName, SplitOption, heard_on_stream, verified
from kws_edge.cli.verify_budget import (
    BudgetOption,
    JunitOption,
    MarginOption,
    StrictOption,
    WriteBudgetOption,
    judged,
    measurements_of,
    read_requested,
    write_measured,
)
from kws_edge.errors import DependencyError


def verify(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="The bundle to verify.", metavar="BUNDLE", show_default=False)],
    data: DataOption = None,
    split: SplitOption = SplitName.TEST,
    max_drop_points: MaxDropOption = 0.5,
    plot: Annotated[Path | None, typer.Option(help="PNG to write: the confusion matrix.")] = None,
    budget: BudgetOption = None,
    strict: StrictOption = False,
    write_budget: WriteBudgetOption = None,
    margin: MarginOption = 5.0,
    junit: JunitOption = None,
    emulated: Annotated[
        int, typer.Option("--emulated", min=0, help="Push so many clips through the firmware on an emulated core too.")
    ] = 0,
    core: Annotated[str, typer.Option(help="The core for --emulated.")] = "cortex-m4",
    stream: Annotated[
        bool, typer.Option("--stream", help="Listen to a long stream too, made of the split: false accepts an hour.")
    ] = False,
    hours: HoursOption = 1.0,
    negatives: NegativesOption = None,
    stream_seed: StreamSeedOption = 0,
    det_plot: Annotated[Path | None, typer.Option(help="PNG to write: the stream's DET curve.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Run a bundle in every interpreter. Exit code 1 if a check fails or a budget is exceeded."""
    from firmware_export.trial import check_place
    from kws_edge.files import check_file_output, write_file
    from kws_edge.reports.detection import det_png
    from kws_edge.reports.junit import cases, junit_xml
    from kws_edge.reports.verification import verification_text
    from kws_edge.verification.emulation import check_emulated, emulate

    if (plot is not None or det_plot is not None) and importlib.util.find_spec("matplotlib") is None:
        raise DependencyError("--plot and --det-plot need matplotlib: pip install 'kws-edge[train]'")
    check_dependent(context, "stream", of=("hours", "negatives", "stream_seed", "det_plot"))
    check_dependent(context, "emulated", of=("core",))
    check_dependent(context, "budget", of=("strict",))
    check_dependent(context, "write_budget", of=("margin",))
    if emulated:
        check_place(core)
    for output in (plot, det_plot, junit, write_budget):
        if output is not None:
            check_file_output(output)
    limits = read_requested(budget)
    result = verified(bundle, data, split=split, max_drop_points=max_drop_points)
    name = result.bundle.name
    if plot is not None:
        from kws_edge.reports.plots import confusion_png

        write_file(plot, confusion_png(result.interpreters[result.device], result.device))
    emulated_parity = None
    if emulated:
        print(f"pushing {emulated} clips through the firmware on {core}", file=sys.stderr)
        emulated_parity = emulate(result, emulated, core)
        result = replace(result, checks=(*result.checks, check_emulated(emulated_parity)))
    heard = None
    if stream:
        heard = heard_on_stream(result, hours=hours, seed=stream_seed, negatives=negatives)
        result = replace(result, checks=(*result.checks, heard.check))
        if det_plot is not None:
            write_file(det_plot, det_png({"one threshold": heard.det}, {"the bundle's": heard.point}, name))
    measurements = measurements_of(limits, result, heard.outcome if heard else None)
    verdict = judged(limits, measurements, strict=strict) if limits else None
    if write_budget is not None:
        write_measured(write_budget, measurements, margin)
    if junit is not None:
        write_file(junit, junit_xml(cases(result.checks, verdict), name))
    passed = result.passed and (verdict is None or verdict.passed)
    if as_json:
        report = {**result.to_json(), "stream": heard.to_json() if heard else None}
        report |= {"emulated": emulated_parity.to_json() if emulated_parity else None}
        report |= {"budget": verdict.to_json() if verdict else None, "passed": passed}
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print(verification_text(result, emulated=emulated_parity, heard=heard, verdict=verdict))
    if not passed:
        raise typer.Exit(CHECK_FAILED)
