"""A sweep from beginning to end: price, drop, train, compare. Only validation accuracy is looked at."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kws_edge.bundle import WEIGHTS, read_bundle
from kws_edge.corpus import find_data
from kws_edge.corpus.layouts import scan
from kws_edge.models.own import named_source
from kws_edge.settings import to_mapping, to_toml
from kws_edge.sweep.price import Price
from kws_edge.sweep.runner import Job, Outcome, Runner
from kws_edge.sweep.selection import Priced, kept
from kws_edge.sweep.settings import Candidate, SweepSettings, shortened

# successive halving trains all for a ninth of the epochs, the best third for a third, the best ninth in full
# (Jamieson and Talwalkar 2016, arXiv:1502.07943, with eta = 3)
_ETA = 3
_RUNGS = (1 / 9, 1 / 3, 1.0)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a sweep found out about one candidate."""

    name: str
    arch: str
    options: Mapping[str, Any]
    features: Mapping[str, Any]
    # None if it could not be built
    price: Price | None
    # why it was not trained, trained no further or not to its end; None if it was trained in full
    dropped: str | None
    # mean over the seeds of the best validation accuracy, 0 to 1: quantization-aware, or float without it; of the last
    # and longest training that it had
    accuracy: float | None = None
    # likewise of the float phase
    float_accuracy: float | None = None
    # of one training, mean over the seeds
    seconds: float | None = None
    # one for each seed
    bundles: tuple[str, ...] = ()
    # whether nothing else trained in full is at least as good and as cheap in every respect, and better in one
    pareto: bool = False

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return asdict(self)


def search(
    settings: SweepSettings,
    priced: Sequence[Priced],
    runner: Runner,
    *,
    halving: bool = False,
    finished: Callable[[Outcome, int, int], None] = lambda outcome, done, total: None,
) -> tuple[Result, ...]:
    """Train the candidates of `priced` that are within the budget; best first, dropped ones last.

    With `halving` most are trained only as long as it takes to see that others are better. `finished` is told of each
    training, how many are done of its round, and how many the round has. Raises as `surroundings_of` does.
    """
    results = {one.candidate.name: untrained(one) for one in priced}
    surroundings = surroundings_of(settings, runner.data)
    alive = kept(priced)
    rungs = _RUNGS if halving and len(alive) >= _ETA else (1.0,)
    for share in rungs:
        jobs = {candidate.name: _jobs(candidate, settings, share, surroundings) for candidate in alive}
        flat = [job for group in jobs.values() for job in group]
        done = 0

        def count(outcome: Outcome, total: int = len(flat)) -> None:
            nonlocal done
            done += 1
            finished(outcome, done, total)

        outcomes = {outcome.job.name: outcome for outcome in runner.run(flat, count)}
        for candidate in alive:
            trained = [outcomes[job.name] for job in jobs[candidate.name]]
            results[candidate.name] = _trained(results[candidate.name], trained, settings.search.qat)
        alive = [candidate for candidate in alive if results[candidate.name].dropped is None]
        if share < 1.0:
            staying = survivors({candidate.name: results[candidate.name] for candidate in alive})
            for candidate in alive:
                if candidate.name not in staying:
                    epochs = shortened(settings.training, share).epochs
                    reason = f"others were better after {epochs} of {settings.training.epochs} epochs"
                    results[candidate.name] = dataclasses.replace(results[candidate.name], dropped=reason)
            alive = [candidate for candidate in alive if candidate.name in staying]
    return with_pareto_front(tuple(results.values()))


def survivors(results: Mapping[str, Result]) -> list[str]:
    """Names of the best third, rounded up, best first."""
    order = sorted(results, key=lambda name: results[name].accuracy or 0.0, reverse=True)
    return order[: math.ceil(len(order) / _ETA)]


def with_pareto_front(results: Sequence[Result]) -> tuple[Result, ...]:
    """`results` with `pareto` found out, best first, dropped ones last."""
    found = [dataclasses.replace(one, pareto=_undominated(one, results)) for one in results]
    return tuple(sorted(found, key=lambda one: (one.dropped is not None, -(one.accuracy or 0.0))))


def surroundings_of(settings: SweepSettings, data: Path | None) -> str:
    """What beside settings makes another training: the folder of recordings, however it was named, and its teachers.

    Raises CorpusError for a folder that is none or holds no recordings, BundleError for a teacher that is no bundle.
    """
    folder = find_data(data)
    if folder is not None:
        scan(folder)
    taught = [read_bundle(Path(teacher)).sha256(WEIGHTS) for teacher in settings.search.teachers]
    return "".join([str(folder.resolve()) if folder else "", *taught])


def _jobs(candidate: Candidate, settings: SweepSettings, share: float, surroundings: str) -> list[Job]:
    """One for each seed; the name holds a hash of all that makes it another training."""
    options = ["--qat"] if settings.search.qat else []
    for teacher in settings.search.teachers:
        options += ["--teacher", teacher]
    jobs = []
    for seed in range(settings.search.seeds):
        config = to_toml(
            features=candidate.features,
            corpus=settings.corpus,
            augmentation=settings.augmentation,
            training=dataclasses.replace(shortened(settings.training, share), seed=seed),
            model=to_mapping(named_source(candidate.model)),
        )
        identity = f"{config}{options}{surroundings}"
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        jobs.append(Job(f"{candidate.name}-{digest}", config, tuple(options)))
    return jobs


def untrained(priced: Priced) -> Result:
    """What is known of a candidate before it is trained."""
    candidate = priced.candidate
    return Result(
        name=candidate.name,
        arch=candidate.model.arch,
        options=candidate.model.options,
        features=candidate.features,
        price=priced.price,
        dropped=priced.dropped,
    )


def _trained(result: Result, outcomes: Sequence[Outcome], qat: bool) -> Result:
    failures = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    if failures:
        return dataclasses.replace(result, dropped=f"training failed: {failures[0]}")
    bundles = [outcome.bundle for outcome in outcomes if outcome.bundle is not None]
    accuracies = [bundle.metrics["validation_accuracy"] for bundle in bundles]
    return dataclasses.replace(
        result,
        accuracy=_mean([one["qat" if qat else "float"] for one in accuracies]),
        float_accuracy=_mean([one["float"] for one in accuracies]),
        seconds=_mean([bundle.metrics["seconds"] for bundle in bundles]),
        bundles=tuple(str(bundle.path) for bundle in bundles),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _undominated(one: Result, others: Sequence[Result]) -> bool:
    if one.dropped is not None:
        return False
    own = _merits(one)
    rivals = [_merits(other) for other in others if other.dropped is None]
    return not any(rival != own and all(a >= b for a, b in zip(rival, own, strict=True)) for rival in rivals)


def _merits(result: Result) -> tuple[float, ...]:
    """Accuracy and negative costs: the larger the better."""
    assert result.price is not None
    ram = math.inf if result.price.ram_bytes is None else result.price.ram_bytes
    return (result.accuracy or 0.0, -result.price.weight_bytes, -ram, -result.price.macs)
