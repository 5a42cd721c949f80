"""A corpus is decoded once per content: no more, and never too few times."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import soundfile

from kws_edge.corpus.cache import DecodedCorpus, decoded_corpus, user_cache_dir
from kws_edge.corpus.layouts import scan

WORDS = {"yes": ["a_1.wav", "b_1.flac"], "no": ["a_1.wav", "b_1.wav"]}


class Counting:
    """Remembers how many files decoding told of."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))


def open_corpus(folder: Path, cache: Path, rate: int = 8000, samples: int = 8000) -> tuple[DecodedCorpus, int]:
    counting = Counting()
    found = decoded_corpus(scan(folder), sample_rate_hz=rate, clip_samples=samples, cache_dir=cache, progress=counting)
    return found, len(counting.calls)


def settle(folder: Path) -> None:
    """Wait until the files are older than the clock tick that a stamp could not see."""
    newest = max(path.stat().st_ctime_ns for path in folder.rglob("*"))
    time.sleep(max(0, 2.01 - (time.time_ns() - newest) / 1e9))


def test_progress_counts_every_file_up_to_the_total(make_corpus, tmp_path: Path) -> None:
    counting = Counting()
    layout = scan(make_corpus(WORDS))
    decoded_corpus(layout, sample_rate_hz=8000, clip_samples=8000, cache_dir=tmp_path / "cache", progress=counting)
    assert counting.calls == [(done, 5) for done in range(1, 6)]


def test_the_second_start_decodes_nothing_and_maps_the_same_clips(make_corpus, tmp_path: Path) -> None:
    folder, cache = make_corpus(WORDS), tmp_path / "cache"
    first, decoded = open_corpus(folder, cache)
    again, decoded_again = open_corpus(folder, cache)
    assert (decoded, decoded_again) == (5, 0)
    assert isinstance(again.clips, np.memmap) and again.clips.dtype == np.int16 and not again.clips.flags.writeable
    assert again.names == first.names == ("no/a_1.wav", "no/b_1.wav", "yes/a_1.wav", "yes/b_1.flac")
    for name, clip in zip(again.names, again.clips, strict=True):
        assert np.array_equal(clip, soundfile.read(folder / name, dtype="int16")[0])
    assert again.background[0][0] == "_background_noise_/hiss.wav" and len(again.background[0][1]) == 240000


def test_a_copy_elsewhere_is_found_by_its_content(make_corpus, tmp_path: Path) -> None:
    folder, cache = make_corpus(WORDS), tmp_path / "cache"
    first, _ = open_corpus(folder, cache)
    shutil.copytree(folder, tmp_path / "copy")
    copy, decoded = open_corpus(tmp_path / "copy", cache)
    assert decoded == 0 and copy.content_key == first.content_key


def test_an_edit_that_hides_its_size_and_time_is_seen(make_corpus, tmp_path: Path) -> None:
    folder, cache = make_corpus(WORDS), tmp_path / "cache"
    settle(folder)
    first, _ = open_corpus(folder, cache)
    assert list((cache / "corpora" / "stamps").iterdir()), "a settled folder is remembered by its stamp"
    victim = folder / "yes" / "a_1.wav"
    before = victim.stat()
    content = bytearray(victim.read_bytes())
    content[-1] ^= 0x40
    victim.write_bytes(content)
    os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert victim.stat().st_size == before.st_size and victim.stat().st_mtime_ns == before.st_mtime_ns
    edited, decoded = open_corpus(folder, cache)
    assert decoded == 5 and edited.content_key != first.content_key
    assert np.array_equal(edited.clips[2], soundfile.read(victim, dtype="int16")[0])


def test_a_folder_that_changed_just_now_is_not_remembered_by_its_stamp(make_corpus, tmp_path: Path) -> None:
    folder, cache = make_corpus(WORDS), tmp_path / "cache"
    os.utime(folder / "yes" / "a_1.wav")
    open_corpus(folder, cache)
    assert not (cache / "corpora" / "stamps").exists()


def test_a_renamed_file_is_another_corpus(make_corpus, tmp_path: Path) -> None:
    folder, cache = make_corpus(WORDS), tmp_path / "cache"
    first, _ = open_corpus(folder, cache)
    # its place in the order stays the same
    (folder / "yes" / "a_1.wav").rename(folder / "yes" / "aa_1.wav")
    renamed, decoded = open_corpus(folder, cache)
    assert decoded == 5 and renamed.content_key != first.content_key


def test_each_rate_and_length_has_clips_of_its_own(make_corpus, tmp_path: Path) -> None:
    folder, cache = make_corpus(WORDS), tmp_path / "cache"
    shapes = [
        open_corpus(folder, cache, rate, n)[0].clips.shape for rate, n in ((8000, 8000), (16000, 16000), (8000, 4000))
    ]
    assert shapes == [(4, 8000), (4, 16000), (4, 4000)]


def test_a_damaged_entry_is_made_anew(make_corpus, tmp_path: Path) -> None:
    folder, cache = make_corpus(WORDS), tmp_path / "cache"
    first, _ = open_corpus(folder, cache)
    wanted = np.array(first.clips)
    for name, damage in (("clips.int16", b"short"), ("clips.int16", wanted.tobytes() + b"x"), ("index.json", b"{")):
        (entry,) = [path for path in (cache / "corpora").iterdir() if path.name != "stamps"]
        (entry / name).write_bytes(damage)
        mended, decoded = open_corpus(folder, cache)
        assert decoded == 5 and np.array_equal(mended.clips, wanted)
        assert open_corpus(folder, cache)[1] == 0


def test_an_edited_folder_leaves_no_old_clips_behind_and_others_keep_theirs(make_corpus, tmp_path: Path) -> None:
    folder, other, cache = make_corpus(WORDS), make_corpus(WORDS, name="other"), tmp_path / "cache"
    soundfile.write(other / "yes" / "c_1.wav", np.ones(10), 8000)
    mapped, _ = open_corpus(folder, cache)
    open_corpus(folder, cache, 16000, 16000)
    open_corpus(other, cache)
    for length in (10, 20):
        soundfile.write(folder / "yes" / "c_1.wav", np.zeros(length), 8000)
        assert open_corpus(folder, cache)[1] == 6
    assert len(list((cache / "corpora").glob("*/index.json"))) == 3
    assert open_corpus(other, cache)[1] == 0 and open_corpus(folder, cache)[1] == 0
    # who had them mapped keeps them
    assert np.array_equal(mapped.clips[0], soundfile.read(folder / "no" / "a_1.wav", dtype="int16")[0])


def test_a_cache_that_cannot_be_written_costs_time_only(make_corpus, unwritable: Path) -> None:
    found, _ = open_corpus(make_corpus(WORDS), unwritable)
    assert found.clips.shape == (4, 8000) and len(found.background[0][1]) == 240000
    assert found.cache_problem is not None and str(unwritable) in found.cache_problem


def test_a_full_disk_under_the_cache_costs_time_only(make_corpus, small_disk) -> None:
    folder = make_corpus(WORDS)
    with small_disk(65536) as disk:
        found, _ = open_corpus(folder, disk)
        assert not list((disk / "corpora").glob("*/index.json")) and not list((disk / "corpora").glob(".*partial"))
    assert found.clips.shape == (4, 8000)
    assert np.array_equal(found.clips[0], soundfile.read(folder / "no" / "a_1.wav", dtype="int16")[0])
    assert found.cache_problem is not None and str(disk) in found.cache_problem


def test_unreadable_files_are_left_out_with_their_reasons(make_corpus, tmp_path: Path) -> None:
    folder, cache = make_corpus(WORDS), tmp_path / "cache"
    (folder / "no" / "a_1.wav").write_text("no sound")
    (folder / "_background_noise_" / "empty.wav").write_bytes(b"")
    for _ in ("decoded", "cached"):
        found, _ = open_corpus(folder, cache)
        assert found.names == ("no/b_1.wav", "yes/a_1.wav", "yes/b_1.flac") and len(found.clips) == 3
        reasons = dict(found.skipped)
        assert reasons["no/a_1.wav"].startswith("not readable as audio")
        assert reasons["_background_noise_/empty.wav"] == "empty file"


def test_the_users_cache_follows_the_xdg_rules(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_dir() == tmp_path / "kws-edge"
    for useless in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", useless)
        assert user_cache_dir() == Path.home() / ".cache" / "kws-edge"
