"""`kws-edge calibrate`: the detection settings for a rate of false accepts, from streams of recordings, or by hand."""

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
from kws_edge.cli.dependent_options import check_dependent
from kws_edge.cli.stream_options import HoursOption, NegativesOption, StreamSeedOption, open_stream, run_on_stream
from kws_edge.errors import DependencyError, SettingsError

if TYPE_CHECKING:
    from kws_edge.bundle import Bundle
    from kws_edge.spec import DetectionSettings
    from kws_edge.verification.calibration import Calibration


def calibrate(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="The bundle to calibrate.", metavar="BUNDLE", show_default=False)],
    target: Annotated[
        float | None,
        typer.Option(
            "--false-accepts-per-hour", min=0, help="At most so many, of all keywords together.", show_default=False
        ),
    ] = None,
    by_hand: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Instead: a setting of [detection] by hand, as threshold=0.8 or thresholds.yes=0.7, unmeasured; "
            "may be repeated.",
            metavar="NAME=VALUE",
            show_default=False,
        ),
    ] = None,
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
    """Choose a bundle's detection settings on validation streams and report them on testing streams, or set them.

    Exit code 1, and nothing written, if no setting reaches the target.
    """
    if (target is None) == (not by_hand):
        raise SettingsError(
            "say either --false-accepts-per-hour N, to choose settings, or --set NAME=VALUE, to give them"
        )
    if target is None:
        streams = ("data", "hours", "negatives", "per_keyword", "miss_rate", "seed", "plot")
        check_dependent(context, "target", of=streams)
        _write_by_hand(bundle, output, by_hand or [], as_json=as_json)
        return
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
    written = write_calibrated(output or bundle, source, found.chosen.settings, command=_command(), measured=measured)
    points = {f"{hours:g} h of validation, chosen on": found.chosen, f"{hours:g} h of testing": result.point}
    if plot is not None:
        write_file(plot, det_png({"testing, one threshold": result.det}, points, source.name))
    if as_json:
        print(json.dumps({"bundle": str(written.path), "met": True, **measured}, indent=2))
        return
    print(f"{written.path}: {settings_text(found.chosen.settings)}\n")
    print(points_table(points), "on testing:", outcome_text(result.outcome), sep="\n\n")


def _command() -> str:
    return shlex.join(["kws-edge", *sys.argv[1:]])


def _write_by_hand(bundle: Path, output: Path | None, assignments: list[str], *, as_json: bool) -> None:
    from kws_edge.bundle import check_bundle_output, read_bundle, write_calibrated
    from kws_edge.reports.detection import settings_text
    from kws_edge.settings import to_mapping

    if output is not None:
        check_bundle_output(output)
    source = read_bundle(bundle)
    written = write_calibrated(output or bundle, source, _set(source, assignments), command=_command(), measured={})
    if as_json:
        print(json.dumps({"bundle": str(written.path), "settings": to_mapping(written.detection)}, indent=2))
        return
    print(f"{written.path}: {settings_text(written.detection)}")


def _set(bundle: Bundle, assignments: list[str]) -> DetectionSettings:
    """The bundle's detection settings with some of them assigned as TOML does; an empty `thresholds` drops them all."""
    from kws_edge.detection import check_thresholds
    from kws_edge.settings import from_mapping, parse_toml, to_mapping
    from kws_edge.spec import SILENCE, UNKNOWN, DetectionSettings

    for text in assignments:
        _check_assignment(text)
    given = parse_toml("\n".join(assignments).encode(), Path("--set"))
    settings = from_mapping(DetectionSettings, {**to_mapping(bundle.detection), **given}, source="--set")
    if settings.thresholds:
        settings = dataclasses.replace(settings, thresholds={**bundle.detection.thresholds, **settings.thresholds})
    check_thresholds(settings, [label for label in bundle.labels if label not in (SILENCE, UNKNOWN)])
    return settings


def _check_assignment(text: str) -> None:
    from kws_edge.settings import parse_toml

    try:
        parse_toml(text.encode(), Path("--set"))
    except SettingsError as error:
        way_out = 'write NAME=VALUE, such as threshold=0.8 or thresholds."turn left"=0.7'
        raise SettingsError(f"--set {text}: {way_out}") from error


def _report_failure(found: Calibration, path: Path, *, as_json: bool) -> None:
    from kws_edge.reports.detection import settings_text

    outcome = found.nearest.outcome
    rate = outcome.false_reject_rate or 0.0
    said = (
        f"{path}: no setting has at most {found.target.false_accepts_per_hour:g} false accepts an hour and misses at "
        f"most {100 * found.target.false_reject_rate:g} % of the keywords; the nearest has "
        f"{outcome.false_accepts_per_hour:.2f} and misses {100 * rate:.1f} %: {settings_text(found.nearest.settings)}. "
        "Nothing was written: allow more, train on words and speech like those that woke it, or choose yourself: --set"
    )
    if as_json:
        print(json.dumps({"bundle": str(path), "met": False, "nearest": found.nearest.to_json()}, indent=2))
    print(f"kws-edge: {said}", file=sys.stderr)
