"""What tests share: real speech and real tools, skipped by name where absent, a failure under KWS_EDGE_STRICT=1."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chromium import Page
    from peers.cmsis_nn_sources import CmsisNnSources

    from kws_edge.bundle import Bundle
    from kws_edge.corpus import Corpus

STRICT = os.environ.get("KWS_EDGE_STRICT") == "1"
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
REAL_SPEECH = Path(__file__).parents[2] / "shared" / "data" / "speech_commands"


def pytest_sessionstart() -> None:
    """Under KWS_EDGE_STRICT=1 nothing may be missing for want of which a whole file of tests leaves itself out."""
    from kws_edge.frontend import native

    missing = [module for module in ("tensorflow", "keras") if importlib.util.find_spec(module) is None]
    missing += [] if native.is_compiled() else ["the compiled front end"]
    if STRICT and missing:
        pytest.exit(f"KWS_EDGE_STRICT=1, and {', '.join(missing)} is absent", returncode=1)


def absent(what: str, way_out: str) -> None:
    """Skip the running test because `what` is not here; under KWS_EDGE_STRICT=1 fail it instead."""
    reason = f"{what} is absent; {way_out}"
    if STRICT:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def speech_commands() -> Path:
    """The folder of real recordings in the Speech Commands layout."""
    folder = Path(os.environ.get("KWS_EDGE_DATA", REAL_SPEECH))
    if not folder.is_dir():
        absent(f"real speech ({folder})", "set KWS_EDGE_DATA to a folder of recordings")
    return folder


@pytest.fixture(scope="session")
def tool() -> Callable[[str, str], str]:
    """`tool(program, install)` is the path of an external program; `install` is the command that would bring it."""

    def find(program: str, install: str) -> str:
        path = shutil.which(program)
        if path is None:
            absent(program, install)
        return str(path)

    return find


@pytest.fixture(scope="session")
def package() -> Callable[[str, str], None]:
    """`package(module, install)` makes sure that an optional Python package is here."""

    def check(module: str, install: str) -> None:
        if importlib.util.find_spec(module) is None:
            absent(module, install)

    return check


@pytest.fixture(scope="session")
def cmsis_nn() -> CmsisNnSources:
    """CMSIS-NN's own sources, which pip downloads at first use; they are nobody's to commit here."""
    sys.path.append(str(BENCHMARKS))
    from peers.cmsis_nn_sources import PACKAGE, cmsis_nn_sources

    from kws_edge.errors import DependencyError

    try:
        return cmsis_nn_sources()
    except DependencyError:
        absent(f"CMSIS-NN ({PACKAGE.name} {PACKAGE.version})", "its sources need a network once")
        raise


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A small corpus of tones for words, on disk in the Speech Commands layout."""
    from trained import load_tones, write_tones

    folder = tmp_path_factory.mktemp("corpus")
    return load_tones(write_tones(folder / "tones"), folder / "cache")


@pytest.fixture(scope="session")
def trained_bundle(
    tones: Corpus, tmp_path_factory: pytest.TempPathFactory, package: Callable[[str, str], None]
) -> Bundle:
    """A bundle trained on `tones`; half a minute, so tests that take it are marked slow."""
    from trained import train_on_tones

    package("tensorflow", "pip install 'kws-edge[train]'")
    return train_on_tones(tones, tmp_path_factory.mktemp("bundles") / "tones_bundle")


@pytest.fixture
def chromium(tool: Callable[[str, str], str]) -> Iterator[Page]:
    """A page of headless Chromium: `page.open(file)`, then `page.evaluate`, `page.screenshot`, `page.errors`."""
    from chromium import open_chromium

    with open_chromium(tool("chromium", "apt-get install chromium")) as page:
        yield page


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], AbstractContextManager[Path]]]:
    """`with small_disk(65536) as folder:` is a folder that takes no more bytes than that.

    A tmpfs of that size where mounting is allowed, else a folder under a limit on the size of every file.
    """

    @contextmanager
    def mount(size_bytes: int) -> Iterator[Path]:
        folder = tmp_path / "small-disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
        mounted = os.geteuid() == 0 and shutil.which("mount") is not None
        mounted = mounted and subprocess.run(command, capture_output=True, check=False).returncode == 0
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            if not mounted:
                resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
            yield folder
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            if mounted:
                subprocess.run(["umount", "-l", str(folder)], check=True)

    yield mount
