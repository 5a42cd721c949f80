"""The verbs of `kws-edge`; what each needs is imported when it runs, so that `--help` needs nothing."""

from __future__ import annotations

import typer

from kws_edge import __version__
from kws_edge.cli import data
from kws_edge.cli.bench import bench
from kws_edge.cli.calibrate import calibrate
from kws_edge.cli.explore import explore
from kws_edge.cli.export import export
from kws_edge.cli.layers import layers
from kws_edge.cli.listen import listen
from kws_edge.cli.models import models
from kws_edge.cli.report import report
from kws_edge.cli.run import run
from kws_edge.cli.show import show
from kws_edge.cli.sweep import sweep
from kws_edge.cli.train import train
from kws_edge.cli.verify import verify

app = typer.Typer(
    name="kws-edge",
    help="Keyword spotting for microcontrollers: from recordings to firmware that was proved on the host.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # settings tables are named [in brackets], which rich takes for markup
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kws-edge {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
    ),
) -> None:
    """Options of every verb."""


app.add_typer(data.app, name="data")
app.command()(models)
app.command()(explore)
app.command()(train)
app.command()(sweep)
app.command()(show)
app.command()(export)
app.command()(run)
app.command()(verify)
app.command()(layers)
app.command()(bench)
app.command()(report)
app.command()(calibrate)
app.command()(listen)
