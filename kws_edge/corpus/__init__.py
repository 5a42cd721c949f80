"""Recordings to labelled clips: int16 at the spec's sample rate, split by speaker."""

from __future__ import annotations

from kws_edge.corpus.augmentation import augment
from kws_edge.corpus.cache import user_cache_dir
from kws_edge.corpus.loading import Corpus, Split, find_data, load_corpus
from kws_edge.corpus.noise import NoiseBank
from kws_edge.corpus.synthesis import default_corpus, synthesize_corpus

__all__ = [
    "Corpus",
    "NoiseBank",
    "Split",
    "augment",
    "default_corpus",
    "find_data",
    "load_corpus",
    "synthesize_corpus",
    "user_cache_dir",
]
