"""Synthesized voices beside recorded ones: more training clips, of the scarcest labels first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.cache import Progress
from kws_edge.corpus.loading import Corpus, Split, load_corpus
from kws_edge.corpus.synthesis import UNKNOWN_WORDS, cached_corpus
from kws_edge.spec import SILENCE, UNKNOWN, CorpusSettings

# Clips of one word are spoken in steps of this many, so that a slightly other share finds them in the cache.
_STEP = 100


def quotas(counts: Sequence[int], total: int) -> list[int]:
    """How `total` new clips are dealt out so that the smallest of `counts` are filled up evenly."""
    levels = np.array(counts, np.int64)
    dealt = np.zeros_like(levels)
    while total > 0:
        lowest = np.flatnonzero(levels == levels.min())
        higher = levels[levels > levels.min()]
        room = int(higher.min() - levels.min()) if len(higher) else total
        each = max(1, min(room, total // len(lowest)))
        for place in lowest[: max(1, min(len(lowest), total // each))]:
            levels[place] += each
            dealt[place] += each
            total -= each
    return [int(count) for count in dealt]


def enriched(corpus: Corpus, share: float, *, cache_dir: Path | None = None, progress: Progress | None = None) -> Split:
    """The training split of `corpus` with ``share`` times as many synthesized clips as it has recorded ones.

    Keywords and the label of unknown words are filled up from the scarcest; unknown words are eSpeak NG's rendering of
    those of `UNKNOWN_WORDS` that are no keywords, and none where ``unknown_share`` is 0. The voices are those of
    `cached_corpus`, spoken once and kept in the user's cache folder.

    Raises DependencyError without eSpeak NG.
    """
    recorded = corpus.split("train")
    spoken_labels = [label for label, name in enumerate(corpus.labels) if _words(name, corpus.settings)]
    counts = np.bincount(recorded.labels, minlength=len(corpus.labels))[spoken_labels]
    parts = [recorded]
    for label, quota in zip(spoken_labels, quotas(counts.tolist(), round(share * int(counts.sum()))), strict=True):
        if quota:
            parts.append(_spoken(corpus, label, quota, cache_dir, progress))
    return Split(
        clips=np.concatenate([part.clips for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        names=tuple(name for part in parts for name in part.names),
        speakers=tuple(speaker for part in parts for speaker in part.speakers),
    )


def _words(label: str, settings: CorpusSettings) -> list[str]:
    """What is spoken for a label: the keyword, other words for unknown if any are wanted, nothing for silence."""
    if label == UNKNOWN:
        return [word for word in UNKNOWN_WORDS if word not in settings.keywords] if settings.unknown_share else []
    return [] if label == SILENCE else [label]


def _spoken(corpus: Corpus, label: int, quota: int, cache_dir: Path | None, progress: Progress | None) -> Split:
    """`quota` synthesized clips of one label, spread evenly over its words and voices."""
    words = _words(corpus.labels[label], corpus.settings)
    per_word = -(-quota // len(words))
    folder = cached_corpus(words, (), clips_per_word=-(-per_word // _STEP) * _STEP, progress=progress)
    everything = CorpusSettings(
        keywords=tuple(words),
        unknown_share=0,
        silence_share=0,
        validation_percent=0,
        testing_percent=0,
        trim=corpus.settings.trim,
    )
    made = load_corpus(
        folder,
        everything,
        sample_rate_hz=corpus.sample_rate_hz,
        clip_samples=corpus.clip_samples,
        cache_dir=cache_dir,
    ).split("train")
    # clips are sorted by name, and a name begins with a hash of the voice: every n-th clip is a fair choice of voices
    rows: list[npt.NDArray[np.int64]] = []
    for index in range(len(words)):
        own = np.flatnonzero(made.labels == index)
        wanted = quota // len(words) + (index < quota % len(words))
        rows.append(own[np.linspace(0, len(own) - 1, wanted).round().astype(int)] if wanted else own[:0])
    chosen = np.concatenate(rows)
    return Split(
        clips=made.clips[chosen],
        labels=np.full(len(chosen), label, np.int64),
        names=tuple(f"synthesized/{made.names[row]}" for row in chosen),
        speakers=tuple(made.speakers[row] for row in chosen),
    )
