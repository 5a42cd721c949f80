"""Finds the targets: every package beside this file that defines what `firmware_export.targets` asks for."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from firmware_export.codegen.firmware import ENGINES, Engine, Firmware, license_files
from kws_edge.errors import ExportError

_DEFAULT_TARGET: Mapping[Engine, str] = {"aot": "generic", "tflm": "generic-tflm"}


@dataclass(frozen=True)
class Target:
    """One layout of an exported folder."""

    name: str
    description: str
    engines: tuple[Engine, ...]
    # path in the folder to text
    files: Callable[[Firmware], dict[str, str]]


@cache
def targets() -> Mapping[str, Target]:
    """Every target by its name, in alphabetical order."""
    found = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if not module.ispkg:
            continue
        package = importlib.import_module(f"firmware_export.targets.{module.name}")
        if hasattr(package, "files"):
            name = module.name.replace("_", "-")
            found[name] = Target(name, package.DESCRIPTION, package.ENGINES, _licensed(package.files))
    return dict(sorted(found.items()))


def _licensed(files: Callable[[Firmware], dict[str, str]]) -> Callable[[Firmware], dict[str, str]]:
    return lambda firmware: {**license_files(), **files(firmware)}


def engine_and_target(engine: str | None, target: str | None) -> tuple[Engine, Target]:
    """What `--engine` and `--target` mean, one of which may be missing.

    Raises ExportError for an unknown name, and for an engine that the target does not carry.
    """
    known = targets()
    chosen = next((name for name in ENGINES if name == engine), None)
    if engine is not None and chosen is None:
        raise ExportError(f"--engine {engine}: no such engine; choose one of {', '.join(ENGINES)}")
    name = target or _DEFAULT_TARGET[chosen or "aot"]
    if name not in known:
        raise ExportError(f"--target {name}: no such target; choose one of {', '.join(known)}")
    layout = known[name]
    if chosen is None:
        if len(layout.engines) > 1:
            raise ExportError(f"--target {name} carries engines {' and '.join(layout.engines)}; add --engine")
        chosen = layout.engines[0]
    if chosen not in layout.engines:
        able = ", ".join(other.name for other in known.values() if chosen in other.engines)
        raise ExportError(
            f"--target {name} carries engine {' or '.join(layout.engines)}, not {chosen}; "
            f"targets with engine {chosen}: {able or 'none'}"
        )
    return chosen, layout
