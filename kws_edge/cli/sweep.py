"""`kws-edge sweep`: the best networks and front ends within a budget."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws_edge.cli import CHECK_FAILED
from kws_edge.errors import DependencyError
from kws_edge.native_notices import without_native_notices

if TYPE_CHECKING:
    from kws_edge.sweep.runner import Outcome


def sweep(
    config: Annotated[
        Path, typer.Argument(help="TOML file that says what to search over.", metavar="SWEEP.toml", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder for bundles, table and plots; a sweep that was ended goes on there."
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder of recordings; default KWS_EDGE_DATA, else synthesized speech.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings at a time; default half of the cores, at least one.")
    ] = None,
    halving: Annotated[
        bool, typer.Option("--halving", help="Train a third of the candidates longer, and a third of those in full.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Price the candidates and train nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Search over networks and front ends within a budget. Exit code 1 if a training failed."""
    from kws_edge.cli.progress import progress_bar
    from kws_edge.files import check_folder_output, write_file
    from kws_edge.sweep.search import surroundings_of
    from kws_edge.sweep.settings import read_sweep

    for module, extra in (("tensorflow", "train"), ("matplotlib", "train"), ("plotly", "explore")):
        if importlib.util.find_spec(module) is None:
            raise DependencyError(f"sweep needs {module}: pip install 'kws-edge[{extra}]'")
    settings = read_sweep(config)
    check_folder_output(output)
    if not dry_run:
        surroundings_of(settings, data)  # a wrong folder or teacher is found now, not when everything is priced
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_native_notices():
        importlib.import_module("tensorflow")  # says on import which GPU it lacks
    from kws_edge.sweep.plots import accuracy_html, accuracy_png, sweep_points
    from kws_edge.sweep.runner import Runner
    from kws_edge.sweep.search import search, untrained
    from kws_edge.sweep.selection import select
    from kws_edge.sweep.tables import sweep_table

    with progress_bar("pricing") as progress:
        priced = select(settings, output, progress)
    if dry_run:
        results = tuple(untrained(one) for one in priced)
    else:
        runner = Runner(output, data, jobs or max(1, (os.cpu_count() or 1) // 2))
        results = search(settings, priced, runner, halving=halving, finished=_say)
    report = json.dumps([one.to_json() for one in results], indent=2)
    if not dry_run:
        write_file(output / "sweep.json", report)
        points, title = (
            sweep_points(results),
            "kws-edge sweep: no other is as good and as cheap in every respect as an outlined one",
        )
        write_file(output / "sweep.png", accuracy_png(points, "validation accuracy, %"))
        write_file(output / "sweep.html", accuracy_html(points, "validation accuracy, %", title))
    print(report if as_json else sweep_table(results))
    if not (dry_run or as_json):
        print(f"\n{output / 'sweep.html'}; sweep.png and sweep.json beside it")
    if any((one.dropped or "").startswith("training failed") for one in results):
        raise typer.Exit(CHECK_FAILED)


def _say(outcome: Outcome, done: int, total: int) -> None:
    if outcome.bundle is None:
        said = f"failed: {outcome.failure}"
    else:
        accuracy = outcome.bundle.metrics["validation_accuracy"]
        said = ", ".join(f"{phase} {100 * share:.2f} %" for phase, share in accuracy.items())
    print(f"{done} of {total}: {outcome.job.name}: {said}", file=sys.stderr, flush=True)
