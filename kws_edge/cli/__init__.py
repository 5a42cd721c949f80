"""The command line: one file per verb, which parses, calls and prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kws_edge.errors import KwsEdgeError

# a check that did not hold, and everything that the user can mend
CHECK_FAILED = 1
USER_ERROR = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `kws-edge` with `arguments`, or the process's own; never returns.

    Exits with 0, with 1 if a check failed, or with 2 and one line on stderr for a `KwsEdgeError` or a wrong command.
    """
    from kws_edge.cli.app import app

    try:
        app(args=arguments)
    except KwsEdgeError as error:
        print(f"kws-edge: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print("kws-edge: interrupted", file=sys.stderr)
        sys.exit(_INTERRUPTED)
