"""A folder of recordings becomes a `Corpus`: three splits of keywords, unknown words, silence and background."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.audio import Samples
from kws_edge.corpus.cache import DECODING_VERSION, DecodedCorpus, Progress, decoded_corpus
from kws_edge.corpus.layouts import FoundFile, Layout, scan
from kws_edge.corpus.noise import NoiseBank, background_clips, split_in_time, synthetic_bank
from kws_edge.corpus.splits import (
    SPLITS,
    SplitName,
    assign_splits,
    check_speakers,
    missing_words,
    without_excluded,
)
from kws_edge.corpus.voice_activity import trimmed
from kws_edge.errors import CorpusError
from kws_edge.settings import to_mapping
from kws_edge.spec import SILENCE, UNKNOWN, CorpusSettings

# Part of every content hash: raise it when drawing unknown words or making silence changes.
_ASSEMBLY_VERSION = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """The clips of one split: keywords and unknown words in order of their names, then silence."""

    # int16[n, clip_samples]
    clips: Samples
    # int64[n], indices into the corpus's labels
    labels: npt.NDArray[np.int64]
    # path below the corpus folder, such as yes/004ae714_nohash_0.flac, or silence/<split>/<n> for clips made here
    names: tuple[str, ...]
    # who speaks; empty for silence
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class _Member:
    """A recorded clip chosen for a split."""

    row: int
    label: int
    file: FoundFile


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Labelled clips of one folder under one `CorpusSettings`. Made by `load_corpus`."""

    folder: Path
    settings: CorpusSettings
    sample_rate_hz: int
    # samples in every clip
    clip_samples: int
    # sha256 over the recordings and everything that shapes the clips; the same on every machine
    content_hash: str
    # (name, reason) of files that could not be used
    skipped: tuple[tuple[str, str], ...]
    # what the user ought to know: thin splits, lists that name absent files, no background recordings
    warnings: tuple[str, ...]
    _decoded: DecodedCorpus = field(repr=False)
    _members: dict[SplitName, tuple[_Member, ...]] = field(repr=False)
    _banks: dict[SplitName, NoiseBank] = field(repr=False)
    _splits: dict[SplitName, Split] = field(default_factory=dict, repr=False, compare=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's outputs in order: the keywords, silence, unknown."""
        return self.settings.labels

    def split(self, name: SplitName) -> Split:
        """The clips of "train", "validation" or "test"; gathered at the first call, the same object afterwards."""
        if name not in self._splits:
            self._splits[name] = self._gather(name)
        return self._splits[name]

    def noise(self, name: SplitName) -> NoiseBank:
        """Background for "train", "validation" or "test"; no moment of a recording is in two of them."""
        return self._banks[name]

    def word_counts(self) -> dict[str, dict[SplitName, int]]:
        """Clips of each word in each split: the keywords, the other words that became unknown, silence."""
        counts = {name: Counter(member.file.word for member in self._members[name]) for name in SPLITS}
        others = sorted(set().union(*counts.values()) - set(self.settings.keywords))
        table = {word: {name: counts[name][word] for name in SPLITS} for word in (*self.settings.keywords, *others)}
        table[SILENCE] = {name: self._silence_count(name) for name in SPLITS}
        return table

    def _silence_count(self, name: SplitName) -> int:
        keywords = sum(member.label < len(self.settings.keywords) for member in self._members[name])
        return round(self.settings.silence_share * keywords)

    def _gather(self, name: SplitName) -> Split:
        members = self._members[name]
        recorded = len(members)
        silent = self._silence_count(name)
        clips = np.empty((recorded + silent, self.clip_samples), np.int16)
        np.take(self._decoded.clips, [member.row for member in members], axis=0, out=clips[:recorded], mode="clip")
        if self.settings.trim and name == "train":
            clips[:recorded] = trimmed(clips[:recorded], self.sample_rate_hz)
        clips[recorded:] = _silence(name, silent, self.clip_samples, self._banks[name], self.settings)
        labels = [member.label for member in members] + [self.labels.index(SILENCE)] * silent
        return Split(
            clips=clips,
            labels=np.array(labels, np.int64),
            names=(*(member.file.name for member in members), *(f"{SILENCE}/{name}/{n}" for n in range(silent))),
            speakers=(*(member.file.speaker for member in members), *("" for _ in range(silent))),
        )


def find_data(explicit: Path | None) -> Path | None:
    """The folder of recordings to use: `explicit`, else the environment's KWS_EDGE_DATA, else None.

    Raises CorpusError if KWS_EDGE_DATA names no folder: who set it long ago must be told where the name comes from.
    """
    if explicit is not None:
        return explicit
    named = os.environ.get("KWS_EDGE_DATA")
    if named and not Path(named).is_dir():
        raise CorpusError(f"KWS_EDGE_DATA = {named}: no such folder; mend or unset it, or name recordings yourself")
    return Path(named) if named else None


def load_corpus(
    folder: Path,
    settings: CorpusSettings,
    *,
    sample_rate_hz: int,
    clip_samples: int,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """Read the recordings of `folder` as clips of int16[clip_samples] at `sample_rate_hz`.

    `kws_edge.corpus.layouts` says how the folder may look.

    Decoded clips are cached in `cache_dir` (default: the user's cache folder) and found again by content.
    `progress(done, total)` counts files while decoding. Files that cannot be used, and what else the user
    ought to know, are logged at level INFO and kept in `Corpus.skipped` and `Corpus.warnings` for whoever prints.

    Raises CorpusError when the folder is missing or holds no recordings, when a keyword has no folder, no readable clip
    or none left for training, when a single keyword has no other word to be told from, and when list files put a
    speaker into two splits and `settings.exclude` does not name the clips that do. Trimming, which happens when the
    training split is gathered, needs webrtcvad: `CorpusSettings.trim` raises DependencyError then.
    """
    layout = scan(folder)
    _check_words(layout, settings)
    decoded = decoded_corpus(
        layout, sample_rate_hz=sample_rate_hz, clip_samples=clip_samples, cache_dir=cache_dir, progress=progress
    )
    skipped = tuple((_printable(name), reason) for name, reason in (*layout.skipped, *decoded.skipped))
    for name, reason in skipped:
        _log.info("%s: skipped %s: %s", folder, name, reason)
    rows = {name: row for row, name in enumerate(decoded.names)}
    readable = [clip for clip in layout.clips if clip.name in rows]
    _check_readable(layout, readable, skipped, settings)
    splits, warnings = assign_splits(layout, readable, settings)
    clips, splits, exclusion_warnings = without_excluded(layout, readable, splits, settings.exclude)
    # without lists nobody is parted but one or two speakers who are all there is, and that is a warning
    if layout.has_lists:
        check_speakers(clips, splits)
    warnings += exclusion_warnings
    warnings += _thin_splits(layout, clips, splits, settings)
    banks, noise_warnings = _noise_banks(decoded, sample_rate_hz, clip_samples)
    warnings += noise_warnings
    if decoded.cache_problem:
        warnings += (f"decoded clips were not cached: {decoded.cache_problem} (XDG_CACHE_HOME says where)",)
    for warning in warnings:
        _log.info("%s: %s", folder, warning)
    return Corpus(
        folder=folder,
        settings=settings,
        sample_rate_hz=sample_rate_hz,
        clip_samples=clip_samples,
        content_hash=_content_hash(layout, decoded, settings, sample_rate_hz, clip_samples),
        skipped=skipped,
        warnings=warnings,
        _decoded=decoded,
        _members=_choose(clips, splits, rows, settings),
        _banks=banks,
    )


def _printable(name: str) -> str:
    """`name` with what is not valid Unicode replaced, so that any terminal can show it."""
    return os.fsencode(name).decode("utf-8", "replace")


def _check_words(layout: Layout, settings: CorpusSettings) -> None:
    absent = [word for word in settings.keywords if word not in layout.words]
    if absent:
        raise CorpusError(
            f"{layout.folder}: no recordings of {', '.join(absent)}; the words there: {', '.join(layout.words)}; "
            "add a folder for each keyword, or choose other keywords"
        )
    if settings.unknown_share > 0 and len(layout.words) == 1:
        raise CorpusError(
            f"{layout.folder}: only one word, {layout.words[0]}; a model needs other words to tell it from: "
            "add folders of them, or set unknown_share = 0 to spot any speech"
        )


def _check_readable(
    layout: Layout, clips: Sequence[FoundFile], skipped: Sequence[tuple[str, str]], settings: CorpusSettings
) -> None:
    readable = {clip.word for clip in clips}
    for word in settings.keywords:
        if word not in readable:
            bad = {_printable(file.name) for file in layout.clips if file.word == word}
            name, reason = next(item for item in skipped if item[0] in bad)
            raise CorpusError(
                f"{layout.folder}: none of the {len(bad)} recordings of {word} can be read, such as {name}: {reason}; "
                "replace them, or leave this keyword out"
            )


def _thin_splits(
    layout: Layout, clips: Sequence[FoundFile], splits: Sequence[SplitName], settings: CorpusSettings
) -> tuple[str, ...]:
    lacking = missing_words(clips, splits, settings.keywords)
    if "train" in lacking:
        raise CorpusError(
            f"{layout.folder}: no training clips of {', '.join(lacking['train'])}: all their speakers fell "
            "into validation and test" + (" or were excluded" if settings.exclude else "") + "; record more speakers, "
            "or name the files of those in validation_list.txt and testing_list.txt"
        )
    warnings = [f"no {split} clips of {', '.join(words)}" for split, words in lacking.items()]
    if settings.unknown_share > 0 and not any(clip.word not in settings.keywords for clip in clips):
        warnings.append(
            "no words but the keywords, so unknown has no clips and the model will take any speech for a keyword: add "
            "folders of other words, or let `train --synth-share 0.5` speak some"
        )
    return tuple(warnings)


def _noise_banks(
    decoded: DecodedCorpus, sample_rate_hz: int, clip_samples: int
) -> tuple[dict[SplitName, NoiseBank], tuple[str, ...]]:
    recorded = split_in_time([samples for _, samples in decoded.background], clip_samples)
    if recorded is not None:
        return dict(zip(SPLITS, recorded, strict=True)), ()
    banks = {name: synthetic_bank(sample_rate_hz, seed) for seed, name in enumerate(SPLITS, 1)}
    return banks, ("no recordings in _background_noise_, so silence and background are synthetic noise",)


def _order(name: str) -> bytes:
    """A place in an order that depends on nothing but the name."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def _choose(
    clips: Sequence[FoundFile], splits: Sequence[SplitName], rows: dict[str, int], settings: CorpusSettings
) -> dict[SplitName, tuple[_Member, ...]]:
    """All keyword clips, and in each split as many other words as `unknown_share` allows, by their names' hash."""
    labels = {word: index for index, word in enumerate(settings.keywords)}
    unknown = settings.labels.index(UNKNOWN)
    chosen: dict[SplitName, tuple[_Member, ...]] = {}
    for split in SPLITS:
        here = [clip for clip, place in zip(clips, splits, strict=True) if place == split]
        keywords = [clip for clip in here if clip.word in labels]
        others = sorted((clip for clip in here if clip.word not in labels), key=lambda clip: _order(clip.name))
        kept = keywords + others[: round(settings.unknown_share * len(keywords))]
        kept.sort(key=lambda clip: clip.name)
        chosen[split] = tuple(_Member(rows[clip.name], labels.get(clip.word, unknown), clip) for clip in kept)
    return chosen


def _silence(name: SplitName, count: int, samples: int, bank: NoiseBank, settings: CorpusSettings) -> Samples:
    """int16[count, samples]: crops of `bank` at random gains, some digital zero; the same in every run."""
    rng = np.random.default_rng(list(f"{SILENCE}/{name}".encode()))
    silence = background_clips(count, samples, bank, rng)
    silence[: round(settings.digital_silence_share * count)] = 0
    return silence


def _content_hash(
    layout: Layout, decoded: DecodedCorpus, settings: CorpusSettings, sample_rate_hz: int, clip_samples: int
) -> str:
    # absent while unused, so that corpora known before these settings keep their hashes
    unused = {name for name in ("exclude", "trim") if not getattr(settings, name)}
    shape = {
        "recordings": decoded.content_key,
        "lists": [layout.validation_list, layout.testing_list],
        "settings": {name: value for name, value in to_mapping(settings).items() if name not in unused},
        "sample_rate_hz": sample_rate_hz,
        "clip_samples": clip_samples,
        "versions": [DECODING_VERSION, _ASSEMBLY_VERSION],
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
