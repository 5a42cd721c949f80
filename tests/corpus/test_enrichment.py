"""Synthesized clips fill up the scarcest labels of a training split and leave the recorded clips alone."""

from __future__ import annotations

import numpy as np
import pytest

from kws_edge.corpus import load_corpus
from kws_edge.corpus.enrichment import enriched, quotas
from kws_edge.corpus.synthesis import UNKNOWN_WORDS
from kws_edge.corpus.voice_activity import trimmed
from kws_edge.spec import CorpusSettings


@pytest.mark.parametrize(
    ("counts", "total", "dealt"),
    [
        ([850, 250, 260, 840], 300, [0, 155, 145, 0]),
        ([5, 5, 5], 7, [3, 2, 2]),
        ([5, 9], 2, [2, 0]),
        ([0, 3], 0, [0, 0]),
        ([1, 1, 100], 500, [200, 200, 100]),
    ],
)
def test_the_smallest_labels_are_filled_up_evenly(counts, total, dealt):
    result = quotas(counts, total)
    assert sum(result) == total
    levels = np.add(counts, result)
    grown = [level for level, new in zip(levels, result, strict=True) if new]
    assert not grown or max(grown) - min(grown) <= 1
    assert sorted(result) == sorted(dealt)


@pytest.mark.slow
def test_scarce_words_get_voices_and_recordings_stay(tones, tmp_path, monkeypatch, package):
    package("espeakng_loader", "pip install 'kws-edge[synth]'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = CorpusSettings(keywords=("low", "high"), unknown_share=0.1)
    corpus = load_corpus(tones.folder, settings, sample_rate_hz=8000, clip_samples=8000, cache_dir=tmp_path / "decoded")
    recorded = corpus.split("train")
    split = enriched(corpus, 0.5)
    before, after = (np.bincount(each.labels, minlength=4) for each in (recorded, split))
    np.testing.assert_array_equal(split.clips[: len(recorded.clips)], recorded.clips)
    assert split.clips.dtype == np.int16
    assert len(split.clips) == len(split.labels) == len(split.names) == len(split.speakers)
    assert after[2] == before[2]  # silence is made, not spoken
    assert after.sum() - before.sum() == round(0.5 * (before.sum() - before[2]))
    assert after[3] > before[3]  # the unknown words were the scarcest
    added = [name for name in split.names if name.startswith("synthesized/")]
    assert len(set(added)) == len(added) == after.sum() - before.sum()
    assert np.abs(split.clips[len(recorded.clips) :].astype(int)).max(axis=1).min() > 100


def test_where_every_other_word_is_a_keyword_nothing_is_spoken_for_unknown(make_corpus, tmp_path, monkeypatch, package):
    package("espeakng_loader", "pip install 'kws-edge[synth]'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = make_corpus({word: [f"{word}.wav"] for word in UNKNOWN_WORDS})
    settings = CorpusSettings(keywords=UNKNOWN_WORDS, silence_share=0, validation_percent=0, testing_percent=0)
    corpus = load_corpus(folder, settings, sample_rate_hz=8000, clip_samples=8000, cache_dir=tmp_path / "decoded")
    split = enriched(corpus, 0.04)
    assert list(np.bincount(split.labels, minlength=27)) == [2, *[1] * 24, 0, 0]


def test_who_wants_no_unknown_words_gets_none_spoken(tones, tmp_path, monkeypatch, package):
    package("espeakng_loader", "pip install 'kws-edge[synth]'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = CorpusSettings(keywords=("low", "high"), unknown_share=0)
    corpus = load_corpus(tones.folder, settings, sample_rate_hz=8000, clip_samples=8000, cache_dir=tmp_path / "decoded")
    recorded = np.bincount(corpus.split("train").labels, minlength=4)
    after = np.bincount(enriched(corpus, 0.1).labels, minlength=4)
    assert after[3] == 0
    assert after.sum() - recorded.sum() == round(0.1 * recorded[:2].sum()) > 0


def test_trimming_goes_for_synthesized_words_too(tones, tmp_path, monkeypatch, package):
    package("espeakng_loader", "pip install 'kws-edge[synth]'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def added(trim: bool) -> np.ndarray:
        settings = CorpusSettings(keywords=("low", "high"), unknown_share=0, silence_share=0, trim=trim)
        arguments = {"sample_rate_hz": 8000, "clip_samples": 8000, "cache_dir": tmp_path / "decoded"}
        corpus = load_corpus(tones.folder, settings, **arguments)
        return enriched(corpus, 0.1).clips[len(corpus.split("train").clips) :]

    whole, cut = added(trim=False), added(trim=True)
    assert len(whole) == len(cut) > 0
    np.testing.assert_array_equal(cut, trimmed(whole, 8000))
    assert (cut != whole).any()
