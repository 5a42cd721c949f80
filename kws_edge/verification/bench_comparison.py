"""Two benches side by side: the same integers, and how much faster."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kws_edge.errors import SettingsError
from kws_edge.verification.bench import FORMAT


@dataclass(frozen=True, kw_only=True)
class EngineComparison:
    """One engine on both machines; milliseconds and bytes of each, None where it has no figures."""

    title: str
    inference_p50_ms: tuple[float | None, float | None]
    real_time_factor: tuple[float | None, float | None]
    resident_bytes: tuple[int | None, int | None]
    accuracy: tuple[float | None, float | None]
    # None where one of them has no outputs, or on other clips
    same_outputs: bool | None

    @property
    def speed(self) -> float | None:
        """How many times as fast the second is."""
        first, second = self.inference_p50_ms
        return first / second if first and second else None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two benches."""

    names: tuple[str, str]
    # board, processor, system and what else tells the machines apart, a row each
    machines: tuple[tuple[str, str, str], ...]
    same_model: bool
    # clips that both ran, sample for sample; None if there are none
    clips: int | None
    # whether both read the same files and yet got other samples: resampling rounds differently on other processors
    read_differently: bool
    # of these clips; None without
    same_features: bool | None
    # what stood for the device on each, and whether it gave the same integers; None without common clips
    references: tuple[str | None, str | None]
    same_reference_outputs: bool | None
    engines: tuple[EngineComparison, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing that must be equal differs: features and the device's outputs, of one model on one sound."""
        return self.same_features is not False and self.same_reference_outputs is not False

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        return {
            **asdict(self),
            "engines": [{**asdict(engine), "speed": engine.speed} for engine in self.engines],
            "passed": self.passed,
        }


def compare(first: Path, second: Path) -> Comparison:
    """Compare two files that `kws-edge bench` wrote. Raises SettingsError that names the file that is none."""
    one, other = _read(first), _read(second)
    try:
        return _compared((first, second), one, other)
    except (KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{first} or {second}: a bench lacks {error}; make it anew with this release") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        bench = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{file}: no JSON: {error}; give what `kws-edge bench -o` wrote as bench.json") from error
    if not isinstance(bench, dict) or bench.get("format") != FORMAT:
        raise SettingsError(f"{file}: no bench of format {FORMAT}; give what `kws-edge bench -o` wrote as bench.json")
    return bench


def _compared(files: tuple[Path, Path], one: dict[str, Any], other: dict[str, Any]) -> Comparison:
    same_model = all(one["bundle"][key] == other["bundle"][key] for key in ("model_sha256", "spec_sha256"))
    heard = (one["recordings"], other["recordings"])
    common = same_model and None not in heard and heard[0]["clips_sha256"] == heard[1]["clips_sha256"]
    hashes = [_hashes(bench) for bench in (one, other)]
    references = (one["reference"], other["reference"])
    both = None not in references
    by_title = [{engine["title"]: engine for engine in bench["engines"]} for bench in (one, other)]
    titles = [
        title
        for title in dict.fromkeys((*by_title[0], *by_title[1]))
        if any(title in engines and engines[title]["figures"] for engines in by_title)
    ]
    return Comparison(
        names=_names(files, one, other),
        machines=_machines(one, other),
        same_model=same_model,
        clips=heard[0]["clips"] if common else None,
        read_differently=None not in heard
        and all(heard[0][key] == heard[1][key] for key in ("content_hash", "split", "clips"))
        and heard[0]["clips_sha256"] != heard[1]["clips_sha256"],
        same_features=heard[0]["features_sha256"] == heard[1]["features_sha256"] if common else None,
        references=references,
        same_reference_outputs=hashes[0][references[0]] == hashes[1][references[1]] if common and both else None,
        engines=tuple(
            EngineComparison(
                title=title,
                inference_p50_ms=_pair(by_title, title, ("figures", "inference", "p50_ms")),
                real_time_factor=_pair(by_title, title, ("figures", "stream", "real_time_factor")),
                resident_bytes=_pair(by_title, title, ("figures", "resident_bytes")),
                accuracy=_pair(by_title, title, ("clips", "accuracy")),
                same_outputs=_same(hashes, title) if common else None,
            )
            for title in titles
        ),
    )


def _hashes(bench: dict[str, Any]) -> dict[str | None, str | None]:
    """Engine's title to the hash of its outputs, None where it has none."""
    return {engine["title"]: (engine["clips"] or {}).get("outputs_sha256") for engine in bench["engines"]}


def _names(files: tuple[Path, Path], one: dict[str, Any], other: dict[str, Any]) -> tuple[str, str]:
    """Short names that differ: the files', their folders' where `bench -o` named the files, else their places."""
    first, second = (file.stem for file in files)
    if first == second:
        first, second = (file.parent.name for file in files)
    if first == second or not (first and second):
        first, second = "first", "second"
    said = (" (emulated)" if bench["machine"]["emulator"] else "" for bench in (one, other))
    return first + next(said), second + next(said)


def _machines(one: dict[str, Any], other: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    keys = ("board", "cpu", "architecture", "cores", "os", "kernel", "python", "emulator")
    rows = [(key, *(str(bench["machine"][key] or "") for bench in (one, other))) for key in keys]
    rows += [(key, *(str(bench["before"][key] or "") for bench in (one, other))) for key in ("governor",)]
    packages = [bench["machine"]["packages"] for bench in (one, other)]
    for name in dict.fromkeys((*packages[0], *packages[1])):
        rows.append((name, packages[0].get(name, ""), packages[1].get(name, "")))
    return tuple((name, first, second) for name, first, second in rows if first or second)


def _pair(by_title: list[dict[str, Any]], title: str, path: tuple[str, ...]) -> tuple[Any, Any]:
    def value(engines: dict[str, Any]) -> Any:
        found = engines.get(title)
        for key in path:
            if found is None:
                return None
            found = found[key]
        return found

    return value(by_title[0]), value(by_title[1])


def _same(hashes: list[dict[str | None, str | None]], title: str) -> bool | None:
    first, second = (found.get(title) for found in hashes)
    return None if first is None or second is None else first == second
