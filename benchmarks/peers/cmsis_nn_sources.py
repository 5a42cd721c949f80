"""CMSIS-NN 4.0.0's own C, for what is compiled with it: from PyPI's bakenn, which vendors that release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peers.packages import Package, sources_of

PACKAGE = Package("bakenn", "1.0.0", "cbd4d1db9658d61822faa83ce407ebbba285f776d3f1eda4eb4a3085a11655a1")
_VENDOR = Path("src/bakenn/backend/cmsis_nn/vendor")


@dataclass(frozen=True)
class CmsisNnSources:
    """What a program that calls CMSIS-NN compiles and includes."""

    # C files
    files: tuple[Path, ...]
    # folders of headers
    include: tuple[Path, ...]


def cmsis_nn_sources() -> CmsisNnSources:
    """The int8 convolutions, fully connected layers and pooling of the release; downloaded by pip at first use.

    Raises DependencyError when pip cannot bring them.
    """
    vendor = sources_of(PACKAGE) / _VENDOR
    return CmsisNnSources(
        files=tuple(sorted((vendor / "cmsis_nn" / "Source").rglob("*.c"))),
        include=(vendor / "cmsis_nn" / "Include", vendor / "cmsis_core" / "Include"),
    )
