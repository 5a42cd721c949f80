"""How long an interpreter takes for one inference on this machine."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from kws_edge.bundle import Bundle
from kws_edge.verification.interpreters import candidates

WARM_UP = 20
RUNS = 200


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Wall time of single inferences, one after another, in milliseconds; features already computed."""

    # which interpreter, such as "litert_xnnpack"
    interpreter: str
    # that it was given
    threads: int
    # of the machine, as Python names it: "x86_64", "aarch64"
    machine: str
    # inferences before the measured ones, not counted
    warm_up: int
    # measured inferences
    runs: int
    p50_ms: float
    p95_ms: float
    p99_ms: float

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return asdict(self)


def measure_latency(
    infer: Callable[[], object], interpreter: str, *, threads: int = 1, warm_up: int = WARM_UP, runs: int = RUNS
) -> Latency:
    """Time `infer`, which makes one inference; `interpreter` and `threads` are recorded. `runs` is at least 1."""
    for _ in range(warm_up):
        infer()
    taken_ms = np.empty(runs)
    for run in range(runs):
        start = time.perf_counter_ns()
        infer()
        taken_ms[run] = (time.perf_counter_ns() - start) / 1e6
    p50, p95, p99 = np.percentile(taken_ms, (50, 95, 99))
    return Latency(
        interpreter=interpreter,
        threads=threads,
        machine=platform.machine(),
        warm_up=warm_up,
        runs=runs,
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
    )


def measure_latencies(bundle: Bundle) -> tuple[Latency, ...]:
    """One inference of `bundle` in every int8 interpreter that is installed, each on one thread."""
    rows = np.random.default_rng(0).integers(-128, 128, (1, *bundle.features.shape)).astype(np.int8)
    found = []
    for candidate in candidates(bundle):
        if candidate.absence is None and not candidate.takes_float:
            interpreter = candidate.open()
            found.append(measure_latency(partial(interpreter.run, rows), candidate.name))
    return tuple(found)
