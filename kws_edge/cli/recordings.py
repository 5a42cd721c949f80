"""The recordings that a verb works on: named, from the environment, or the synthesized demonstration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws_edge.bundle import Bundle
    from kws_edge.corpus import Corpus
    from kws_edge.spec import CorpusSettings, DetectionSettings, FeatureSpec


def too_short(samples: int, settings: DetectionSettings, spec: FeatureSpec) -> str | None:
    """Why so many samples at the rate of `spec` cannot hold a detection, or None if they can.

    A clip of one word is what people try first, and a detector that counts inferences in a row never hears it.
    """
    from kws_edge.detection import end_sample

    rate = spec.sample_rate_hz
    wanted = end_sample(settings.minimum_count - 1, settings, spec)
    if samples >= wanted:
        return None
    return (
        f"{samples / rate:.2f} s is too short for a detection: a keyword must lead {settings.minimum_count} times in a "
        f"row, which takes {wanted / rate:.2f} s; give a longer recording, or one with silence around the word"
    )


def corpus_of_bundle(bundle: Bundle, data: Path | None) -> Corpus:
    """Load `data`, else KWS_EDGE_DATA, else the demonstration corpus, with the settings that `bundle` was made with."""
    return open_corpus(data, bundle.corpus, bundle.features, without="figures on them say nothing of people")


def open_corpus(
    data: Path | None,
    settings: CorpusSettings,
    spec: FeatureSpec,
    *,
    without: str = "such a model is a demonstration, real speech needs real recordings",
) -> Corpus:
    """Load `data`, else KWS_EDGE_DATA, else the demonstration corpus, and print what the user ought to know of it.

    `without` is what there is to know of synthesized voices.
    """
    from kws_edge.cli.progress import progress_bar
    from kws_edge.corpus import default_corpus, find_data, load_corpus

    folder = find_data(data)
    if folder is None:
        print(f"no --data and no KWS_EDGE_DATA: using synthesized voices; {without}", file=sys.stderr)
        with progress_bar("synthesizing") as progress:
            folder = default_corpus(progress, words=settings.keywords)
    with progress_bar("reading recordings") as progress:
        corpus = load_corpus(
            folder,
            settings,
            sample_rate_hz=spec.sample_rate_hz,
            clip_samples=spec.clip_samples,
            progress=progress,
        )
    for warning in corpus.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if corpus.skipped:
        name, reason = corpus.skipped[0]
        print(f"warning: {len(corpus.skipped)} files were skipped, such as {name}: {reason}", file=sys.stderr)
    return corpus
