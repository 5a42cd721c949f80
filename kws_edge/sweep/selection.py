"""Candidates priced before anything is trained; those over the budget are dropped, and the reason is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from kws_edge.errors import ConversionError, SettingsError
from kws_edge.files import write_file
from kws_edge.models.own import named_source
from kws_edge.settings import from_mapping
from kws_edge.spec import FeatureSpec
from kws_edge.sweep.price import Price, price
from kws_edge.sweep.settings import Candidate, SweepSettings


@dataclass(frozen=True)
class Priced:
    """A candidate and what it costs."""

    candidate: Candidate
    # None if it cannot be built
    price: Price | None
    # why it is not trained, or None if it is
    dropped: str | None


def select(
    settings: SweepSettings, folder: Path, progress: Callable[[int, int], None] | None = None
) -> tuple[Priced, ...]:
    """Price every candidate of `settings`, in order; prices are kept in `folder` for the next run."""
    path = folder / "prices.json"
    known = _read(path)
    labels = len(settings.corpus.labels)
    candidates = settings.candidates()
    found = []
    for number, candidate in enumerate(candidates):
        key = _key(candidate, labels)
        if key not in known:
            known[key] = _priced(candidate, labels)
            write_file(path, json.dumps(known, indent=1))
        found.append(_judged(candidate, known[key], settings))
        if progress is not None:
            progress(number + 1, len(candidates))
    return tuple(found)


def _key(candidate: Candidate, labels: int) -> str:
    """What a price depends on: of a network of the user's own also its file, which may be edited between two runs."""
    name = f"{candidate.name}-{labels}"
    try:
        source = named_source(candidate.model).source_sha256
    except SettingsError:
        return f"{name}-absent"
    return name if source is None else f"{name}-{source[:8]}"


def _priced(candidate: Candidate, labels: int) -> dict[str, Any]:
    try:
        spec = from_mapping(FeatureSpec, candidate.features, source="features")
        return asdict(price(named_source(candidate.model), spec, labels))
    except (SettingsError, ConversionError) as error:
        return {"error": str(error)}


def _judged(candidate: Candidate, entry: dict[str, Any], settings: SweepSettings) -> Priced:
    if "error" in entry:
        return Priced(candidate, None, entry["error"])
    cost = Price(**entry)
    return Priced(candidate, cost, settings.budget.excess(cost))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: entry for key, entry in found.items() if _whole(entry)} if isinstance(found, dict) else {}


def _whole(entry: Any) -> bool:
    """Whether an entry is of this release: others are priced anew."""
    return isinstance(entry, dict) and set(entry) in ({"error"}, {each.name for each in fields(Price)})


def kept(priced: Sequence[Priced]) -> list[Candidate]:
    """The candidates within the budget, each once."""
    return list({one.candidate.name: one.candidate for one in priced if one.dropped is None}.values())
