"""Everything that can be told of a bundle, measured in one go: what the HTML report shows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from kws_edge.errors import ExportError
from kws_edge.frontend import features as compute_features
from kws_edge.settings import to_mapping
from kws_edge.verification.budget import Board, Budget
from kws_edge.verification.labelled_clips import chosen_clips
from kws_edge.verification.latency import Latency, measure_latencies
from kws_edge.verification.layer_parity import LayerParity, measure_layer_parity
from kws_edge.verification.layers import LayerCosts, measure_layers
from kws_edge.verification.measurements import Measurements
from kws_edge.verification.quantization import Quantization, measure_quantization
from kws_edge.verification.stream_verification import StreamVerification
from kws_edge.verification.verdict import Verdict, judge
from kws_edge.verification.verify import Verification

# names a stage and gives a callback for (done, total)
Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


@dataclass(frozen=True, kw_only=True)
class BundleReport:
    """What was measured of one bundle on one split of a corpus."""

    # UTC, ISO 8601
    time: str
    verification: Verification
    # None without a budget
    verdict: Verdict | None
    # None without a stream
    heard: StreamVerification | None
    # or why engine aot does not take the model
    costs: LayerCosts | str
    latencies: tuple[Latency, ...]
    layer_parity: LayerParity
    quantization: Quantization

    @property
    def passed(self) -> bool:
        """Whether no check failed and no line of the budget did."""
        return self.verification.passed and (self.verdict is None or self.verdict.passed)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON types, each part as its own verb prints it."""
        bundle = self.verification.bundle
        return {
            "time": self.time,
            "passed": self.passed,
            "verification": self.verification.to_json(),
            "budget": self.verdict.to_json() if self.verdict else None,
            "stream": self.heard.to_json() if self.heard else None,
            "costs": self.costs if isinstance(self.costs, str) else self.costs.to_json(),
            "latency": [latency.to_json() for latency in self.latencies],
            "layer_parity": self.layer_parity.to_json(),
            "quantization": self.quantization.to_json(),
            "provenance": to_mapping(bundle.provenance),
            "metrics": dict(bundle.metrics),
        }


def measure_report(
    verification: Verification,
    *,
    budget: Budget | None,
    strict: bool,
    heard: StreamVerification | None,
    core: str,
    clips: int,
    stage: Stage,
) -> BundleReport:
    """Look into what was verified: `core` is where instructions are counted, `clips` how many the layers are run on.

    `heard` is what the bundle made of a stream, or None; its check joins the others. `stage` is entered once for each
    part that takes time.
    """
    if heard is not None:
        verification = replace(verification, checks=(*verification.checks, heard.check))
    bundle = verification.bundle
    some = chosen_clips(verification.data, verification.split, clips)
    features = compute_features(some.clips, bundle.features)
    costs: LayerCosts | str
    with stage("measuring layers"):
        try:
            costs = measure_layers(bundle, core=core)
        except ExportError as error:
            costs = str(error)
    with stage("timing interpreters"):
        latencies = measure_latencies(bundle)
    with stage("comparing layers") as progress:
        parity = measure_layer_parity(bundle, features, progress=progress)
    with stage("looking at quantization"):
        quantization = measure_quantization(bundle, features)
    verdict = None
    if budget is not None:
        with stage("measuring what the budget asks for"):
            board: Board = budget.board
            outcome = heard.outcome if heard else None
            verdict = judge(budget, Measurements(bundle, board, verification, outcome), strict=strict)
    return BundleReport(
        time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        verification=verification,
        verdict=verdict,
        heard=heard,
        costs=costs,
        latencies=latencies,
        layer_parity=parity,
        quantization=quantization,
    )
