"""A folder becomes labelled clips in three splits, the same every time, and bad input becomes one clear message."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_edge.corpus import Corpus, find_data, load_corpus
from kws_edge.errors import CorpusError, SettingsError
from kws_edge.settings import from_mapping, read_toml
from kws_edge.spec import CorpusSettings

# by the SHA-1 rule: test, validation, and the rest training
SPEAKERS = ["2aa787cf", "105e72bb", "004ae714", "0132a06d", "00f0204f", "012c8314"]
FILES = [f"{speaker}_nohash_{take}.wav" for speaker in SPEAKERS for take in range(2)]
SETTINGS = CorpusSettings(keywords=("yes", "no"), unknown_share=0.5, silence_share=0.5)


def load(folder: Path, settings: CorpusSettings = SETTINGS, *, rate: int = 8000) -> Corpus:
    return load_corpus(
        folder, settings, sample_rate_hz=rate, clip_samples=rate, cache_dir=folder.parent / f"{folder.name}-cache"
    )


@pytest.fixture
def folder(make_corpus) -> Path:
    return make_corpus(dict.fromkeys(("yes", "no", "cat", "dog"), FILES))


def test_the_recordings_of_one_person_are_a_corpus_with_a_warning(make_corpus) -> None:
    """Whoever begins has recorded only themselves: the figures are worth little, and the model is theirs."""
    mine = load(make_corpus({word: [f"me_{take}.wav" for take in range(12)] for word in ("yes", "no", "cat")}))
    assert all(set(mine.split(split).speakers) >= {"me"} for split in ("train", "validation", "test"))
    assert any("1 speaker(s) only" in warning for warning in mine.warnings)


def test_labels_names_and_speakers_go_with_their_clips(folder: Path) -> None:
    corpus = load(folder)
    assert corpus.labels == ("yes", "no", "silence", "unknown")
    assert corpus.warnings == () and corpus.skipped == ()
    seen: list[str] = []
    for name in ("train", "validation", "test"):
        split = corpus.split(name)
        assert split.clips.dtype == np.int16 and split.clips.shape == (len(split.labels), 8000)
        assert split.labels.dtype == np.int64
        assert len(split.names) == len(split.speakers) == len(split.labels)
        for clip, label, path, speaker in zip(split.clips, split.labels, split.names, split.speakers, strict=True):
            word = path.split("/")[0]
            assert corpus.labels[label] == {"cat": "unknown", "dog": "unknown"}.get(word, word)
            if word == "silence":
                assert speaker == "" and path.startswith(f"silence/{name}/")
            else:
                assert path == f"{word}/{speaker}_nohash_{path[-5]}.wav"
                assert np.array_equal(clip, soundfile.read(folder / path, dtype="int16")[0])
        seen += split.names
    assert len(set(seen)) == len(seen)


def test_shares_hold_in_every_split(folder: Path) -> None:
    corpus = load(folder)
    for name, speakers in (("train", 4), ("validation", 1), ("test", 1)):
        counts = Counter(corpus.labels[label] for label in corpus.split(name).labels)
        keywords = speakers * 2 * 2
        assert counts == {"yes": keywords // 2, "no": keywords // 2, "unknown": keywords // 2, "silence": keywords // 2}


def test_unknown_is_drawn_from_all_words_and_a_smaller_share_is_a_part_of_a_larger(folder: Path) -> None:
    def unknown(share: float) -> set[str]:
        split = load(folder, CorpusSettings(keywords=("yes", "no"), unknown_share=share)).split("train")
        return {name for name in split.names if name[:3] in ("cat", "dog")}

    few, many, all_of_them = unknown(0.25), unknown(0.5), unknown(10)
    assert few < many < all_of_them
    assert len(few) == 4 and len(many) == 8 and len(all_of_them) == 16
    assert {name[:3] for name in many} == {"cat", "dog"}
    assert unknown(0) == set()


def test_silence_is_background_at_many_levels_and_digital_zero(folder: Path) -> None:
    settings = CorpusSettings(keywords=("yes", "no"), silence_share=10, digital_silence_share=0.1)
    corpus = load(folder, settings)
    split = corpus.split("train")
    silence = split.clips[split.labels == corpus.labels.index("silence")].astype(float)
    assert len(silence) == 160
    level = np.sqrt((silence**2).mean(axis=1))
    assert (level == 0).sum() == 16
    decibels = 20 * np.log10(level[level > 0] / 3277)
    assert decibels.min() < -35 and -3 < decibels.max() < 1


def test_the_background_of_the_splits_is_disjoint_in_time(make_corpus) -> None:
    folder = make_corpus(dict.fromkeys(("yes", "no", "cat"), FILES))
    ramp = np.arange(-30000, 30000).astype(np.int16)
    soundfile.write(folder / "_background_noise_" / "hiss.wav", ramp, 8000, subtype="PCM_16")
    corpus = load_corpus(folder, SETTINGS, sample_rate_hz=8000, clip_samples=1000, cache_dir=folder.parent / "cache")
    parts = [set(corpus.noise(name).samples.tolist()) for name in ("train", "validation", "test")]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert len(set.union(*parts)) == 60000


def test_loading_twice_gives_the_same_corpus(folder: Path) -> None:
    first, again = load(folder), load(folder)
    assert first.content_hash == again.content_hash
    for name in ("train", "validation", "test"):
        one, two = first.split(name), again.split(name)
        assert (
            one.names == two.names and np.array_equal(one.clips, two.clips) and np.array_equal(one.labels, two.labels)
        )
    assert first.split("train") is first.split("train")


def test_whatever_shapes_the_clips_changes_the_content_hash(folder: Path) -> None:
    hashes = [load(folder).content_hash, load(folder, rate=16000).content_hash]
    hashes += [load(folder, CorpusSettings(keywords=("no", "yes"))).content_hash]
    (folder / "testing_list.txt").write_text("yes/nobody.wav\n")
    hashes += [load(folder).content_hash]
    (folder / "testing_list.txt").unlink()
    soundfile.write(folder / "cat" / "new_1.wav", np.zeros(100), 8000)
    hashes += [load(folder).content_hash]
    assert len(set(hashes)) == len(hashes)


def test_word_counts_add_up(folder: Path) -> None:
    corpus = load(folder)
    for name in ("train", "validation", "test"):
        assert sum(counts[name] for counts in corpus.word_counts().values()) == len(corpus.split(name).labels)


def test_without_background_the_noise_is_synthetic_and_a_warning_says_so(make_corpus) -> None:
    corpus = load(make_corpus(dict.fromkeys(("yes", "no", "cat"), FILES), background=False))
    assert corpus.warnings == ("no recordings in _background_noise_, so silence and background are synthetic noise",)
    assert not np.array_equal(corpus.noise("train").samples, corpus.noise("test").samples)
    assert (corpus.split("train").labels == 2).sum() == 8


def test_real_speech_loads_whole(speech_commands: Path, tmp_path: Path) -> None:
    # six of its words are enough here
    for word in ("yes", "no", "on", "bird", "tree", "_background_noise_"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / word).symlink_to(speech_commands / word)
    for name in ("testing_list.txt", "validation_list.txt"):
        (tmp_path / "data" / name).symlink_to(speech_commands / name)
    corpus = load(tmp_path / "data", CorpusSettings(keywords=("yes", "no", "on")))
    assert corpus.skipped == ()
    assert any("that are not there" in warning for warning in corpus.warnings)
    homes: dict[str, set[str]] = {}
    for name in ("train", "validation", "test"):
        split = corpus.split(name)
        assert min(np.bincount(split.labels, minlength=5)) > 0
        for speaker in split.speakers:
            homes.setdefault(speaker, set()).add(name)
    assert all(len(splits) == 1 for speaker, splits in homes.items() if speaker)
    assert len(homes) > 500


def test_find_data_prefers_what_is_named(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KWS_EDGE_DATA", raising=False)
    assert find_data(None) is None
    monkeypatch.setenv("KWS_EDGE_DATA", str(tmp_path))
    assert find_data(None) == tmp_path
    assert find_data(Path("other")) == Path("other")


def test_bad_files_are_counted_and_named_and_the_rest_is_used(folder: Path, caplog) -> None:
    good = load(folder).split("train")
    (folder / "yes" / "notes.txt").write_text("a note")
    (folder / "yes" / "text.wav").write_text("a text named .wav")
    (folder / "yes" / "empty.wav").write_bytes(b"")
    whole = (folder / "yes" / FILES[0]).read_bytes()
    (folder / "yes" / "cut.wav").write_bytes(whole[: len(whole) // 2])
    with caplog.at_level("INFO", logger="kws_edge.corpus"):
        corpus = load(folder)
    assert [name for name, _ in corpus.skipped] == ["yes/notes.txt", "yes/cut.wav", "yes/empty.wav", "yes/text.wav"]
    for name, reason in corpus.skipped:
        assert f"{folder}: skipped {name}: {reason}" in caplog.messages
    assert np.array_equal(corpus.split("train").clips, good.clips)


def test_a_name_that_is_no_unicode_is_skipped_and_printable(folder: Path) -> None:
    odd = os.fsencode(folder / "yes") + b"/anna_\xff"
    Path(os.fsdecode(odd + b".txt")).write_bytes(b"")
    Path(os.fsdecode(odd + b".wav")).write_bytes((folder / "yes" / FILES[0]).read_bytes())
    shown = "yes/anna_\N{REPLACEMENT CHARACTER}"
    for _ in ("decoded", "cached"):
        assert load(folder).skipped == (
            (f"{shown}.txt", "not audio: its name ends in .txt"),
            (f"{shown}.wav", "its name is not valid Unicode; rename it"),
        )


def test_a_keyword_with_no_readable_clip_is_an_error(folder: Path) -> None:
    for file in FILES:
        (folder / "no" / file).write_bytes(b"")
    with pytest.raises(CorpusError, match=r"none of the 12 recordings of no can be read, such as no/.*: empty file"):
        load(folder)


def test_a_keyword_without_a_folder_is_an_error_that_lists_the_words(folder: Path) -> None:
    with pytest.raises(CorpusError, match=r"no recordings of stop, go; the words there: cat, dog, no, yes"):
        load(folder, CorpusSettings(keywords=("yes", "stop", "go")))


def test_a_folder_with_one_word_is_an_error(make_corpus) -> None:
    folder = make_corpus({"yes": FILES})
    with pytest.raises(CorpusError, match="no recordings of no, up, down"):
        load(folder, CorpusSettings())
    with pytest.raises(CorpusError, match="only one word, yes; a model needs other words"):
        load(folder, CorpusSettings(keywords=("yes",)))
    assert load(folder, CorpusSettings(keywords=("yes",), unknown_share=0)).labels == ("yes", "silence", "unknown")


def test_nothing_but_keywords_is_a_warning(make_corpus) -> None:
    corpus = load(make_corpus(dict.fromkeys(("yes", "no"), FILES)))
    assert len(corpus.warnings) == 1 and "unknown has no clips" in corpus.warnings[0]


def test_a_split_without_a_keyword_is_a_warning_but_training_needs_them_all(make_corpus) -> None:
    folder = make_corpus({"yes": FILES, "no": [f for f in FILES if "2aa787cf" not in f], "cat": FILES})
    assert load(folder).warnings == ("no test clips of no",)
    folder = make_corpus({"yes": FILES, "no": [f for f in FILES if "2aa787cf" in f], "cat": FILES}, name="thin")
    with pytest.raises(CorpusError, match="no training clips of no: all their speakers fell into validation and test"):
        load(folder)


def test_a_path_and_a_word_in_any_script_are_read(make_corpus) -> None:
    word = "größer"
    folder = make_corpus({unicodedata.normalize("NFD", word): FILES, "はい": FILES, "no": FILES}, name="Löwe 音声")
    corpus = load(folder, CorpusSettings(keywords=(word, "はい")))
    assert corpus.labels[:2] == (word, "はい") and corpus.skipped == ()
    assert np.bincount(corpus.split("train").labels).tolist() == [8, 8, 2, 4]


def test_eight_channels_at_192_khz_are_a_clip_like_any_other(folder: Path) -> None:
    sound = np.sin(2 * np.pi * 440 * np.arange(192000) / 192000)
    soundfile.write(folder / "yes" / "004ae714_nohash_9.wav", np.stack([0.5 * sound] * 8, axis=1), 192000)
    split = load(folder).split("train")
    clip = split.clips[split.names.index("yes/004ae714_nohash_9.wav")].astype(float)
    assert np.abs(np.fft.rfft(clip)).argmax() == 440
    assert np.abs(clip[1000:7000]).max() == pytest.approx(16384, rel=0.001)


def test_an_unwritable_cache_is_a_warning_that_says_where(folder: Path, unwritable: Path) -> None:
    corpus = load_corpus(folder, SETTINGS, sample_rate_hz=8000, clip_samples=8000, cache_dir=unwritable)
    assert len(corpus.warnings) == 1
    assert str(unwritable) in corpus.warnings[0] and "XDG_CACHE_HOME" in corpus.warnings[0]
    assert len(corpus.split("train").labels) == 32


def test_a_typo_in_the_settings_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text('[corpus]\nkeywrods = ["yes"]\n')
    with pytest.raises(SettingsError, match=r"\[corpus\]: unknown key 'keywrods'; did you mean 'keywords'\?"):
        from_mapping(CorpusSettings, read_toml(path)["corpus"], source=f"{path} [corpus]")
