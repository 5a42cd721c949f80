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


def check_output(path: Path) -> None:
    """Raise StorageError if nothing can be put at `path`, for what works long before it writes.

    What only writing can tell, such as a full disk, the functions below still tell.
    """
    nearest = next(parent for parent in (*path.absolute().parents, Path("/")) if parent.exists())
    if not nearest.is_dir():
        raise StorageError(f"cannot write {path}: {nearest} is no folder; choose another output")
    _check_permission(path, nearest)
    _check_elsewhere(path)


def check_file_output(path: Path) -> None:
    """Raise StorageError if `path` cannot become a file."""
    if path.is_dir():
        raise StorageError(f"cannot write {path}: it is a folder; name a file")
    if not _is_stream(path):
        check_output(path)
    elif not os.access(path, os.W_OK):
        raise StorageError(f"cannot write {path}: it may not be written to; choose another output")


def check_folder_output(path: Path) -> None:
    """Raise StorageError if no files can be written into a folder `path`, which may exist."""
    if path.is_dir():
        _check_permission(path, path)
    elif path.exists():
        raise StorageError(f"cannot write {path}: it is no folder; choose another output")
    else:
        check_output(path)


def _check_elsewhere(path: Path) -> None:
    """Raise StorageError if the process works in what lies at `path`: it would go on in a folder that is gone."""
    place = path.resolve()
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return
    if place == here or place in here.parents:
        raise StorageError(f"cannot write {path}: it is replaced whole, and you are in it; go out and name it there")


def _check_permission(path: Path, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageError(f"cannot write {path}: {folder} may not be written to; choose another output")


def _followed(path: Path) -> Path:
    """Where a symbolic link leads: what it stands for is replaced, not the link. Nor has what ends in .. a name."""
    return path.resolve() if path.is_symlink() or path.name == ".." else path


def _is_stream(path: Path) -> bool:
    """Whether `path` is a device or a pipe, which takes bytes and must not be replaced."""
    return path.exists() and not (path.is_file() or path.is_dir())


def write_file(path: Path, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path`, replacing what is there in one step; a symbolic link is followed.

    Missing parent folders are made. A device or a pipe, such as /dev/null, is written into and stays what it is. Raises
    StorageError when the file system refuses.
    """
    data = content.encode() if isinstance(content, str) else content
    # before a link is followed: that of /dev/stdout leads to a name that no pipe has
    streamed = _is_stream(path)
    path = path if streamed else _followed(path)
    partial = _beside(path)
    try:
        if streamed:
            path.write_bytes(data)
            return
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
def _folder_beside(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, for the caller to rename; where it was not, it is removed.

    Raises StorageError for whatever the file system refuses meanwhile.
    """
    partial = _beside(path)
    try:
        partial.mkdir(parents=True)
        _remove_left_behind(path)
        yield partial
    except OSError as error:
        raise _storage_error(error, path) from error
    finally:
        if partial.exists():
            shutil.rmtree(partial, ignore_errors=True)


def _flush(folder: Path) -> None:
    for name in folder.rglob("*"):
        if name.is_file():
            with name.open("rb") as stream:
                os.fsync(stream.fileno())


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it takes the place of `path`, on failure it is removed.

    A symbolic link is followed. Raises StorageError when the file system refuses, or where the process works in it.
    """
    _check_elsewhere(path)
    path = _followed(path)
    with _folder_beside(path) as partial:
        yield partial
        _flush(partial)
        # a kill between the two renames leaves the old folder whole under this name
        previous = path.parent / f".{path.name}.previous"
        if path.exists():
            shutil.rmtree(previous, ignore_errors=True)
            path.rename(previous)
        partial.rename(path)
        shutil.rmtree(previous, ignore_errors=True)


@contextmanager
def first_folder(path: Path) -> Iterator[Path]:
    """Like `replacing_folder`, for a folder that has the same content whoever makes it: the first to be whole stays.

    A process that reads it is then not disturbed by another one that made it too.
    """
    with _folder_beside(path) as partial:
        yield partial
        _flush(partial)
        try:
            partial.rename(path)
        except OSError:
            if not path.is_dir():
                raise
