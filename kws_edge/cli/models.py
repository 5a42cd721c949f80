"""`kws-edge models`: which networks there are, what each costs, how good each is known to be."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws_edge.errors import DependencyError, SettingsError
from kws_edge.native_notices import without_native_notices

if TYPE_CHECKING:
    from kws_edge.sweep.catalogue import Entry

# how a picture's name may end, and what draws it
_PLOTS = {".png": "matplotlib", ".html": "plotly"}


def models(
    names: Annotated[
        list[str] | None, typer.Argument(help="Presets or families; default all.", metavar="[NAME]...")
    ] = None,
    price: Annotated[
        bool, typer.Option("--price", help="Build, convert and plan every network anew; takes minutes.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option(help="With --price: TOML file for them; what NAME does not name stays.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw int8 accuracy over weights, RAM and MACs: a .png, or a page ending in .html."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """List the networks: parameters, multiply-accumulates, bytes, memory, best known accuracy."""
    from kws_edge.cli.progress import progress_bar
    from kws_edge.files import check_file_output, write_file
    from kws_edge.sweep.catalogue import Entry, catalogue, merged, price_all, prices_toml, read_prices
    from kws_edge.sweep.tables import catalogue_table

    if write is not None and not price:
        raise SettingsError("--write needs --price")
    if plot is not None and price:
        raise SettingsError("--plot shows what was measured; leave out --price")
    if plot is not None and plot.suffix not in _PLOTS:
        raise SettingsError(f"--plot {plot}: give it a name that ends in .png or .html")
    for output in (write, plot):
        if output is not None:
            check_file_output(output)
    if price:
        for module in ("tensorflow", "tflite_micro"):
            if importlib.util.find_spec(module) is None:
                raise DependencyError(f"--price needs {module}: pip install 'kws-edge[train]'")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with without_native_notices():
            importlib.import_module("tensorflow")  # says on import which GPU it lacks
        old = read_prices(write) if write is not None and write.exists() else ()
        with progress_bar("pricing") as progress:
            prices = price_all(names or (), progress)
        entries = tuple(Entry(one, None) for one in prices)
        if write is not None:
            write_file(write, prices_toml(merged(old, prices, names or ())))
    else:
        entries = catalogue(names or ())
    if plot is not None:
        _draw(entries, plot)
    if as_json:
        print(json.dumps([entry.to_json() for entry in entries], indent=2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None
        print(catalogue_table(entries, width=width))


def _draw(entries: Sequence[Entry], output: Path) -> None:
    from kws_edge.files import write_file
    from kws_edge.sweep.plots import accuracy_html, accuracy_png, catalogue_points

    if importlib.util.find_spec(_PLOTS[output.suffix]) is None:
        raise DependencyError(f"--plot {output} needs {_PLOTS[output.suffix]}: pip install 'kws-edge[train,explore]'")
    points, ordinate = catalogue_points(entries), "best known int8 accuracy, %"
    if not points:
        raise SettingsError(
            "--plot: none of these networks was measured; `kws-edge models` without names shows which were"
        )
    if output.suffix == ".png":
        write_file(output, accuracy_png(points, ordinate))
    else:
        write_file(output, accuracy_html(points, ordinate, "kws-edge models: what each network costs and reaches"))
