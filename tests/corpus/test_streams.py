"""Streams made of a corpus: what they promise of their truth, and that one seed is one stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_edge.corpus import Corpus, load_corpus
from kws_edge.corpus.endpoints import speech_bounds, window_levels_db
from kws_edge.corpus.negatives import find_negatives
from kws_edge.corpus.running_speech import running_speech, sentence
from kws_edge.corpus.streams import Stream, StreamSettings, make_stream
from kws_edge.errors import CorpusError, SettingsError

RATE = 8000
MINUTE = 60 * RATE
WORDS_ONLY = StreamSettings(hours=0.05, speech_share=0, noise_share=0)
MIXED = StreamSettings(hours=0.1, speech_share=0)


@pytest.fixture(scope="module")
def words(tones: Corpus) -> Stream:
    return make_stream(tones, "test", WORDS_ONLY)


def test_a_stream_is_as_long_as_its_truth_and_its_scenes_fill_it(tones: Corpus) -> None:
    stream = make_stream(tones, "test", MIXED)
    assert len(stream) == 6
    assert all(chunk.dtype == np.int16 and chunk.shape == (MINUTE,) for chunk in stream.chunks())
    assert stream.truth.samples == 6 * MINUTE and stream.truth.hours == pytest.approx(0.1)
    assert [(scene.start, scene.end) for scene in stream.truth.scenes] == [
        (n * MINUTE, (n + 1) * MINUTE) for n in range(6)
    ]
    assert sorted(scene.kind for scene in stream.truth.scenes) == ["noise"] * 3 + ["words"] * 3


def test_words_never_overlap_and_stay_in_their_scene(words: Stream) -> None:
    rows = words.truth.words
    assert len(rows) > 40
    least = WORDS_ONLY.pause_low_s * RATE
    for before, after in pairwise(rows):
        assert before.start < before.end <= after.start - least
    assert all(row.start // MINUTE == (row.end - 1) // MINUTE for row in rows)


def test_where_a_word_is_said_the_stream_has_its_sound(words: Stream, tones: Corpus) -> None:
    """The pitch at each place is that of the word that the truth names."""
    pitches = {"low": 300, "middle": 900, "high": 2700, "other": 1600}
    for row in words.truth.words:
        chunk = words.chunk(row.start // MINUTE)
        sound = chunk[row.start % MINUTE : (row.end - 1) % MINUTE + 1]
        loudest_hz = np.abs(np.fft.rfft(sound)).argmax() * RATE / len(sound)
        assert loudest_hz == pytest.approx(pitches[row.word], rel=0.25)
        assert tones.labels[row.label] == (row.word if row.word != "other" else "unknown")


def test_levels_vary_as_the_settings_say(tones: Corpus) -> None:
    quiet = StreamSettings(hours=0.05, speech_share=0, noise_share=0, noise_low_dbfs=-90, noise_high_dbfs=-90)
    stream = make_stream(tones, "test", quiet)
    levels = []
    for row in stream.truth.words:
        sound = stream.chunk(row.start // MINUTE)[row.start % MINUTE : row.end % MINUTE].astype(float)
        levels.append(20 * np.log10(np.sqrt(np.mean(sound**2)) / 32768))
    assert min(levels) > -33 and max(levels) < -13 and max(levels) - min(levels) > 12


def test_one_seed_is_one_stream_and_another_seed_another(tones: Corpus, words: Stream) -> None:
    again = make_stream(tones, "test", WORDS_ONLY)
    assert again.truth == words.truth
    assert np.array_equal(again.chunk(1), words.chunk(1))
    other = make_stream(tones, "test", StreamSettings(hours=0.05, speech_share=0, noise_share=0, seed=1))
    assert other.truth.words != words.truth.words
    validation = make_stream(tones, "validation", WORDS_ONLY)
    assert not np.array_equal(validation.chunk(0), words.chunk(0))


def test_every_clip_is_heard_before_one_is_heard_again(tones: Corpus) -> None:
    split = tones.split("test")
    keywords = int((split.labels < 3).sum())
    stream = make_stream(tones, "test", StreamSettings(hours=0.05, speech_share=0, noise_share=0, keyword_share=1))
    first = [row.word for row in stream.truth.words[:keywords]]
    expected = [tones.labels[label] for label in split.labels if label < 3]
    assert sorted(first) == sorted(expected)


def test_without_keywords_nothing_is_to_be_detected(tones: Corpus) -> None:
    settings = StreamSettings(hours=0.05, speech_share=0, keyword_share=0)
    stream = make_stream(tones, "test", settings)
    assert {row.word for row in stream.truth.words} == {"other"}
    everything = dataclasses.replace(tones.settings, keywords=("low", "middle", "high", "other"), unknown_share=0)
    cache = tones.folder.parent / "cache"
    corpus = load_corpus(tones.folder, everything, sample_rate_hz=RATE, clip_samples=RATE, cache_dir=cache)
    with pytest.raises(CorpusError, match="test split has no words but the keywords"):
        make_stream(corpus, "test", settings)


def test_recordings_take_the_place_of_speech_each_split_its_own_half(tones: Corpus, tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(4000, 16000, 100, dtype=np.int16), 16000)
    soundfile.write(tmp_path / "long.flac", np.stack([ramp, ramp], axis=1), 16000)
    soundfile.write(tmp_path / "eight.wav", ramp[::2], RATE)
    (tmp_path / "notes.txt").write_text("no sound")
    settings = StreamSettings(hours=0.1, words_share=0, noise_share=0)
    for split, low, high in (("validation", 4000, 10000), ("test", 10000, 16000)):
        stream = make_stream(tones, split, settings, negatives=tmp_path)
        assert {scene.kind for scene in stream.truth.scenes} == {"recordings"}
        heard = np.concatenate(list(stream.chunks()))
        # where a stretch that was resampled begins, the filter rings
        assert np.quantile(heard, 0.001) > low - 200 and np.quantile(heard, 0.999) < high + 200
        assert find_negatives(tmp_path, split, RATE).hours == pytest.approx(2 / 60)
    assert np.array_equal(stream.chunk(3), stream.chunk(3))


def test_wrong_requests_name_the_way_out(tones: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no folder of recordings"):
        make_stream(tones, "test", MIXED, negatives=tmp_path / "none")
    with pytest.raises(CorpusError, match="a minute or more"):
        make_stream(tones, "test", MIXED, negatives=tmp_path)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(CorpusError, match=r"1 files cannot be read.*broken\.wav"):
        make_stream(tones, "test", MIXED, negatives=tmp_path)
    endless = ({"hours": float("inf")}, {"hours": float("nan")})
    for wrong in (*endless, {"hours": 0.001}, {"keyword_share": 2}, {"pause_low_s": 0}, {"noise_high_dbfs": 3}):
        with pytest.raises(SettingsError):
            StreamSettings(**wrong)


def test_bounds_of_a_word_in_a_noisy_clip() -> None:
    rng = np.random.default_rng(0)
    for level, floor in ((8000, 30), (3000, 300)):
        clip = rng.normal(scale=floor, size=RATE)
        clip[2400:5600] += level * np.sin(2 * np.pi * 440 * np.arange(3200) / RATE)
        clip[3600:4400] *= 0.02  # the closure before a plosive
        start, end = speech_bounds(clip.astype(np.int16), RATE)
        assert abs(start - 2400) <= 160 and abs(end - 5600) <= 160
    assert speech_bounds(np.zeros(RATE, np.int16), RATE) == (0, RATE)


def test_running_speech_is_speech_without_the_keywords(tmp_path: Path, package: Callable[[str, str], None]) -> None:
    package("espeakng_loader", "pip install 'kws-edge[synth]'")
    spoken = running_speech("test", 30, keywords=("lamp", "water"), sample_rate_hz=RATE, cache_dir=tmp_path)
    assert len(spoken) == 30
    assert all(1 < len(part) / RATE < 12 for part in spoken)
    assert all(np.ptp(window_levels_db(part, 160, 160)) > 20 for part in spoken)
    again = running_speech("test", 30, keywords=("lamp", "water"), sample_rate_hz=RATE, cache_dir=tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(spoken, again, strict=True))
    assert len(list(tmp_path.rglob("*.npz"))) == 1


def test_sentences_avoid_keywords_or_say_that_they_cannot() -> None:
    rng = np.random.default_rng(0)
    said = " ".join(sentence(rng, ["old_bridge", "letter"]) for _ in range(300)).split()
    assert "bridge" not in said and "letter" not in said and "old" not in said and "river" in said
    with pytest.raises(CorpusError, match="--negatives"):
        sentence(rng, " ".join(sentence(rng, []) for _ in range(2000)).split())
