"""Any folder per word is a corpus, and every file in it is either a recording or named as none."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from kws_edge.corpus.layouts import scan, speaker_of
from kws_edge.errors import CorpusError


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("yes/004ae714_nohash_0.wav", "004ae714"),
        ("yes/004ae714_nohash_12.flac", "004ae714"),
        ("yes/anna_3.wav", "anna"),
        ("yes/anna-lena-12.ogg", "anna-lena"),
        ("yes/anna_kitchen.wav", "anna_kitchen"),
        ("yes/anna/kitchen_2.wav", "anna"),
        ("yes/0007.wav", "yes/0007"),
        ("yes/yes_7.wav", "yes/yes_7"),
        ("Yes/YES-7.wav", "Yes/YES-7"),
        ("ja/Zoë_1.wav", "Zoë"),
    ],
)
def test_a_speaker_is_read_from_the_name(name: str, speaker: str) -> None:
    assert speaker_of(name) == speaker


def test_scan_sorts_what_it_finds(make_corpus) -> None:
    folder = make_corpus({"yes": ["b_1.wav", "a_1.flac", "deep/x.ogg"], "no": ["a_1.wav"], "silence": ["room.wav"]})
    (folder / "yes" / ".hidden.wav").write_bytes(b"")
    (folder / "yes" / "notes.txt").write_text("say it louder")
    (folder / "_old").mkdir()
    (folder / "_old" / "z_1.wav").write_bytes(b"")
    (folder / "README.md").write_text("not a word")
    layout = scan(folder)
    assert [clip.name for clip in layout.clips] == ["no/a_1.wav", "yes/a_1.flac", "yes/b_1.wav", "yes/deep/x.ogg"]
    assert [clip.word for clip in layout.clips] == ["no", "yes", "yes", "yes"]
    assert [noise.name for noise in layout.background] == ["_background_noise_/hiss.wav", "silence/room.wav"]
    assert layout.skipped == (("yes/notes.txt", "not audio: its name ends in .txt"),)
    assert layout.validation_list is None and layout.testing_list is None


def test_list_files_are_read_as_people_write_them(make_corpus) -> None:
    folder = make_corpus({"yes": ["a_1.wav", "b_1.wav"]})
    (folder / "testing_list.txt").write_bytes("\ufeff./yes/a_1.wav\r\n\r\nyes\\b_1.wav  \r\n".encode())
    assert scan(folder).testing_list == ("yes/a_1.wav", "yes/b_1.wav")


def test_a_decomposed_folder_name_is_the_word_that_people_type(make_corpus) -> None:
    word = "größer"
    folder = make_corpus({unicodedata.normalize("NFD", word): ["a_1.wav"]})
    assert scan(folder).words == (unicodedata.normalize("NFC", word),)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere: no such folder; give the folder that holds"):
        scan(tmp_path / "nowhere")


def test_a_file_is_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"clip\.wav: not a folder"):
        scan(tmp_path / "clip.wav")


def test_an_empty_folder_is_told_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"no recordings; put them into one folder per word, such as .*/yes/anna_1\.wav"
    ):
        scan(tmp_path)


def test_what_telephones_record_is_to_be_converted(make_corpus) -> None:
    folder = make_corpus({"yes": ["a_1.wav"]})
    (folder / "yes" / "b_1.M4A").write_bytes(b"sound")
    (reason,) = (reason for name, reason in scan(folder).skipped if name == "yes/b_1.M4A")
    assert "libsndfile does not read .M4A" in reason and "ffmpeg -i a.M4A a.wav" in reason


def test_a_folder_of_texts_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "a.txt").write_text("yes")
    with pytest.raises(CorpusError, match=r"no recordings.*of no use, such as yes/a\.txt: not audio"):
        scan(tmp_path)


def test_a_dangling_link_is_skipped_by_name(make_corpus) -> None:
    folder = make_corpus({"yes": ["a_1.wav"]})
    (folder / "yes" / "gone.wav").symlink_to(folder / "nowhere.wav")
    layout = scan(folder)
    assert layout.skipped == (("yes/gone.wav", "No such file or directory"),)
    assert len(layout.clips) == 1
