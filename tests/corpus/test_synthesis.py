"""The demonstration corpus: many voices, split by voice, the same for the same seed, never over other files."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_edge.corpus import load_corpus, synthesis
from kws_edge.corpus.espeak import ACCENTS, Espeak, Utterance, variants
from kws_edge.corpus.synthesis import cached_corpus, default_corpus, synthesize_corpus
from kws_edge.errors import CorpusError, DependencyError, StorageError
from kws_edge.spec import KEYWORDS, CorpusSettings


@pytest.fixture(autouse=True)
def espeak(package) -> None:
    package("espeakng_loader", "pip install 'kws-edge[synth]'")


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("synthesis") / "spoken"
    synthesize_corpus(folder, ("yes", "no"), ("cat", "dog", "no"), clips_per_word=190, seed=3)
    return folder


def test_it_is_laid_out_like_speech_commands(spoken: Path) -> None:
    assert {p.name for p in spoken.iterdir()} == {"yes", "no", "cat", "dog", "_background_noise_", "synthesized.json"}
    assert len(list((spoken / "yes").iterdir())) == len(list((spoken / "no").iterdir())) == 190
    # a quarter as many unknown clips as keyword clips, shared by the words that are no keywords
    assert len(list((spoken / "cat").iterdir())) == len(list((spoken / "dog").iterdir())) == 48
    for path in (spoken / "yes").iterdir():
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.frames) == (16000, 1, "PCM_16", 16000)


def test_every_word_has_many_voices_and_each_clip_is_another(spoken: Path) -> None:
    speakers = {path.name.split("_nohash_")[0] for path in (spoken / "yes").iterdir()}
    assert len(speakers) == len(variants()) >= 80
    words = [d for name, d in digests(spoken).items() if "_nohash_" in name]
    assert len(set(words)) == len(words)


def test_the_word_is_heard_at_many_places_and_levels(spoken: Path) -> None:
    peaks, middles = [], []
    for path in (spoken / "no").iterdir():
        clip = soundfile.read(path)[0]
        peaks.append(20 * np.log10(np.abs(clip).max()))
        middles.append((np.arange(16000) * clip**2).sum() / (clip**2).sum() / 16000)
    assert -21 < min(peaks) < -17 and -5 < max(peaks) < -1
    assert min(middles) < 0.35 and max(middles) > 0.65


def test_it_loads_without_a_warning_and_splits_by_voice(spoken: Path, tmp_path: Path) -> None:
    settings = CorpusSettings(keywords=("yes", "no"))
    corpus = load_corpus(spoken, settings, sample_rate_hz=8000, clip_samples=8000, cache_dir=tmp_path)
    assert corpus.warnings == () and corpus.skipped == ()
    voices = [set(corpus.split(name).speakers) - {""} for name in ("train", "validation", "test")]
    assert not voices[0] & voices[1] and not voices[0] & voices[2] and not voices[1] & voices[2]
    assert min(len(v) for v in voices) >= 5
    for name in ("train", "validation", "test"):
        assert min(np.bincount(corpus.split(name).labels, minlength=4)) > 0


def test_one_seed_gives_the_same_bytes_in_another_folder(tmp_path: Path, monkeypatch) -> None:
    # several processes, so that which of them is first must not matter
    monkeypatch.setattr(synthesis, "_JOB_CLIPS", 50)
    for name in ("a", "b"):
        synthesize_corpus(tmp_path / name, ("go",), ("cat",), clips_per_word=160, seed=1)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert len(digests(tmp_path / "a")) == 160 + 40 + 5 + 1


def test_another_seed_gives_other_clips_and_other_noise(tmp_path: Path) -> None:
    for seed in (1, 2):
        synthesize_corpus(tmp_path / str(seed), ("go",), (), clips_per_word=5, seed=seed)
    assert not set(digests(tmp_path / "1").values()) & set(digests(tmp_path / "2").values())


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    synthesize_corpus(tmp_path / "a", ("go",), (), clips_per_word=3, progress=lambda *call: calls.append(call))
    assert calls[-1] == (3, 3)


def test_several_words_are_spoken_as_one_keyword(tmp_path: Path) -> None:
    synthesize_corpus(tmp_path / "a", ("hey_edge", "turn_on_the_light_in_the_kitchen"), (), clips_per_word=3)
    assert {soundfile.info(p).frames for p in (tmp_path / "a" / "hey_edge").iterdir()} == {16000}
    # too long for a second even when spoken fast: whole, not cut
    assert min(soundfile.info(p).frames for p in (tmp_path / "a").glob("turn*/*.wav")) >= 16000


def test_an_earlier_synthesized_folder_is_replaced_and_nothing_else_ever(tmp_path: Path) -> None:
    synthesize_corpus(tmp_path / "a", ("go",), (), clips_per_word=2)
    synthesize_corpus(tmp_path / "a", ("stop",), (), clips_per_word=2)
    assert not (tmp_path / "a" / "go").exists()
    precious = tmp_path / "mine" / "yes" / "me_1.wav"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(b"irreplaceable")
    for folder in (tmp_path / "mine", precious):
        with pytest.raises(CorpusError, match="holds something that was not synthesized"):
            synthesize_corpus(folder, ("go",), (), clips_per_word=2)
    assert precious.read_bytes() == b"irreplaceable"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no words to synthesize"),
        (("go", "go"), "'go' is named twice"),
        (("",), "cannot be a word"),
        (("../up",), "cannot be a word"),
        (("_up",), "cannot be a word"),
        (("silence",), "cannot be a word"),
        (("unknown",), "cannot be a word"),
        (("up\n",), "cannot be a word"),
        (("!!",), "cannot be a word"),
    ],
)
def test_words_that_cannot_be_are_refused(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        synthesize_corpus(tmp_path / "a", words, (), clips_per_word=2)
    assert list(tmp_path.iterdir()) == []


def test_what_makes_no_sound_is_refused_and_every_accent_has_every_voice() -> None:
    espeak = Espeak()

    def say(text: str, voice: str) -> int:
        return len(espeak.speak(Utterance("a.wav", text, voice, 200, 50, 50, 0.5, -3.0, -60.0, 1), 200))

    with pytest.raises(CorpusError, match=r"says nothing for '…'; choose a word of letters"):
        say("…", "en+f1")
    with pytest.raises(CorpusError, match="no voice"):
        say("yes", "xx-nowhere+f1")
    assert min(say("yes", f"{accent}+{variant}") for accent in ACCENTS for variant in variants()) > 1000


def test_a_full_disk_leaves_nothing_half_written(small_disk) -> None:
    for size_bytes in (100_000, 12_000_000):  # while writing the background, and while speaking
        with small_disk(size_bytes) as disk:
            if size_bytes > 2_000_000 and not disk.is_mount():
                pytest.skip("a limit on the size of a file never meets short clips; mounting a tmpfs needs root")
            with pytest.raises(
                StorageError, match=r"cannot write .*corpus: .*; choose another output or free the space"
            ):
                synthesize_corpus(disk / "corpus", ("yes", "no"), (), clips_per_word=400)
            assert list(disk.iterdir()) == []
        disk.rmdir()


def test_a_folder_that_cannot_be_made_is_named(unwritable: Path) -> None:
    with pytest.raises(StorageError, match="a-file/cache"):
        synthesize_corpus(unwritable, ("yes",), (), clips_per_word=2)


def test_the_cached_corpus_is_spoken_once_for_each_recipe(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls: list[int] = []
    first = cached_corpus(("go",), ("cat",), clips_per_word=2, progress=lambda done, _: calls.append(done))
    assert calls and first.is_relative_to(tmp_path / "kws-edge")
    calls.clear()
    assert cached_corpus(("go",), ("cat",), clips_per_word=2, progress=lambda done, _: calls.append(done)) == first
    assert not calls
    assert cached_corpus(("go",), ("cat",), clips_per_word=2, seed=1) != first
    assert json.loads((first / "synthesized.json").read_text())["words"] == ["go"]


def test_of_two_processes_that_speak_one_corpus_neither_disturbs_the_other(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen: list[int] = []

    def another_is_first(_done: int, _total: int) -> None:
        if not seen:
            seen.append(0)
            seen[0] = cached_corpus(("go",), (), clips_per_word=2).stat().st_ino

    folder = cached_corpus(("go",), (), clips_per_word=2, progress=another_is_first)
    assert [folder.stat().st_ino] == seen
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_without_a_cache_folder_the_way_out_is_named(monkeypatch, unwritable: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(unwritable))
    with pytest.raises(StorageError, match="XDG_CACHE_HOME says where"):
        default_corpus()


def test_own_words_get_a_demonstration_of_their_own(monkeypatch, unwritable: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(unwritable))
    refused = []
    for words in (KEYWORDS, ("no", "yes"), ("hey_edge", "yes")):
        with pytest.raises(StorageError) as error:
            default_corpus(words=words)
        refused.append(str(error.value))  # names the folder
    assert refused[0] == refused[1] != refused[2]


def test_without_espeak_the_package_to_install_is_named(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(DependencyError, match=r"pip install 'kws-edge\[synth\]'"):
        synthesize_corpus(tmp_path / "a", ("go",), ())
