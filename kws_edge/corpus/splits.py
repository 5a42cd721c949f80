"""Who goes into training, validation and test: list files first, else the SHA-1 rule; never a speaker in two."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from kws_edge.corpus.layouts import TESTING_LIST, VALIDATION_LIST, FoundFile, Layout
from kws_edge.errors import CorpusError
from kws_edge.spec import CorpusSettings

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")

# 2^27 - 1, the constant of the Speech Commands data set's rule
_LARGEST_COUNT = (1 << 27) - 1


def percentile(speaker: str) -> float:
    """Where the SHA-1 of `speaker` falls between 0 and 100.

    The rule of the Speech Commands data set (P. Warden, arXiv:1804.03209, and the README in its archive):
    ``(SHA1(speaker) mod 2^27) * 100 / (2^27 - 1)``. It depends on nothing but the name, so a speaker stays where they
    are however the corpus grows.
    """
    digest = hashlib.sha1(speaker.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
    return (int(digest, 16) % (_LARGEST_COUNT + 1)) * (100.0 / _LARGEST_COUNT)


def sha1_split(speaker: str, settings: CorpusSettings) -> SplitName:
    """The split of `speaker` by the data set's rule, with the percentages of `settings`."""
    place = percentile(speaker)
    if place < settings.validation_percent:
        return "validation"
    if place < settings.validation_percent + settings.testing_percent:
        return "test"
    return "train"


def assign_splits(
    layout: Layout, clips: Sequence[FoundFile], settings: CorpusSettings
) -> tuple[tuple[SplitName, ...], tuple[str, ...]]:
    """The split of every one of `clips`, and warnings for the user.

    List files win where there is one. Without any, the SHA-1 rule decides by speaker. A corpus too small for that rule
    (a split that ought to have keyword clips has none) is dealt out in the rule's own order, at least one speaker to
    each split; with fewer than three speakers it is dealt out file by file, and a warning says what that is worth.
    Raises CorpusError when the lists name a file twice; whether they part a speaker is for `check_speakers`.
    """
    if layout.has_lists:
        return _by_lists(layout, clips)
    by_rule = {clip.speaker: sha1_split(clip.speaker, settings) for clip in clips}
    keyword_speakers = sorted({clip.speaker for clip in clips if clip.word in settings.keywords}, key=percentile)
    wanted = {"train"}
    wanted |= {"validation"} if settings.validation_percent > 0 else set()
    wanted |= {"test"} if settings.testing_percent > 0 else set()
    if wanted <= {by_rule[speaker] for speaker in keyword_speakers}:
        return tuple(by_rule[clip.speaker] for clip in clips), ()
    if len(keyword_speakers) >= 3:
        dealt = _deal(keyword_speakers, settings)
        warning = f"{len(keyword_speakers)} speakers are too few for the SHA-1 rule; they were dealt out one by one"
        return tuple(dealt.get(clip.speaker) or by_rule[clip.speaker] for clip in clips), (warning,)
    alone = set(keyword_speakers)
    dealt = {}
    for word in layout.words:
        dealt |= _deal(
            sorted((c.name for c in clips if c.word == word and c.speaker in alone), key=percentile), settings
        )
    warning = (
        f"the keywords are spoken by {len(alone)} speaker(s) only, so they were split file by file: the figures say "
        "nothing about other people; record more speakers and name the files by them, such as anna_1.wav"
    )
    return tuple(dealt.get(clip.name) or by_rule[clip.speaker] for clip in clips), (warning,)


def check_speakers(clips: Sequence[FoundFile], splits: Sequence[SplitName]) -> None:
    """Raise CorpusError, with the speaker and two of the files, when someone is heard in two splits."""
    home: dict[str, tuple[SplitName, str]] = {}
    for clip, split in zip(clips, splits, strict=True):
        known, name = home.setdefault(clip.speaker, (split, clip.name))
        if known != split:
            raise CorpusError(
                f"speaker {clip.speaker!r} is in two splits: {name} in {known}, {clip.name} in {split}; "
                f"put all files of a speaker into {VALIDATION_LIST}, all into {TESTING_LIST}, or all into neither; "
                "`kws-edge data check` lists every such speaker, and what to exclude"
            )


def _deal(ordered: Sequence[str], settings: CorpusSettings) -> dict[str, SplitName]:
    """Give the first of `ordered` to validation, the next to test, the rest to train, by the settings' shares."""
    count = len(ordered)
    validation = _dealt_count(count, settings.validation_percent)
    test = _dealt_count(count, settings.testing_percent)
    return {
        name: "validation" if place < validation else "test" if place < validation + test else "train"
        for place, name in enumerate(ordered)
    }


def _dealt_count(count: int, percent: float) -> int:
    if percent == 0 or count < 3:
        return 0
    return max(1, min(round(count * percent / 100), (count - 1) // 2))


def _by_lists(layout: Layout, clips: Sequence[FoundFile]) -> tuple[tuple[SplitName, ...], tuple[str, ...]]:
    listed: dict[str, SplitName] = {}
    lists: tuple[tuple[str, SplitName, tuple[str, ...]], ...] = (
        (VALIDATION_LIST, "validation", layout.validation_list or ()),
        (TESTING_LIST, "test", layout.testing_list or ()),
    )
    present = {clip.name for clip in layout.clips} | {name for name, _ in layout.skipped}
    # a data set converted to another format keeps its lists, which then name yes/a.wav where yes/a.flac lies
    by_stem = {name.rpartition(".")[0]: name for name in present}
    warnings = []
    for list_name, split, names in lists:
        absent = []
        for entry in names:
            name = entry if entry in present else by_stem.get(entry.rpartition(".")[0])
            if name is None:
                absent.append(entry)
            elif listed.setdefault(name, split) != split:
                raise CorpusError(
                    f"{layout.folder}: {entry} is in both {VALIDATION_LIST} and {TESTING_LIST}; remove it from one"
                )
        if absent:
            warnings.append(f"{list_name} names {len(absent)} file(s) that are not there, such as {absent[0]}")
    splits: tuple[SplitName, ...] = tuple(listed.get(clip.name, "train") for clip in clips)
    return splits, tuple(warnings)


def without_excluded(
    layout: Layout, clips: Sequence[FoundFile], splits: Sequence[SplitName], exclude: Sequence[str]
) -> tuple[tuple[FoundFile, ...], tuple[SplitName, ...], tuple[str, ...]]:
    """The clips that stay when `exclude` is left out of training and validation, their splits, and warnings.

    The testing split keeps all of its clips. Where everyone else falls does not depend on what is excluded.
    """
    if not exclude:
        return tuple(clips), tuple(splits), ()
    unwanted = set(exclude)
    places = list(zip(clips, splits, strict=True))
    kept = [(clip, split) for clip, split in places if split == "test" or clip.name not in unwanted]
    tested = [clip.name for clip, split in kept if clip.name in unwanted]
    absent = sorted(unwanted - {clip.name for clip in layout.clips} - {name for name, _ in layout.skipped})
    warnings = []
    if tested:
        warnings.append(
            f"{len(tested)} excluded recording(s), such as {tested[0]}, are in the testing split and stay there: a "
            "figure must not improve by leaving out what is hard; delete or move the files that are really wrong"
        )
    if absent:
        warnings.append(f"the exclusion list names {len(absent)} file(s) that are not there, such as {absent[0]}")
    return tuple(clip for clip, _ in kept), tuple(split for _, split in kept), tuple(warnings)


def missing_words(
    clips: Sequence[FoundFile], splits: Sequence[SplitName], words: Sequence[str]
) -> dict[str, list[str]]:
    """For each split the `words` of which it has no clip, in their order; splits that have them all are left out."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for clip, split in zip(clips, splits, strict=True):
        counts[split][clip.word] += 1
    absent = {split: [word for word in words if counts[split][word] == 0] for split in SPLITS}
    return {split: lacking for split, lacking in absent.items() if lacking}
