"""What a sweep searches over, from one TOML file, and the candidates that it names."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from kws_edge.errors import SettingsError
from kws_edge.settings import check_tables, from_mapping, read_toml, require_table, to_mapping
from kws_edge.spec import AugmentationSettings, CorpusSettings, ModelSettings, TrainingSettings, require
from kws_edge.sweep.price import Price

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that a network may cost; None is no limit. The names are those of `Price`."""

    weight_bytes: int | None = None
    ram_bytes: int | None = None
    macs: int | None = None

    def excess(self, price: Price) -> str | None:
        """Why `price` is over the budget, or None if it is not."""
        for name, limit in to_mapping(self).items():
            cost = getattr(price, name)
            if cost is None:
                return f"{name} unknown: too large for engine aot"
            if cost > limit:
                return f"{name} {cost:,} > {limit:,}"
        return None


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How the candidates are gone through."""

    # candidates drawn at random from all combinations; 0 takes them all
    candidates: int = 0
    # trainings of each candidate, seeds 0, 1 and so on; the mean of their validation accuracies counts
    seeds: int = 1
    # quantization-aware training after the float phase, whose accuracy then counts
    qat: bool = True
    # of the random draw
    seed: int = 0
    # bundles for `train --teacher`
    teachers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.candidates >= 0, f"candidates = {self.candidates}; use 0 for all, or more")
        require(1 <= self.seeds <= 100, f"seeds = {self.seeds}; use 1 to 100")


@dataclass(frozen=True, kw_only=True)
class ModelLists:
    """One family, and a list of alternatives for each of the options that vary."""

    arch: str
    options: dict[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One network on one front end."""

    model: ModelSettings
    # what it changes in the default FeatureSpec
    features: dict[str, Any]

    @property
    def name(self) -> str:
        """Family and a hash of all else: the same for the same candidate, always."""
        text = json.dumps([to_mapping(self.model), self.features], sort_keys=True)
        family = Path(self.model.arch).name.replace(".py:", "-")
        return f"{family}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """A whole sweep."""

    budget: Budget
    search: SearchSettings
    models: tuple[ModelLists, ...]
    # field of FeatureSpec to its alternatives
    features: Mapping[str, Sequence[Any]]
    # tables that every training gets as they are
    corpus: CorpusSettings
    augmentation: AugmentationSettings
    training: TrainingSettings

    def candidates(self) -> tuple[Candidate, ...]:
        """Every combination in the order of the file, or as many drawn from them as the search asks for."""
        found = [
            Candidate(ModelSettings(arch=one.arch, options=options), features)
            for one in self.models
            for options in _combinations(one.options)
            for features in _combinations(self.features)
        ]
        wanted = self.search.candidates
        if 0 < wanted < len(found):
            chosen = sorted(random.Random(self.search.seed).sample(range(len(found)), wanted))
            found = [found[number] for number in chosen]
        return tuple(found)


def read_sweep(path: Path) -> SweepSettings:
    """Read a sweep's TOML file: [budget], [search], [[model]], [features], [corpus], [augmentation], [training].

    Raises SettingsError that names the file, the table and the key.
    """
    tables = read_toml(path)
    known = ("budget", "search", "model", "features", "corpus", "augmentation", "training")
    check_tables(tables, known, source=path, repeated=("model",))

    def table(cls: type[T], name: str) -> T:
        return from_mapping(cls, tables.get(name, {}), source=f"{path} [{name}]")

    models = tables.get("model", [])
    if not models:
        raise SettingsError(f"{path}: no [[model]]; write one such table for each family to search over")
    if "seed" in tables.get("training", {}):
        raise SettingsError(
            f"{path} [training] seed: trainings have the seeds 0, 1 and so on; say how many as seeds in [search]"
        )
    features = tables.get("features", {})
    for one in models:
        require_table(one.get("options", {}), f"{path} [[model]]: options")
    lists = [(f"[features] {name}", values) for name, values in features.items()]
    lists += [(f"[[model]] {name}", values) for one in models for name, values in one.get("options", {}).items()]
    for where, values in lists:
        if not isinstance(values, list) or not values:
            raise SettingsError(f"{path} {where} = {values!r}; write the list of its alternatives")
    return SweepSettings(
        budget=table(Budget, "budget"),
        search=table(SearchSettings, "search"),
        models=tuple(from_mapping(ModelLists, one, source=f"{path} [[model]]") for one in models),
        features=features,
        corpus=table(CorpusSettings, "corpus"),
        augmentation=table(AugmentationSettings, "augmentation"),
        training=table(TrainingSettings, "training"),
    )


def shortened(training: TrainingSettings, share: float) -> TrainingSettings:
    """`training` with that share of its epochs, at least one of each phase."""
    epochs, qat_epochs = (max(1, round(share * number)) for number in (training.epochs, training.qat_epochs))
    return dataclasses.replace(training, epochs=epochs, qat_epochs=qat_epochs)


def _combinations(lists: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
