"""A user's own network: `--arch path/to/file.py:function`, written in the vocabulary of `Network`.

The function takes the network under construction and the options as keywords, and returns the logits:

    def build(network, *, width=16):
        x = network.convolution(network.input, width, (10, 4), strides=2)
        return network.classifier(network.global_average_pool(x))
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from traceback import extract_tb
from typing import Any

from kws_edge.errors import KwsEdgeError, SettingsError
from kws_edge.spec import ModelSettings


def is_own(arch: str) -> bool:
    """Whether `arch` names a user's file and function, not a family."""
    return ".py:" in arch


def named_source(settings: ModelSettings) -> ModelSettings:
    """`settings` with the absolute path of a user's file and its hash; those of a family as they are.

    Raises SettingsError when the file cannot be read.
    """
    if not is_own(settings.arch):
        return settings
    path, name = _parts(settings.arch)
    source = hashlib.sha256(_source(settings.arch)).hexdigest()
    return dataclasses.replace(settings, arch=f"{path.absolute()}:{name}", source_sha256=source)


def absence(arch: str, sha256: str | None) -> str | None:
    """Why the network of a bundle cannot be built from `arch` here, or None if it can: its file is gone, or another."""
    try:
        found = hashlib.sha256(_source(arch)).hexdigest()
    except SettingsError as error:
        return str(error)
    return None if found == sha256 else f"{_parts(arch)[0]} was edited since the bundle was trained"


def build_own(arch: str, network: Any, options: Mapping[str, Any], sha256: str | None) -> Any:
    """Logits [n, labels] by the function that `arch` names.

    Raises SettingsError when there is no such file or function, it is not the file with `sha256` (if that is
    given), the function has no such options, or it fails.
    """
    source, (path, name) = _source(arch), _parts(arch)
    if sha256 is not None and hashlib.sha256(source).hexdigest() != sha256:
        raise SettingsError(f"{path} was edited since the training began; bring the old file back, or train anew")
    scope: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    try:
        exec(compile(source, str(path), "exec"), scope)
    except Exception as error:
        raise SettingsError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    function: Any = scope.get(name)
    if not callable(function):
        raise SettingsError(f"{path} has no function {name!r}; write --arch {path}:function")
    try:
        inspect.signature(function).bind(network, **options)
    except TypeError as error:
        raise SettingsError(f"{path}: {name}: {error}; the options are its keyword arguments") from error
    try:
        return function(network, **options)
    except (KwsEdgeError, ValueError):  # `build_model` says what Keras means
        raise
    except Exception as error:
        line = next(
            (frame.lineno for frame in reversed(extract_tb(error.__traceback__)) if frame.filename == str(path)), 0
        )
        raise SettingsError(f"{path}, line {line}: {type(error).__name__}: {error}") from error


def _parts(arch: str) -> tuple[Path, str]:
    path, _, name = arch.rpartition(":")
    return Path(path), name


def _source(arch: str) -> bytes:
    path = _parts(arch)[0]
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"arch = {arch!r}: {path}: {error.strerror}") from error
