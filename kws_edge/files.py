"""Outputs appear whole or not at all: written beside their place, flushed to disk, then renamed into it."""

from __future__ import annotations

import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kws_edge.errors import StorageError


def _beside(path: Path) -> Path:
    """A fresh name beside `path`; it holds the process id, so that what a killed process left can be told."""
    return path.parent / f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.partial"


def _remove_left_behind(path: Path) -> None:
    """Remove what killed processes left of earlier attempts at `path`."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*-*.partial"):
        process = partial.name.removesuffix(".partial").rpartition(".")[2].partition("-")[0]
        if process.isdigit() and not Path(f"/proc/{process}").exists() and Path("/proc/self").exists():
            if partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                partial.unlink(missing_ok=True)


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
        _remove_left_behind(path)
        with partial.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise _storage_error(error, path) from error


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it takes the place of `path`, on failure it is removed.

    Raises StorageError when the file system refuses.
    """
    partial = _beside(path)
    try:
        partial.mkdir(parents=True)
        _remove_left_behind(path)
        yield partial
        for name in partial.rglob("*"):
            if name.is_file():
                with name.open("rb") as stream:
                    os.fsync(stream.fileno())
        # a kill between the two renames leaves the old folder whole under this name
        previous = path.parent / f".{path.name}.previous"
        if path.exists():
            shutil.rmtree(previous, ignore_errors=True)
            path.rename(previous)
        partial.rename(path)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        raise _storage_error(error, path) from error
    finally:
        if partial.exists():
            shutil.rmtree(partial, ignore_errors=True)
