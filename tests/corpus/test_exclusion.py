"""An exclusion list keeps recordings out of training, is part of the corpus's hash, and leaves the test as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_edge.corpus import Corpus, load_corpus
from kws_edge.corpus.exclusion import exclusion_text, read_exclusions
from kws_edge.corpus.voice_activity import trimmed, voiced_stretch
from kws_edge.errors import CorpusError, SettingsError
from kws_edge.settings import from_mapping, parse_toml, to_toml
from kws_edge.spec import CorpusSettings

# by the SHA-1 rule: test, validation, and the rest training
SPEAKERS = ["2aa787cf", "105e72bb", "004ae714", "0132a06d"]
FILES = [f"{speaker}_nohash_0.wav" for speaker in SPEAKERS]


def load(folder: Path, exclude: tuple[str, ...] = (), *, trim: bool = False) -> Corpus:
    settings = CorpusSettings(keywords=("yes", "no"), exclude=exclude, trim=trim)
    cache = folder.parent / "cache"
    return load_corpus(folder, settings, sample_rate_hz=8000, clip_samples=8000, cache_dir=cache)


def test_a_list_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(exclusion_text([("no/b 1.wav", "silent"), ("größer/a#1.wav", "sounds\nlike no")], heading="a\nb"))
    assert path.read_text().startswith("# a\n# b\nno/b 1.wav\tsilent\n")
    assert read_exclusions(path) == ("größer/a#1.wav", "no/b 1.wav")
    path.write_bytes(b"\xef\xbb\xbf# windows\r\n.\\yes\\a.wav\r\n\r\nyes/a.wav\tagain\r\n")
    assert read_exclusions(path) == ("yes/a.wav",)


@pytest.mark.parametrize("line", ["anna_1.wav", "/yes/anna_1.wav", "yes/../../anna.wav"])
def test_a_line_that_is_no_path_below_the_corpus_is_an_error_that_names_it(tmp_path: Path, line: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"# fine\n{line}\n")
    with pytest.raises(CorpusError, match=rf"list\.txt, line 2: '{line}' is no path below a corpus folder"):
        read_exclusions(path)
    with pytest.raises(CorpusError, match=r"gone\.txt: No such file"):
        read_exclusions(tmp_path / "gone.txt")


def test_excluded_recordings_are_not_trained_on_and_nobody_else_moves(make_corpus) -> None:
    folder = make_corpus(dict.fromkeys(("yes", "no", "cat"), FILES))
    excluded = ("no/105e72bb_nohash_0.wav", "yes/004ae714_nohash_0.wav", "yes/2aa787cf_nohash_0.wav")
    whole, thinned = load(folder), load(folder, excluded)
    for split, gone in (("train", excluded[1]), ("validation", excluded[0])):
        recorded = [name for name in thinned.split(split).names if not name.startswith(("silence", "cat"))]
        before = [name for name in whole.split(split).names if not name.startswith(("silence", "cat"))]
        assert recorded == [name for name in before if name != gone]
    assert thinned.split("test").names == whole.split("test").names
    assert any("yes/2aa787cf_nohash_0.wav, are in the testing split and stay" in text for text in thinned.warnings)


def test_exclusions_and_trimming_are_part_of_the_hash_and_of_the_settings_file(make_corpus) -> None:
    folder = make_corpus(dict.fromkeys(("yes", "no", "cat"), FILES))
    one = ("yes/004ae714_nohash_0.wav",)
    hashes = {load(folder).content_hash, load(folder, one).content_hash, load(folder, trim=True).content_hash}
    assert len(hashes) == 3
    settings = load(folder, one).settings
    tables = parse_toml(to_toml(corpus=settings).encode(), Path("spec.toml"))
    assert from_mapping(CorpusSettings, tables["corpus"], source="spec.toml") == settings


def test_excluding_all_of_a_keyword_is_an_error_that_says_so(make_corpus) -> None:
    folder = make_corpus(dict.fromkeys(("yes", "no", "cat"), FILES))
    with pytest.raises(CorpusError, match=r"no training clips of yes: .* or were excluded"):
        load(folder, tuple(f"yes/{file}" for file in FILES))


def test_a_speaker_in_two_splits_may_be_excluded_from_one(make_corpus) -> None:
    folder = make_corpus({word: ["anna_1.wav", "ben_1.wav", "cleo_1.wav"] for word in ("yes", "no", "cat")})
    (folder / "testing_list.txt").write_text("yes/anna_1.wav\ncat/anna_1.wav\n")
    with pytest.raises(CorpusError, match=r"speaker 'anna' is in two splits.*data check"):
        load(folder)
    corpus = load(folder, ("no/anna_1.wav",))
    assert "no/anna_1.wav" not in corpus.split("train").names and "yes/anna_1.wav" in corpus.split("test").names


def test_trimming_finds_the_word_and_puts_it_into_the_middle(speech_commands: Path, package) -> None:
    package("webrtcvad", "pip install 'kws-edge[explore]'")
    found = 0
    for path in sorted((speech_commands / "stop").glob("*.flac"))[:20]:
        speech, rate = soundfile.read(path, dtype="int16")
        stretch = voiced_stretch(speech, rate)
        # half a second of silence on both sides, and the word is where it was, half a second later
        later = np.concatenate([np.zeros(rate // 2, np.int16), speech, np.zeros(rate // 2, np.int16)])
        moved = voiced_stretch(later, rate)
        if stretch is None or moved is None:
            continue
        found += 1
        assert abs(moved[0] - rate // 2 - stretch[0]) <= 0.1 * rate
        # the detector hangs over after a word, longer into noise than into zeros
        assert abs(moved[1] - rate // 2 - stretch[1]) <= 0.2 * rate
        start, end = stretch
        assert end - start >= 0.05 * rate
        cut = trimmed(speech[None], rate)[0]
        inside = np.flatnonzero(cut)
        assert len(cut) == len(speech) and np.abs(cut).max() == np.abs(speech[start:end]).max()
        assert abs(inside[0] + inside[-1] - len(cut)) <= 0.02 * rate
    assert found >= 18


def test_only_training_clips_are_trimmed(tmp_path: Path, speech_commands: Path, package) -> None:
    package("webrtcvad", "pip install 'kws-edge[explore]'")
    for word in ("yes", "no", "cat"):
        for file, source in zip(FILES, sorted((speech_commands / word).glob("*.flac")), strict=False):
            path = tmp_path / "data" / word / file
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, *soundfile.read(source))
    whole, cut = load(tmp_path / "data"), load(tmp_path / "data", trim=True)
    assert np.array_equal(cut.split("test").clips, whole.split("test").clips)
    assert np.array_equal(cut.split("validation").clips, whole.split("validation").clips)
    assert not np.array_equal(cut.split("train").clips, whole.split("train").clips)


def test_silence_has_no_speech_and_stays_as_it_is(package) -> None:
    package("webrtcvad", "pip install 'kws-edge[explore]'")
    quiet = np.zeros(8000, np.int16)
    assert voiced_stretch(quiet, 8000) is None
    assert np.array_equal(trimmed(quiet[None], 8000)[0], quiet)
    with pytest.raises(SettingsError, match="22050 Hz; the detector knows 8000"):
        voiced_stretch(quiet, 22050)
