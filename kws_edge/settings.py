"""Frozen dataclasses to and from TOML, strictly: unknown keys, wrong types and bad values are one clear message."""

from __future__ import annotations

import dataclasses
import difflib
import math
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from kws_edge.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file; raises SettingsError that names the file when it is missing or malformed."""
    try:
        return parse_toml(path.read_bytes(), path)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error


def parse_toml(data: bytes, source: Path) -> dict[str, Any]:
    """Parse the bytes of a TOML file; raises SettingsError that names `source` when they are malformed."""
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{source}: not valid TOML: {error}") from error


def require_table(value: Any, where: str) -> None:
    """Raise SettingsError that begins with `where` unless `value` is a TOML table."""
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} = {value!r}; expected a table")


def check_tables(
    tables: Mapping[str, Any], known: Sequence[str], *, source: object, repeated: Sequence[str] = ()
) -> None:
    """Raise SettingsError, opened by `source`, for what stands in none of the `known` tables of a parsed TOML file.

    Those that are `repeated` may stand there several times, as in ``[[model]]``.
    """
    for name, value in tables.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean [{near[0]}]?" if near else f"known tables: {', '.join(known)}"
            if isinstance(value, (dict, list)):
                raise SettingsError(f"{source}: unknown table [{name}]; {hint}")
            raise SettingsError(f"{source}: {name} = {value!r} stands in no table; known tables: {', '.join(known)}")
        if name not in repeated:
            require_table(value, f"{source}: {name}")
        elif not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            raise SettingsError(f"{source}: {name} = {value!r}; write it as [[{name}]]")


def to_toml(*, header: str = "", **tables: Any) -> str:
    """Render one TOML table per keyword, each value a settings dataclass or a plain mapping."""
    document = {name: to_mapping(value) if dataclasses.is_dataclass(value) else value for name, value in tables.items()}
    return header + tomli_w.dumps(document)


def to_mapping(settings: Any) -> dict[str, Any]:
    """The fields of a settings dataclass as plain TOML types: tuples become lists, None is left out."""
    return {
        field.name: _plain(value)
        for field in dataclasses.fields(settings)
        if (value := getattr(settings, field.name)) is not None
    }


def from_mapping(cls: type[T], mapping: Mapping[str, Any], *, source: str) -> T:
    """Build the settings dataclass `cls` from parsed TOML.

    `source` opens every error message, such as ``my.toml [features]``. Raises SettingsError for an unknown key (with
    the nearest known one), a wrong type, and whatever the class itself finds impossible.
    """
    require_table(mapping, source)
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]  # T is a dataclass by contract
    values: dict[str, Any] = {}
    for key, value in mapping.items():
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(names)}"
            raise SettingsError(f"{source}: unknown key {key!r}; {hint}")
        values[key] = _typed(value, hints[key], f"{source}: {key}")
    try:
        return cls(**values)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _typed(value: Any, hint: Any, where: str) -> Any:
    if hint is Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _typed(value, next(a for a in arguments if a is not type(None)), where)
    if origin is typing.Literal:
        if value not in arguments:
            raise SettingsError(f"{where} = {value!r}; choose one of {', '.join(map(repr, arguments))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise SettingsError(f"{where} = {value!r}; expected a list")
        return tuple(_typed(item, arguments[0], where) for item in value)
    if origin in (dict, Mapping) or hint is dict:
        if not isinstance(value, dict):
            raise SettingsError(f"{where} = {value!r}; expected a table")
        return dict(value) if not arguments else {k: _typed(v, arguments[1], f"{where}.{k}") for k, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        # TOML's integers have no end, real numbers do
        return float(value) if abs(value) < 2**1023 else math.inf if value > 0 else -math.inf
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise SettingsError(f"{where} = {value!r}; expected {hint.__name__}, got {type(value).__name__}")
    return value
