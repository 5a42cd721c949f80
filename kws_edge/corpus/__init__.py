"""Recordings to labelled clips: int16 at the spec's sample rate, split by speaker."""

from __future__ import annotations

from kws_edge.corpus.augmentation import augment
from kws_edge.corpus.cache import user_cache_dir
from kws_edge.corpus.loading import Corpus, Split, find_data, load_corpus
from kws_edge.corpus.noise import NoiseBank

__all__ = ["Corpus", "NoiseBank", "Split", "augment", "find_data", "load_corpus", "user_cache_dir"]
