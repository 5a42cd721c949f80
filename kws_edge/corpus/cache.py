"""Decode a corpus once: clips and background as memory-mapped int16, found again by the content of the recordings.

    CACHE/corpora/<key>/clips.int16        int16[n, clip_samples], little endian, one row per readable clip
    CACHE/corpora/<key>/background.int16   the background recordings, end to end
    CACHE/corpora/<key>/index.json         names, lengths, what was skipped and why
    CACHE/corpora/<key>/source.json        the folder they came from, its rate and clip length
    CACHE/corpora/stamps/<stamp>           the key of a folder whose files look exactly like this to the file system

The key is a hash of every byte of every recording. Hashing 200 MB takes a second or two, so the stamp (each file's
name, size, inode, modification and change time) remembers the answer: no program can alter a file and keep its change
time, and a stamp taken within two seconds of a change, when a clock tick could still hide one, is not kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from kws_edge.cores import usable_cores
from kws_edge.corpus.audio import LONGEST_BACKGROUND_S, LONGEST_CLIP_S, Samples, decode, fit_to_clip
from kws_edge.corpus.layouts import FoundFile, Layout
from kws_edge.errors import CorpusError, StorageError
from kws_edge.files import replacing_folder, write_file

Progress = Callable[[int, int], None]

# Part of every key: raise it when decoding or fitting changes, and old entries are left behind.
DECODING_VERSION = 1

_STORED = np.dtype("<i2")
_SETTLED_NS = 2_000_000_000
_HASH_BLOCK_BYTES = 1 << 20
# more only wait for the disk
_MOST_WORKERS = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DecodedCorpus:
    """Every readable recording of a corpus folder, before anything is chosen or split."""

    # hash of the recordings' bytes and names, the same on every machine
    content_key: str
    # names of the clips that could be read, as in the layout
    names: tuple[str, ...]
    # int16[len(names), clip_samples]; a read-only memory map unless the cache could not be written
    clips: Samples
    # (name, int16[samples]) of the background recordings that could be read
    background: tuple[tuple[str, Samples], ...]
    # (name, reason) of what could not
    skipped: tuple[tuple[str, str], ...]
    # why nothing was cached, or None
    cache_problem: str | None = None


def user_cache_dir() -> Path:
    """`$XDG_CACHE_HOME/kws-edge`, or `~/.cache/kws-edge` where that variable is unset or not absolute."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "kws-edge"


def decoded_corpus(
    layout: Layout,
    *,
    sample_rate_hz: int,
    clip_samples: int,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> DecodedCorpus:
    """Every recording of `layout` at `sample_rate_hz`, clips fitted to `clip_samples`; from the cache if it has them.

    `progress(done, total)` counts files and is called only while decoding. A cache that cannot be written costs time,
    not the result: the clips are then held in memory and `cache_problem` says why.
    """
    root = (cache_dir or user_cache_dir()) / "corpora"
    content_key = _content_key(layout, root)
    parts = (
        content_key,
        sample_rate_hz,
        clip_samples,
        DECODING_VERSION,
        soundfile.__libsndfile_version__,
        soxr.__version__,
    )
    entry = root / hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
    found = _open_entry(entry, content_key, clip_samples)
    if found is not None:
        return found
    source = json.dumps([str(layout.folder.resolve()), sample_rate_hz, clip_samples])
    try:
        with replacing_folder(entry) as partial:
            _decode_into(partial, layout, sample_rate_hz, clip_samples, progress)
            (partial / "source.json").write_text(source, encoding="ascii")
        problem = None
    except StorageError as error:
        problem = str(error)
    found = _open_entry(entry, content_key, clip_samples)  # perhaps another process was first
    if found is not None:
        _forget_older(root, entry, source)
        return found
    return _decode_in_memory(layout, content_key, sample_rate_hz, clip_samples, progress, problem)


def _forget_older(root: Path, entry: Path, source: str) -> None:
    """Remove what the same folder once held, lest every edit leave a copy of the corpus; open maps stay valid."""
    with suppress(OSError):  # another process may be doing the same
        for kept in root.glob("*/source.json"):
            # a folder whose name begins with a dot is being written
            old = kept.parent != entry and not kept.parent.name.startswith(".")
            if old and kept.read_text(encoding="ascii") == source:
                shutil.rmtree(kept.parent, ignore_errors=True)


def _content_key(layout: Layout, root: Path) -> str:
    files = (*layout.clips, *layout.background)
    stamp = hashlib.sha256(os.fsencode(layout.folder.resolve()))
    for file in files:
        stamp.update(f"\n{file.name}\0{file.size}\0{file.stamp}".encode("utf-8", "surrogateescape"))
    remembered = root / "stamps" / stamp.hexdigest()[:32]
    try:
        known = remembered.read_text(encoding="ascii")
        if len(known) == 64:
            return known
    except (OSError, UnicodeDecodeError):
        pass
    key = hashlib.sha256()
    with ThreadPoolExecutor(min(_MOST_WORKERS, usable_cores())) as pool:
        for file, digest in zip(files, pool.map(lambda f: _file_digest(layout.folder / f.name), files), strict=True):
            key.update(f"{file.name}\0{digest}\n".encode("utf-8", "surrogateescape"))
    content_key = key.hexdigest()
    newest = max(max(file.stamp[1:]) for file in files)
    if time.time_ns() - newest > _SETTLED_NS:
        try:
            write_file(remembered, content_key)
        except StorageError as error:
            _log.debug("%s", error)
    return content_key


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_HASH_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return digest.hexdigest()


@dataclass(frozen=True)
class _Outcome:
    file: FoundFile
    samples: Samples | None
    problem: str


def _decode_all(
    folder: Path, files: Sequence[FoundFile], sample_rate_hz: int, *, longest_s: float
) -> Iterator[_Outcome]:
    """Decode `files` on every core, in their order, no more than a few hundred ahead of the reader."""

    def one(file: FoundFile) -> _Outcome:
        path = folder / file.name
        try:
            return _Outcome(file, decode(path, sample_rate_hz, longest_s=longest_s), "")
        except CorpusError as error:
            return _Outcome(file, None, str(error).removeprefix(f"{path}: "))

    with ThreadPoolExecutor(min(_MOST_WORKERS, usable_cores())) as pool:
        for start in range(0, len(files), 256):
            yield from pool.map(one, files[start : start + 256])


def _clip_rows(
    layout: Layout, sample_rate_hz: int, clip_samples: int, progress: Progress | None, index: dict[str, Any]
) -> Iterator[Samples]:
    total = len(layout.clips) + len(layout.background)
    for done, outcome in enumerate(
        _decode_all(layout.folder, layout.clips, sample_rate_hz, longest_s=LONGEST_CLIP_S), 1
    ):
        if outcome.samples is None:
            index["skipped"].append([outcome.file.name, outcome.problem])
        else:
            index["names"].append(outcome.file.name)
            yield fit_to_clip(outcome.samples, clip_samples)
        if progress is not None:
            progress(done, total)


def _background_rows(
    layout: Layout, sample_rate_hz: int, progress: Progress | None, index: dict[str, Any]
) -> Iterator[Samples]:
    before = len(layout.clips)
    outcomes = _decode_all(layout.folder, layout.background, sample_rate_hz, longest_s=LONGEST_BACKGROUND_S)
    for done, outcome in enumerate(outcomes, before + 1):
        if outcome.samples is None:
            index["skipped"].append([outcome.file.name, outcome.problem])
        else:
            index["background"].append([outcome.file.name, len(outcome.samples)])
            yield outcome.samples
        if progress is not None:
            progress(done, before + len(layout.background))


def _empty_index() -> dict[str, Any]:
    return {"names": [], "background": [], "skipped": []}


def _decode_into(
    partial: Path, layout: Layout, sample_rate_hz: int, clip_samples: int, progress: Progress | None
) -> None:
    # plain writes, not a writable memory map: on a full disk a map kills the process, a write raises
    index = _empty_index()
    with (partial / "clips.int16").open("wb") as stream:
        for row in _clip_rows(layout, sample_rate_hz, clip_samples, progress, index):
            stream.write(row.astype(_STORED, copy=False).tobytes())
    with (partial / "background.int16").open("wb") as stream:
        for row in _background_rows(layout, sample_rate_hz, progress, index):
            stream.write(row.astype(_STORED, copy=False).tobytes())
    (partial / "index.json").write_text(json.dumps(index), encoding="ascii")


def _decode_in_memory(
    layout: Layout,
    content_key: str,
    sample_rate_hz: int,
    clip_samples: int,
    progress: Progress | None,
    problem: str | None,
) -> DecodedCorpus:
    index = _empty_index()
    rows = list(_clip_rows(layout, sample_rate_hz, clip_samples, progress, index))
    background = list(_background_rows(layout, sample_rate_hz, progress, index))
    return DecodedCorpus(
        content_key=content_key,
        names=tuple(index["names"]),
        clips=np.stack(rows) if rows else np.zeros((0, clip_samples), np.int16),
        background=tuple((name, samples) for (name, _), samples in zip(index["background"], background, strict=True)),
        skipped=tuple((name, reason) for name, reason in index["skipped"]),
        cache_problem=problem,
    )


def _open_entry(entry: Path, content_key: str, clip_samples: int) -> DecodedCorpus | None:
    """The cached corpus at `entry`; None when there is none or it is not whole."""
    try:
        index = json.loads((entry / "index.json").read_text(encoding="ascii"))
        lengths = [length for _, length in index["background"]]
        clips = _map(entry / "clips.int16", (len(index["names"]), clip_samples))
        joined = _map(entry / "background.int16", (sum(lengths),))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ends = np.cumsum([0, *lengths])
    return DecodedCorpus(
        content_key=content_key,
        names=tuple(index["names"]),
        clips=clips,
        background=tuple(
            (name, joined[start : start + length])
            for (name, length), start in zip(index["background"], ends[:-1], strict=True)
        ),
        skipped=tuple((name, reason) for name, reason in index["skipped"]),
    )


def _map(path: Path, shape: tuple[int, ...]) -> Samples:
    """The file as a read-only array of `shape`; ValueError when its size is another."""
    count = int(np.prod(shape))
    if path.stat().st_size != count * _STORED.itemsize:
        raise ValueError(f"{path} does not hold {count} samples")
    if count == 0:
        return np.zeros(shape, np.int16)
    return np.memmap(path, dtype=_STORED, mode="r", shape=shape)
