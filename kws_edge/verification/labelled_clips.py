"""Clips of one split, all or some, with their labels: what accuracy and parity are measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws_edge.corpus import Corpus
from kws_edge.corpus.splits import SplitName
from kws_edge.errors import CorpusError


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledClips:
    """Recordings to measure accuracy on."""

    # the folder, as given
    source: str
    split: SplitName
    # hash of the corpus that they are from
    content_hash: str
    # int16[n, clip_samples]
    clips: NDArray[np.int16]
    # int64[n], indices into the bundle's labels
    labels: NDArray[np.int64]


def chosen_clips(corpus: Corpus, split: SplitName, most: int | None) -> LabelledClips:
    """All clips of a split, or `most` of them evenly chosen. Raises CorpusError if it is empty."""
    found = corpus.split(split)
    if not len(found.labels):
        raise CorpusError(f"{corpus.folder}: the {split} split is empty; name other recordings with --data")
    count = min(most or len(found.labels), len(found.labels))
    chosen = np.unique(np.linspace(0, len(found.labels) - 1, count).round().astype(int))
    return LabelledClips(
        source=str(corpus.folder),
        split=split,
        content_hash=corpus.content_hash,
        clips=np.ascontiguousarray(np.asarray(found.clips)[chosen]),
        labels=found.labels[chosen],
    )
