"""Budgets: the limits that a bundle must keep, read from TOML or from a board's preset."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from firmware_export.trial import PLACES
from kws_edge.errors import SettingsError
from kws_edge.runtime import INTERPRETERS
from kws_edge.settings import check_tables, from_mapping, parse_toml, to_mapping
from kws_edge.spec import FeatureSpec, require

_PRESETS = files("kws_edge.verification") / "boards"
PER_KEYWORD = "_per_keyword"


@dataclass(frozen=True, kw_only=True)
class Board:
    """What a budget's figures are to be measured on."""

    # for people
    name: str = ""
    # one of `PLACES`: what firmware is compiled for and, but for "host", emulated on; flash, RAM, stack, instructions
    core: str = "cortex-m4"
    # the real core, where none of `PLACES` is it and `core` stands in: its code differs, its data hardly
    stands_in_for: str = ""
    # which machine latency counts on, as Python names it, such as "aarch64"; empty for any
    machine: str = ""
    # what latency is measured with, one of `INTERPRETERS`, and on how many threads
    interpreter: str = "litert_xnnpack"
    threads: int = 1

    def __post_init__(self) -> None:
        require(self.core in PLACES, f"core = {self.core!r}; choose one of {', '.join(PLACES)}")
        require(1 <= self.threads <= 64, f"threads = {self.threads}; use 1 to 64")
        require(
            self.interpreter in INTERPRETERS,
            f"interpreter = {self.interpreter!r}; choose one of {', '.join(INTERPRETERS)}",
        )


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What may be spent and what must be reached; None is no limit. Every limit itself is still allowed."""

    # share of clips that the device labels right, 0 to 1
    accuracy_min: float | None = None
    # percentage points that int8 may lose against float
    accuracy_drop_max_points: float | None = None
    # firmware with engine aot: code, constants, weights
    flash_bytes_max: int | None = None
    # firmware with engine aot: spotter, arena, deepest stack
    ram_bytes_max: int | None = None
    # TFLM's arena, as measured on this host
    arena_bytes_max: int | None = None
    # deepest stack while samples are pushed, engine aot
    stack_bytes_max: int | None = None
    # engine aot; not cycles
    instructions_per_inference_max: int | None = None
    # for a second of audio at the detection stride, front end included
    instructions_per_second_max: int | None = None
    # one inference on this machine
    latency_p95_ms_max: float | None = None
    # on a stream, all keywords together and keyword to its own
    false_accepts_per_hour_max: float | None = None
    false_accepts_per_hour_max_per_keyword: Mapping[str, float] = field(default_factory=dict)
    # share of the spoken keywords that are missed, 0 to 1, all together and keyword to its own
    false_reject_rate_max: float | None = None
    false_reject_rate_max_per_keyword: Mapping[str, float] = field(default_factory=dict)
    # layer to its weights and biases; a layer that is not named here may not exist
    layer_weight_bytes_max: Mapping[str, int] = field(default_factory=dict)
    # layer to its output
    layer_output_bytes_max: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.given():
            values = value if isinstance(value, Mapping) else {"": value}
            share = name == "accuracy_min" or name.startswith("false_reject_rate")
            for key, number in values.items():
                shown = f"{name}.{key}" if key else name
                require(0 <= number < math.inf, f"{shown} = {number}; use 0 or more, or leave it out for no limit")
                require(not share or number <= 1, f"{shown} = {number}; use a share of 0 to 1")

    def given(self) -> tuple[tuple[str, Any], ...]:
        """Name and value of every limit that is set."""
        pairs = ((each.name, getattr(self, each.name)) for each in dataclasses.fields(self))
        return tuple((name, value) for name, value in pairs if value is not None and value != {})


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A budget file: `[board]`, `[budget]`, and `[front_end]` where features must stay as they are."""

    # the file, or the preset's name
    source: str
    board: Board
    limits: Limits
    # settings of the front end that must be just so; None where the file has no `[front_end]`
    front_end: Mapping[str, Any] | None = None


def preset_names() -> tuple[str, ...]:
    """Names of the boards that come with kws-edge, such as "nano_33_ble_sense"."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in _PRESETS.iterdir() if entry.name[-5:] == ".toml"))


def read_budget(name: str) -> Budget:
    """The budget in the file `name`, or else the preset of that name.

    Raises SettingsError that names the file for whatever is wrong in it, or lists the presets.
    """
    path = Path(name)
    if path.is_file():
        return parse_budget(path.read_bytes(), name)
    if name not in preset_names():
        raise SettingsError(
            f"--budget {name}: neither a file nor a board; boards with a preset: {', '.join(preset_names())}"
        )
    return parse_budget((_PRESETS / f"{name}.toml").read_bytes(), name)


def parse_budget(data: bytes, source: str) -> Budget:
    """The budget in the bytes of a TOML file; `source` opens every message. Raises SettingsError."""
    tables = parse_toml(data, Path(source))
    known = ("board", "budget", "front_end")
    check_tables(tables, known, source=source)
    limits = from_mapping(Limits, tables.get("budget", {}), source=f"{source} [budget]")
    if not limits.given():
        raise SettingsError(
            f"{source}: the table [budget] is missing or empty; give it a limit, such as flash_bytes_max"
        )
    front_end = tables.get("front_end")
    if front_end is not None:
        whole = to_mapping(from_mapping(FeatureSpec, front_end, source=f"{source} [front_end]"))
        # only what the file names is compared
        front_end = {name: whole[name] for name in front_end}
    return Budget(
        source=source,
        board=from_mapping(Board, tables.get("board", {}), source=f"{source} [board]"),
        limits=limits,
        front_end=front_end,
    )
