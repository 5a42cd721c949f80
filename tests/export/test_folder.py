"""An export takes the place of an earlier export when told to, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_export.codegen.folder import MANIFEST, write_export
from kws_edge.errors import ExportError

FILES = {"kws_model.h": "header\n", "src/kws_model.c": "source\n"}


def test_a_new_folder_holds_the_files_and_a_manifest(tmp_path: Path) -> None:
    write_export(tmp_path / "a" / "out", FILES, force=False)
    found = {str(file.relative_to(tmp_path / "a" / "out")) for file in (tmp_path / "a" / "out").rglob("*.*")}
    assert found == {*FILES, MANIFEST}
    assert (tmp_path / "a" / "out" / "src" / "kws_model.c").read_bytes() == b"source\n"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_export(tmp_path / "out", FILES, force=False)
    assert (tmp_path / "out" / "kws_model.h").is_file()


def test_an_earlier_export_is_kept_without_force(tmp_path: Path) -> None:
    write_export(tmp_path / "out", FILES, force=False)
    with pytest.raises(ExportError, match="--force"):
        write_export(tmp_path / "out", {"kws_model.h": "newer"}, force=False)
    assert (tmp_path / "out" / "kws_model.h").read_text() == "header\n"


def test_an_earlier_export_is_replaced_whole_with_force(tmp_path: Path) -> None:
    write_export(tmp_path / "out", FILES, force=False)
    write_export(tmp_path / "out", {"kws_model.h": "newer"}, force=True)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [MANIFEST, "kws_model.h"]
    assert (tmp_path / "out" / "kws_model.h").read_text() == "newer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("force", [False, True])
def test_somebodys_folder_is_never_replaced(tmp_path: Path, force: bool) -> None:
    folder = tmp_path / "firmware"
    folder.mkdir()
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    with pytest.raises(ExportError, match="no export"):
        write_export(folder, FILES, force=force)
    assert [file.name for file in folder.iterdir()] == ["main.c"]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_is_never_replaced(tmp_path: Path, force: bool) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ExportError, match="no folder"):
        write_export(tmp_path / "out", FILES, force=force)
    assert (tmp_path / "out").read_text() == "mine"
