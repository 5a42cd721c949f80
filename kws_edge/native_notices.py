"""C++ libraries that greet the user on stderr, past Python's logging, are asked to be quiet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_native_notices() -> Iterator[None]:
    """Drop whatever the process writes to stderr meanwhile, native code included; Python's exceptions still rise.

    For imports and constructors that say what hardware they lack. Not for work that may crash: its last words are lost.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
