"""Arrays that took long to compute, kept in the user's cache under a hash of all that they follow from."""

from __future__ import annotations

import hashlib
import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.cache import user_cache_dir
from kws_edge.errors import StorageError
from kws_edge.files import write_file

Arrays = dict[str, npt.NDArray[Any]]


def stored_path(kind: str, *parts: object, cache_dir: Path | None = None) -> Path:
    """Where the arrays of `kind` that follow from `parts` are kept; their text stands for them."""
    key = hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return (cache_dir or user_cache_dir()) / kind / f"{key}.npz"


def read_arrays(path: Path) -> Arrays | None:
    """What `write_arrays` wrote to `path`; None when there is nothing or it is not whole."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Keep `arrays` at `path`. A cache that cannot be written costs time, not the result, so that is no error."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes the names for its own options
    with suppress(StorageError):
        write_file(path, stream.getvalue())
