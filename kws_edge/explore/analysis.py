"""The one analysis behind `explore`, `data check` and their JSON: recordings, what was computed of them, findings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.exclusion import exclusion_text
from kws_edge.explore.doubtful_labels import LabelOdds, judge_labels
from kws_edge.explore.duplicates import DuplicatePair, find_duplicates
from kws_edge.explore.embedding import centred, log_mel
from kws_edge.explore.findings import KINDS, Finding, Kind, Limits, find_all
from kws_edge.explore.recordings import Recordings, Stage
from kws_edge.explore.stored import Arrays, read_arrays, stored_path, write_arrays
from kws_edge.settings import to_mapping

# part of the cache's key: raise it when duplicates or odds would come out differently
_VERSION = 2


@dataclass(frozen=True)
class Analysis:
    """Recordings and all that is known of them."""

    recordings: Recordings
    # centred log mel energies, float32[n, frames, mel_bands]: see `embedding.centred`
    energies: npt.NDArray[np.float32]
    duplicates: tuple[DuplicatePair, ...]
    # None where the corpus is too small to learn from
    odds: LabelOdds | None
    limits: Limits
    # in the order of `KINDS`, the worst of a kind first
    findings: tuple[Finding, ...]

    def of_kind(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of one kind, the worst first."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def faults(self, known: Collection[str] = ()) -> tuple[Finding, ...]:
        """The findings that fail a check: faults of recordings that are not among the `known` names."""
        return tuple(finding for finding in self.findings if finding.kind.fault and finding.name not in known)

    def exclusions(self) -> tuple[tuple[str, str], ...]:
        """(name, reason) of every recording that training had better leave out, each once, sorted."""
        reasons: dict[str, str] = {}
        for finding in self.findings:
            if finding.excluded:
                reasons.setdefault(finding.name, f"{finding.kind.name}: {finding.detail}")
        return tuple(sorted(reasons.items()))

    def exclusion_list(self) -> str:
        """The text of the exclusion list that `train --exclude` takes."""
        heading = (
            f"{len(self.exclusions())} recordings of {self.recordings.folder.name} to leave out of training.\n"
            "Listen to some, and delete the lines that you disagree with. Testing clips are not listed."
        )
        return exclusion_text(self.exclusions(), heading=heading)

    def to_json(self) -> dict[str, Any]:
        """All findings and what they were measured by, as plain JSON types."""
        recordings = self.recordings
        return {
            "path": str(recordings.folder),
            "content_sha256": recordings.content_key,
            "clips": len(recordings.files),
            "splits": {name: recordings.splits.count(name) for name in ("train", "validation", "test")},
            "limits": to_mapping(self.limits),
            "label_model_accuracy": None if self.odds is None else round(self.odds.accuracy, 4),
            "warnings": list(recordings.warnings),
            "counts": {kind.name: len(self.of_kind(kind)) for kind in KINDS},
            "faults": len(self.faults()),
            "excluded": [name for name, _ in self.exclusions()],
            "findings": [
                {
                    "kind": finding.kind.name,
                    "name": finding.name,
                    "split": finding.split,
                    "detail": finding.detail,
                    "badness": finding.badness,
                    "other": finding.other or None,
                    "fault": finding.kind.fault,
                    "excluded": finding.excluded,
                }
                for finding in self.findings
            ],
        }


def analyse(
    recordings: Recordings, *, stage: Stage, limits: Limits | None = None, cache_dir: Path | None = None
) -> Analysis:
    """Compare every clip with every other, judge the labels and list what is wrong; the slow parts are cached.

    Raises DependencyError without scikit-learn.
    """
    limits = limits or Limits()
    with stage("computing spectrograms") as progress:
        energies = centred(log_mel(recordings.clips, recordings.spec, progress))
    spec = recordings.spec.sha256()
    path = stored_path("judgements", recordings.content_key, recordings.names, spec, _VERSION, cache_dir=cache_dir)
    known = _of_arrays(read_arrays(path))
    duplicates, odds = known or _judged(recordings, energies, stage)
    if known is None:
        write_arrays(path, _to_arrays(duplicates, odds))
    return Analysis(
        recordings=recordings,
        energies=energies,
        duplicates=duplicates,
        odds=odds,
        limits=limits,
        findings=find_all(recordings, duplicates, odds, limits),
    )


_Judgement = tuple[tuple[DuplicatePair, ...], LabelOdds | None]


def _judged(recordings: Recordings, energies: npt.NDArray[np.float32], stage: Stage) -> _Judgement:
    words = [file.word for file in recordings.files]
    speakers = [file.speaker for file in recordings.files]
    with stage("looking for duplicates") as progress:
        duplicates = find_duplicates(recordings.clips, energies, progress)
    with stage("judging labels") as progress:
        return duplicates, judge_labels(energies, words, speakers, progress)


def _to_arrays(duplicates: tuple[DuplicatePair, ...], odds: LabelOdds | None) -> Arrays:
    arrays: Arrays = {
        "pairs": np.array([(pair.first, pair.second, pair.shift) for pair in duplicates], np.int64).reshape(-1, 3),
        "correlations": np.array([pair.correlation for pair in duplicates], np.float64),
    }
    if odds is not None:
        arrays |= {
            "rival": np.array(odds.rival, np.str_),
            "log_odds": odds.log_odds,
            "accuracy": np.array(odds.accuracy),
        }
    return arrays


def _of_arrays(arrays: Arrays | None) -> _Judgement | None:
    if arrays is None:
        return None
    duplicates = tuple(
        DuplicatePair(int(first), int(second), float(correlation), int(shift))
        for (first, second, shift), correlation in zip(arrays["pairs"], arrays["correlations"], strict=True)
    )
    if "rival" not in arrays:
        return duplicates, None
    rival = tuple(map(str, arrays["rival"]))
    return duplicates, LabelOdds(rival, arrays["log_odds"], float(arrays["accuracy"]))
