"""`kws-edge calibrate`: the detection settings for a rate of false accepts, from streams of recordings."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws_edge.cli import CHECK_FAILED
from kws_edge.cli.stream_options import HoursOption, NegativesOption, StreamSeedOption, open_stream, run_on_stream
from kws_edge.errors import DependencyError

if TYPE_CHECKING:
    from kws_edge.verification.calibration import Calibration


def calibrate(
    bundle: Annotated[Path, typer.Argument(help="The bundle to calibrate.", metavar="BUNDLE", show_default=False)],
    target: Annotated[
        float,
        typer.Option(
            "--false-accepts-per-hour", min=0, help="At most so many, of all keywords together.", show_default=False
        ),
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of recordings; else KWS_EDGE_DATA, else synthesized speech.")
    ] = None,
    hours: HoursOption = 4.0,
    negatives: NegativesOption = None,
    per_keyword: Annotated[
        bool,
        typer.Option("--per-keyword", help="A threshold for each keyword; wants tens of hours, fewer mislead it."),
    ] = False,
    miss_rate: Annotated[
        float, typer.Option("--miss-rate", min=0.001, max=1, help="At most this share of spoken keywords missed.")
    ] = 0.5,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Bundle to write.", show_default="the bundle itself"),
    ] = None,
    seed: StreamSeedOption = 0,
    plot: Annotated[Path | None, typer.Option(help="PNG to write: the DET curve on the testing stream.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Choose a bundle's detection settings on validation streams; report them on testing streams.

    Exit code 1, and nothing written, if no setting reaches the target.
    """
    from kws_edge.bundle import check_bundle_output, read_bundle, write_calibrated
    from kws_edge.cli.progress import progress_bar
    from kws_edge.cli.recordings import corpus_of_bundle
    from kws_edge.files import check_file_output, check_output, write_file
    from kws_edge.reports.detection import det_png, outcome_text, points_table, settings_text
    from kws_edge.verification.calibration import Target
    from kws_edge.verification.calibration import calibrate as search
    from kws_edge.verification.stream_verification import sweep_of, verify_stream

    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise DependencyError("--plot needs matplotlib: pip install 'kws-edge[train]'")
    if plot is not None:
        check_file_output(plot)
    if output is not None:
        check_bundle_output(output)
    wanted = Target(false_accepts_per_hour=target, false_reject_rate=miss_rate, per_keyword=per_keyword)
    # again on the stream as it was made; here before an hour of it is
    wanted.check_hours(hours)
    source = read_bundle(bundle)
    check_output(output or bundle)
    corpus = corpus_of_bundle(source, data)
    validation = open_stream(corpus, "validation", hours=hours, seed=seed, negatives=negatives)
    run = run_on_stream(source, validation, with_firmware=False)
    with progress_bar("settings tried") as progress:
        (found,) = search(sweep_of(source, validation, run), source.detection, [wanted], progress=progress)
    if found.chosen is None:
        _report_failure(found, source.path, as_json=as_json)
        raise typer.Exit(CHECK_FAILED)
    chosen = dataclasses.replace(source, detection=found.chosen.settings)
    testing = open_stream(corpus, "test", hours=hours, seed=seed, negatives=negatives)
    result = verify_stream(chosen, testing, run_on_stream(chosen, testing, with_firmware=False))
    measured: dict[str, Any] = {
        "target": dataclasses.asdict(wanted),
        "data_hash": corpus.content_hash,
        "validation": found.chosen.to_json(),
        "testing": result.point.to_json(),
    }
    command = shlex.join(["kws-edge", *sys.argv[1:]])
    written = write_calibrated(output or bundle, source, found.chosen.settings, command=command, measured=measured)
    points = {f"{hours:g} h of validation, chosen on": found.chosen, f"{hours:g} h of testing": result.point}
    if plot is not None:
        write_file(plot, det_png({"testing, one threshold": result.det}, points, f"{source.path.name}"))
    if as_json:
        print(json.dumps({"bundle": str(written.path), "met": True, **measured}, indent=2))
        return
    print(f"{written.path}: {settings_text(found.chosen.settings)}\n")
    print(points_table(points), "on testing:", outcome_text(result.outcome), sep="\n\n")


def _report_failure(found: Calibration, path: Path, *, as_json: bool) -> None:
    from kws_edge.reports.detection import settings_text

    outcome = found.nearest.outcome
    rate = outcome.false_reject_rate or 0.0
    said = (
        f"{path}: no setting has at most {found.target.false_accepts_per_hour:g} false accepts an hour and misses at "
        f"most {100 * found.target.false_reject_rate:g} % of the keywords; the nearest has "
        f"{outcome.false_accepts_per_hour:.2f} and misses {100 * rate:.1f} %: {settings_text(found.nearest.settings)}. "
        "Nothing was written: allow more, or train on words and speech like those that woke it"
    )
    if as_json:
        print(json.dumps({"bundle": str(path), "met": False, "nearest": found.nearest.to_json()}, indent=2))
    print(f"kws-edge: {said}", file=sys.stderr)
