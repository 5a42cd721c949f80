"""Outputs appear whole or not at all: written beside their place, flushed to disk, then renamed into it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kws_edge.errors import StorageError


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.partial"


def _storage_error(error: OSError, path: Path) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(f"cannot write {path}: {reason}; choose another output or free the space")


def write_file(path: Path, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path`, replacing what is there in one step.

    Missing parent folders are made. Raises StorageError when the file system refuses.
    """
    data = content.encode() if isinstance(content, str) else content
    partial = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _storage_error(error, path) from error


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it takes the place of `path`, on failure it is removed.

    Raises StorageError when the file system refuses.
    """
    partial = _beside(path)
    try:
        partial.mkdir(parents=True)
        yield partial
        for name in partial.rglob("*"):
            if name.is_file():
                with name.open("rb") as stream:
                    os.fsync(stream.fileno())
        old = None
        if path.exists():
            old = _beside(path)
            os.rename(path, old)
        os.rename(partial, path)
        if old is not None:
            shutil.rmtree(old)
    except OSError as error:
        raise _storage_error(error, path) from error
    finally:
        if partial.exists():
            shutil.rmtree(partial, ignore_errors=True)
