"""Find the recordings of a folder: one folder per word, in the Speech Commands layout or any like it.

    DATA/yes/004ae714_nohash_0.wav      Speech Commands: the speaker is the text before `_nohash_`
    DATA/yes/anna-3.flac                the speaker is the text before the last `-` or `_` and digits
    DATA/yes/anna/kitchen.ogg           a folder inside the word's folder names the speaker
    DATA/_background_noise_/tap.wav     long recordings of background; a folder `silence` counts as the same
    DATA/testing_list.txt               relative paths, one a line; so too validation_list.txt

Other folders that begin with `_` or `.`, and files that begin with `.`, are no part of the corpus.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from kws_edge.errors import CorpusError
from kws_edge.spec import SILENCE

BACKGROUND_FOLDERS = ("_background_noise_", SILENCE)
VALIDATION_LIST = "validation_list.txt"
TESTING_LIST = "testing_list.txt"
AUDIO_SUFFIXES = frozenset(
    (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64", ".mp3")
)
# audio that libsndfile does not read; telephones record the first of them
_UNREAD_SUFFIXES = frozenset((".m4a", ".aac", ".mp4", ".amr", ".3gp", ".wma", ".webm", ".mka"))

_NOHASH = re.compile(r"_nohash_.*$")
_NUMBERED = re.compile(r"^(.*\S)[-_ ]+\d+$")


@dataclass(frozen=True)
class FoundFile:
    """One file below a word's folder or the background folder, found but not yet opened."""

    # path below the corpus folder with `/` between its parts, as the file system spells it
    name: str
    # the word it says, in Unicode's composed form (NFC); empty for background
    word: str
    # who says it; files with one speaker stay in one split; empty for background
    speaker: str
    # bytes, and what the file system changes whenever the content does: inode, modification and change time in ns
    size: int
    stamp: tuple[int, int, int]


@dataclass(frozen=True)
class Layout:
    """What a corpus folder holds, sorted by name."""

    folder: Path
    # files that may be clips of words, by their endings
    clips: tuple[FoundFile, ...]
    # files that may be recordings of background
    background: tuple[FoundFile, ...]
    # (name, reason) of files that are no audio by their endings or cannot be looked at
    skipped: tuple[tuple[str, str], ...]
    # paths listed in validation_list.txt and testing_list.txt, in their order; None where there is no such file
    validation_list: tuple[str, ...] | None
    testing_list: tuple[str, ...] | None

    @property
    def words(self) -> tuple[str, ...]:
        """The words that have at least one file, sorted."""
        return tuple(sorted({clip.word for clip in self.clips}))

    @property
    def has_lists(self) -> bool:
        """Whether list files say which split a clip is in."""
        return self.validation_list is not None or self.testing_list is not None


def speaker_of(name: str) -> str:
    """Who speaks in the file at `name`, a path below the corpus folder such as ``yes/anna_3.wav``.

    The rules of this module's head, in their order. A name that tells no speaker (``yes/0007.wav``, or
    ``yes/yes_7.wav``, where the text before the number is only the word) stands for a speaker of its own: ``yes/0007``.
    """
    word, *between, file_name = name.split("/")
    stem = file_name.rpartition(".")[0] or file_name
    if "_nohash_" in stem:
        return _NOHASH.sub("", stem)
    if between:
        return between[0]
    numbered = _NUMBERED.match(stem)
    if numbered and numbered[1].casefold() != word.casefold():
        return numbered[1]
    return name.rpartition(".")[0] if numbered or stem.isdigit() else stem


def scan(folder: Path) -> Layout:
    """List the recordings of `folder` without opening them.

    Raises CorpusError when the folder is missing, is no folder, cannot be read, or holds no word folder with a file.
    """
    if not folder.exists():
        raise CorpusError(f"{folder}: no such folder; give the folder that holds one folder of recordings per word")
    if not folder.is_dir():
        raise CorpusError(f"{folder}: not a folder; give the folder that holds one folder of recordings per word")
    clips: list[FoundFile] = []
    background: list[FoundFile] = []
    skipped: list[tuple[str, str]] = []
    try:
        with os.scandir(folder) as entries:
            tops = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        raise CorpusError(f"{folder}: {error.strerror}; allow reading it or copy it elsewhere") from error
    for top in tops:
        if top in BACKGROUND_FOLDERS:
            _walk(folder, top, "", background, skipped)
        elif not top.startswith(("_", ".")):
            _walk(folder, top, unicodedata.normalize("NFC", top), clips, skipped)
    if not clips:
        raise CorpusError(
            f"{folder}: no recordings; put them into one folder per word, such as {folder / 'yes' / 'anna_1.wav'}"
            + (f" ({len(skipped)} file(s) there are of no use, such as {': '.join(skipped[0])})" if skipped else "")
        )
    clips.sort(key=lambda found: found.name)
    background.sort(key=lambda found: found.name)
    return Layout(
        folder=folder,
        clips=tuple(clips),
        background=tuple(background),
        skipped=tuple(sorted(skipped)),
        validation_list=_read_list(folder / VALIDATION_LIST),
        testing_list=_read_list(folder / TESTING_LIST),
    )


def _walk(folder: Path, top: str, word: str, found: list[FoundFile], skipped: list[tuple[str, str]]) -> None:
    def report(error: OSError) -> None:
        skipped.append((os.path.relpath(str(error.filename), folder), error.strerror or str(error)))

    for parent, folders, files in os.walk(folder / top, onerror=report):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = os.path.relpath(parent, folder).replace(os.sep, "/")
        for file_name in files:
            if file_name.startswith("."):
                continue
            name = f"{below}/{file_name}"
            suffix = os.path.splitext(file_name)[1]  # noqa: PTH122  # a Path for each of 100,000 files takes seconds
            if suffix.lower() not in AUDIO_SUFFIXES:
                skipped.append((name, _no_use(suffix)))
                continue
            try:
                status = os.stat(f"{parent}/{file_name}")  # noqa: PTH116  # as above
            except OSError as error:
                skipped.append((name, error.strerror or str(error)))
                continue
            stamp = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
            found.append(FoundFile(name, word, speaker_of(name) if word else "", status.st_size, stamp))


def _no_use(suffix: str) -> str:
    if suffix.lower() in _UNREAD_SUFFIXES:
        return f"libsndfile does not read {suffix}; convert it, as with ffmpeg -i a{suffix} a.wav"
    return f"not audio: its name ends in {suffix or 'nothing'}"


def _read_list(path: Path) -> tuple[str, ...] | None:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}; allow reading it or remove it") from error
    names = (line.strip().replace("\\", "/").removeprefix("./") for line in text.splitlines())
    return tuple(name for name in names if name)
