"""The command line: one file per verb, which parses, calls and prints."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from kws_edge.errors import KwsEdgeError

# a check that did not hold, and everything that the user can mend
CHECK_FAILED = 1
USER_ERROR = 2
# as shells count a process that SIGINT or SIGPIPE ended: neither is a failed check
_INTERRUPTED = 130
_OUTPUT_CLOSED = 141


class StoppedByUserError(Exception):
    """Ctrl-C, under a name that typer does not answer itself."""


class OutputClosedError(Exception):
    """Whoever read standard output has gone, as `head` does."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `kws-edge` with `arguments`, or the process's own; never returns.

    Exits with 0, with 1 if a check failed, or with 2 and one line on stderr for a `KwsEdgeError`, a wrong command, or
    what the system refuses, such as writing to a full disk. Ctrl-C is 130, a reader that went away 141.
    """
    try:
        from kws_edge.cli.app import app

        _print_whatever_comes()
        app(args=arguments)
    except KwsEdgeError as error:
        _end(str(error), USER_ERROR)
    except (StoppedByUserError, KeyboardInterrupt):
        _end("interrupted", _INTERRUPTED)
    except OutputClosedError:
        _drop_output()
        sys.exit(_OUTPUT_CLOSED)
    except OSError as error:
        _drop_output()
        where = f"{error.filename}: " if error.filename is not None else ""
        _end(f"{where}{error.strerror or error}", USER_ERROR)


def _end(reason: str, code: int) -> None:
    print(f"kws-edge: {' '.join(reason.split())}", file=sys.stderr)
    sys.exit(code)


def _print_whatever_comes() -> None:
    """A terminal that lacks a letter, or a path that is not valid Unicode, shall not end a verb after its work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Send what standard output still holds nowhere: Python would try again at exit, and complain again."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
