"""The verbs of `kws-edge`; what each needs is imported when it runs, so that `--help` needs nothing."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from kws_edge import __version__
from kws_edge.cli import OutputClosedError, StoppedByUserError, data
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


class Verbs(TyperGroup):
    """Hands Ctrl-C and a reader that went away on to `main`; releases of typer differ in what they make of both."""

    def invoke(self, ctx: Any) -> Any:
        """Run a verb to the last byte that it prints."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except KeyboardInterrupt as error:
            raise StoppedByUserError from error
        except BrokenPipeError as error:
            raise OutputClosedError from error


app = typer.Typer(
    name="kws-edge",
    cls=Verbs,
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
# short_help: without one, a first line that is longer than the list's column would end in dots
app.command(short_help="List the networks: what they cost and how good they are.")(models)
app.command(short_help="Write a page to look at recordings and to listen to them.")(explore)
app.command(short_help="Train a keyword spotter and write it as a bundle.")(train)
app.command(short_help="Search over networks and front ends within a budget.")(sweep)
app.command(short_help="Print what a bundle holds.")(show)
app.command(short_help="Turn a bundle into C or into firmware for an SDK.")(export)
app.command(short_help="Run the firmware on a recording before it is flashed.")(run)
app.command(short_help="Hold a bundle to accuracy, equality and a board's limits.")(verify)
app.command(short_help="Show memory, instructions and rounding layer by layer.")(layers)
app.command(short_help="Measure a bundle on this machine, a Raspberry Pi above all.")(bench)
app.command(short_help="Write one page about all that is measured of a bundle.")(report)
app.command(short_help="Choose a bundle's detection settings, or set them.")(calibrate)
app.command(short_help="Listen to a file, a pipe or a microphone as the device would.")(listen)
