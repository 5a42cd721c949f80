"""Outputs appear whole or not at all, whatever fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kws_edge.errors import StorageError
from kws_edge.files import check_file_output, check_output, first_folder, replacing_folder, write_file


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    write_file(tmp_path / "deep" / "a.txt", "old")
    write_file(tmp_path / "deep" / "a.txt", b"new")
    assert (tmp_path / "deep" / "a.txt").read_bytes() == b"new"
    assert names(tmp_path / "deep") == ["a.txt"]


def test_a_folder_is_replaced_whole(tmp_path):
    for content in ("one", "two"):
        with replacing_folder(tmp_path / "out") as folder:
            (folder / content).write_text(content)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["two"]


def test_what_a_link_stands_for_is_replaced_and_the_link_stays(tmp_path):
    """`current -> bundle_3`, calibrated by its short name, is still bundle_3's other name."""
    (tmp_path / "bundle_3").mkdir()
    (tmp_path / "page_3").touch()
    for name in ("bundle", "page"):
        (tmp_path / name).symlink_to(f"{name}_3")
    with replacing_folder(tmp_path / "bundle") as folder:
        (folder / "new").touch()
    write_file(tmp_path / "page", "new")
    assert names(tmp_path) == ["bundle", "bundle_3", "page", "page_3"]
    assert names(tmp_path / "bundle_3") == ["new"]
    assert (tmp_path / "page_3").read_text() == "new"
    assert all((tmp_path / name).is_symlink() for name in ("bundle", "page"))


def test_the_folder_that_one_is_in_is_not_replaced(tmp_path, monkeypatch):
    """It would be gone from under the shell, and . would be no bundle any more."""
    (tmp_path / "out" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "inner")
    for place in (".", "..", "../../out", tmp_path):
        with pytest.raises(StorageError, match="you are in it"), replacing_folder(Path(place)):
            pass
        with pytest.raises(StorageError, match="you are in it"):
            check_output(Path(place))
    assert names(tmp_path / "out") == ["inner"]
    with replacing_folder(Path("../beside")) as folder:
        (folder / "new").touch()
    assert names(tmp_path / "out") == ["beside", "inner"]


def test_a_pipe_is_written_into_and_stays_one(tmp_path):
    """`-o /dev/null` by root must not leave a file there, which every other program of the system would then fill."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        check_file_output(pipe)
        write_file(pipe, "page")
        assert pipe.is_fifo()
        assert os.read(end, 100) == b"page"
    finally:
        os.close(end)
    assert names(tmp_path) == ["pipe"]
    program = "from pathlib import Path; from kws_edge.files import write_file; write_file(Path('/dev/stdout'), 'page')"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"page"


def test_a_failure_keeps_the_old_folder(tmp_path):
    with replacing_folder(tmp_path / "out") as folder:
        (folder / "good").write_text("good")
    with pytest.raises(ZeroDivisionError), replacing_folder(tmp_path / "out") as folder:
        (folder / "bad").write_text(str(1 / 0))
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["good"]


def test_of_two_that_make_one_folder_the_first_stays(tmp_path):
    with first_folder(tmp_path / "out") as late:
        (late / "late").write_text("")
        with first_folder(tmp_path / "out") as early:
            (early / "early").write_text("")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["early"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "below.txt", tmp_path / "file" / "deep" / "below.txt"):
        with pytest.raises(StorageError, match=r"below\.txt"):
            write_file(place, "x")
    for making in (replacing_folder, first_folder):
        with pytest.raises(StorageError, match="folder"), making(tmp_path / "file" / "folder"):
            pass
    with pytest.raises(StorageError, match="file"), first_folder(tmp_path / "file") as folder:
        (folder / "x").write_text("x")
    assert names(tmp_path) == ["file"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """A file-size limit of the process stands for the disk: the system call fails in the middle of the write."""
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    program = (
        "import resource, signal, sys; from pathlib import Path; from kws_edge.files import write_file;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "write_file(Path(sys.argv[1]), bytes(100_000))"
    )
    failed = subprocess.run([sys.executable, "-c", program, target], capture_output=True, text=True, check=False)
    assert "StorageError" in failed.stderr
    assert str(target) in failed.stderr
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_what_a_killed_process_left_behind_is_removed(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; from kws_edge.files import replacing_folder\n"
        "with replacing_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('x'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "out"], check=False)
    assert len(names(tmp_path)) == 1
    with replacing_folder(tmp_path / "out") as folder:
        (folder / "whole").write_text("x")
    assert names(tmp_path) == ["out"]
