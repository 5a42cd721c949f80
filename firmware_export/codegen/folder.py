"""An exported folder: written whole, recognised later, and never put in the place of something else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from kws_edge import __version__
from kws_edge.errors import ExportError
from kws_edge.files import replacing_folder
from kws_edge.settings import to_toml

MANIFEST = "kws_export.toml"


def write_export(folder: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Write `files`, path inside the folder to text, and a manifest of their hashes as `folder`, whole or not at all.

    An existing folder that is not empty is replaced whole if `force` and if it is an earlier export. Raises
    ExportError otherwise, StorageError when the file system refuses.
    """
    check_replaceable(folder, force=force)
    manifest = to_toml(
        header="# Written by kws-edge export. The whole folder is replaced by the next export with --force.\n",
        kws_edge_version=__version__,
        files={name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(files.items())},
    )
    with replacing_folder(folder) as partial:
        for name, text in {**files, MANIFEST: manifest}.items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")


def check_replaceable(folder: Path, *, force: bool) -> None:
    """Raise ExportError unless `folder` is absent, empty, or an earlier export that `force` allows to replace."""
    if folder.is_dir():
        if not any(folder.iterdir()):
            return
        if not (folder / MANIFEST).is_file():
            raise ExportError(f"{folder} holds something that is no export; choose another folder")
        if not force:
            raise ExportError(f"{folder} exists; choose another folder, or replace it whole with --force")
    elif folder.exists() or folder.is_symlink():
        raise ExportError(f"{folder} exists and is no folder; choose another name")
