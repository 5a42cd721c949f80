"""`kws-edge bench`: what a bundle takes on this machine, every installed engine side by side."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws_edge.cli import CHECK_FAILED
from kws_edge.cli.dependent_options import check_alone
from kws_edge.errors import SettingsError

if TYPE_CHECKING:
    from kws_edge.bundle import Bundle
    from kws_edge.verification.labelled_clips import LabelledClips


def bench(
    context: typer.Context,
    bundle: Annotated[
        Path | None, typer.Argument(help="The bundle to measure.", metavar="BUNDLE", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of recordings for accuracy and parity; else KWS_EDGE_DATA, else neither."),
    ] = None,
    clips: Annotated[
        int | None, typer.Option(min=1, help="How many clips of the testing split, evenly chosen.", show_default="all")
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option("--engine", help="Only this engine; may be repeated.", show_default="all")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=64, help="Threads of engines that use more than one.", show_default="cores")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0, max=3600, help="How long each engine listens, at a microphone's pace.")
    ] = 5.0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for bench.md, bench.json and bench.html.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of Markdown.")] = False,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--compare", help="Compare two bench.json instead of measuring.", metavar="A.json B.json"),
    ] = None,
) -> None:
    """Measure a bundle on this machine, a Raspberry Pi above all: latency, load, memory, accuracy.

    With --compare, exit code 1 if two machines computed different integers from the same recordings.
    """
    if compare is not None:
        check_alone(context, "compare", of=("data", "clips", "engine", "threads", "seconds", "output"))
        _compare(*compare, bundle=bundle, as_json=as_json)
        return
    if bundle is None:
        raise SettingsError("name a BUNDLE to measure, or two files with --compare")
    from kws_edge.bundle import read_bundle
    from kws_edge.cli.progress import progress_bar
    from kws_edge.cores import usable_cores
    from kws_edge.files import check_folder_output, write_file
    from kws_edge.reports.bench import bench_html, bench_markdown
    from kws_edge.verification.bench import run_bench

    # TFLM's and LiteRT's start-up notices are no news of this bundle
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if output is not None:
        check_folder_output(output)
    source = read_bundle(bundle)
    recordings = _recordings(source, data, clips)
    with progress_bar("engines measured") as progress:
        result = run_bench(
            source,
            recordings,
            threads=threads or min(usable_cores(), 4),
            seconds=seconds,
            only=engine or (),
            progress=progress,
        )
    report = json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n"
    markdown = bench_markdown(result)
    if output is not None:
        write_file(output / "bench.md", markdown)
        write_file(output / "bench.json", report)
        write_file(output / "bench.html", bench_html(result))
        print(f"wrote {output}/bench.md, bench.json and bench.html", file=sys.stderr)
    print(report if as_json else markdown, end="")


def _recordings(bundle: Bundle, data: Path | None, clips: int | None) -> LabelledClips | None:
    from kws_edge.cli.recordings import corpus_of_bundle
    from kws_edge.corpus import find_data
    from kws_edge.verification.labelled_clips import chosen_clips

    if find_data(data) is None:
        if clips is not None:
            raise SettingsError("--clips is about recordings: give --data too")
        print("no --data and no KWS_EDGE_DATA: without accuracy and parity", file=sys.stderr)
        return None
    return chosen_clips(corpus_of_bundle(bundle, data), "test", clips)


def _compare(first: Path, second: Path, *, bundle: Path | None, as_json: bool) -> None:
    from kws_edge.reports.bench_comparison import comparison_markdown
    from kws_edge.verification.bench_comparison import compare

    if bundle is not None:
        raise SettingsError(f"--compare takes two files and nothing else; leave out {bundle}")
    comparison = compare(first, second)
    print(json.dumps(comparison.to_json(), indent=2) if as_json else comparison_markdown(comparison))
    if not comparison.passed:
        raise typer.Exit(CHECK_FAILED)
