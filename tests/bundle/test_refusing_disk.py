"""On a disk that is full or cannot be written, what was there stays, and the message says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from firmware_export.codegen.folder import write_export
from kws_edge.errors import KwsEdgeError, StorageError
from kws_edge.files import check_file_output, check_folder_output, check_output, replacing_folder, write_file

SmallDisk = Callable[[int], AbstractContextManager[Path]]


def test_a_full_disk_keeps_the_older_export(small_disk: SmallDisk) -> None:
    with small_disk(256 * 1024) as disk:
        write_export(disk / "out", {"kws_model.h": "older\n"}, force=False)
        with pytest.raises(StorageError, match="out"):
            write_export(disk / "out", {"kws_model.h": "x" * 1024 * 1024}, force=True)
        assert (disk / "out" / "kws_model.h").read_text() == "older\n"
        assert [entry.name for entry in disk.iterdir()] == ["out"], "nothing partial stays behind"


def test_a_full_disk_keeps_the_older_folder_and_file(small_disk: SmallDisk) -> None:
    with small_disk(256 * 1024) as disk:
        write_file(disk / "state.npz", b"older")
        with pytest.raises(StorageError, match=r"state\.npz"):
            write_file(disk / "state.npz", bytes(1024 * 1024))
        assert (disk / "state.npz").read_bytes() == b"older"
        with pytest.raises(StorageError, match="bundle"), replacing_folder(disk / "bundle") as partial:
            (partial / "model").write_bytes(os.urandom(1024 * 1024))
        assert [entry.name for entry in disk.iterdir()] == ["state.npz"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Root may write anywhere, but not below a file."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KwsEdgeError, match="file"):
        write_export(tmp_path / "file" / "out", {"kws_model.h": "new\n"}, force=False)


def test_what_will_not_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    for place in ("new", "file", "not/yet/there"):
        check_file_output(tmp_path / place)
    for place in ("new", "folder", "not/yet/there"):
        check_folder_output(tmp_path / place)
    with pytest.raises(StorageError, match="is a folder; name a file"):
        check_file_output(tmp_path / "folder")
    with pytest.raises(StorageError, match="is no folder"):
        check_folder_output(tmp_path / "file")
    for check in (check_file_output, check_folder_output, check_output):
        with pytest.raises(StorageError, match=r"file is no folder"):
            check(tmp_path / "file" / "below" / "it")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
