"""The recordings that a verb works on: named, from the environment, or the synthesized demonstration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws_edge.bundle import Bundle
    from kws_edge.corpus import Corpus


def corpus_of_bundle(bundle: Bundle, data: Path | None) -> Corpus:
    """Load `data`, else KWS_EDGE_DATA, else the demonstration corpus, with the settings that `bundle` was made with."""
    from kws_edge.cli.progress import progress_bar
    from kws_edge.corpus import default_corpus, find_data, load_corpus

    folder = find_data(data)
    if folder is None:
        print("no --data and no KWS_EDGE_DATA: using synthesized speech, a demonstration only", file=sys.stderr)
        with progress_bar("synthesizing") as progress:
            folder = default_corpus(progress)
    with progress_bar("reading recordings") as progress:
        return load_corpus(
            folder,
            bundle.corpus,
            sample_rate_hz=bundle.features.sample_rate_hz,
            clip_samples=bundle.features.clip_samples,
            progress=progress,
        )
