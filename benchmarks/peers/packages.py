"""Source distributions on PyPI, downloaded by pip at first use into the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import DependencyError


@dataclass(frozen=True)
class Package:
    """A source distribution on PyPI."""

    name: str
    version: str
    sha256: str


def sources_of(package: Package) -> Path:
    """Folder of a package's source distribution, downloaded by pip at first use.

    Raises DependencyError when pip cannot bring it.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kws-edge" / "peers"
    folder = cache / f"{package.name}-{package.version}-{package.sha256[:8]}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        requirement = Path(name, "requirement.txt")
        requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package.name]
        done = subprocess.run(
            [*command, "--dest", name, "--require-hashes", "-r", str(requirement)],
            capture_output=True,
            text=True,
            check=False,
        )
        archives = list(Path(name).glob("*.tar.gz"))
        if done.returncode or len(archives) != 1:
            raise DependencyError(
                f"pip cannot download the sources of {package.name} {package.version}; "
                f"the peers need a network once:\n{done.stderr.strip()}"
            )
        if hashlib.sha256(archives[0].read_bytes()).hexdigest() != package.sha256:
            raise DependencyError(f"{archives[0].name} is not the file that was measured; remove pip's cache")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(name, filter="data")
        (unpacked,) = (path for path in Path(name).iterdir() if path.is_dir())
        try:
            unpacked.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same files
                raise
    return folder
