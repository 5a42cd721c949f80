"""What is wrong with a recording, one kind at a time: the kinds, their limits, and how measurements tell them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kws_edge.corpus.splits import SplitName
from kws_edge.explore.doubtful_labels import LabelOdds
from kws_edge.explore.duplicates import DuplicatePair
from kws_edge.explore.recordings import Recordings


@dataclass(frozen=True)
class Kind:
    """A kind of finding."""

    # as in JSON and in the exclusion list
    name: str
    # as in tables
    title: str
    # what to do about it
    way_out: str
    # a fault fails the check; what is no fault is a remark
    fault: bool
    # whether training is better off without such recordings
    exclude: bool


UNREADABLE = Kind("unreadable", "cannot be read", "replace or remove the file; training skips it", True, False)
SHORT = Kind("too_short", "too short to hold a word", "record it again", True, True)
SILENT = Kind("silent", "silent", "record it again; check the microphone", True, True)
NOISY = Kind("noisy", "hardly above its noise", "listen; bring the microphone nearer to the mouth", True, False)
CLIPPED = Kind("clipped", "clipped", "lower the gain and record again; training can use it", True, False)
DC_OFFSET = Kind("dc_offset", "DC offset", "check the microphone's bias; the front end removes it", True, False)
FORMAT = Kind(
    "odd_format", "unlike the others in format", "nothing to do: it is resampled and mixed down", False, False
)
LEAK = Kind("duplicate_across_splits", "in two splits", "keep it in one split", True, True)
CONFLICT = Kind("duplicate_other_word", "one recording, two words", "find out which word it says", True, True)
REPEAT = Kind("duplicate_same_split", "twice in one split", "remove one if many are", False, False)
SPEAKER = Kind("speaker_in_two_splits", "speaker in two splits", "list all files of a speaker in one", True, True)
MISLABELLED = Kind("mislabelled", "says another word", "listen; move the file to the word that it says", True, True)
DOUBTFUL = Kind("doubtful_label", "may say another word", "listen to the first few", False, False)

KINDS = (
    *(UNREADABLE, SHORT, SILENT, NOISY, CLIPPED, DC_OFFSET, FORMAT),
    *(LEAK, CONFLICT, REPEAT, SPEAKER, MISLABELLED, DOUBTFUL),
)
_UNHEARD = frozenset((SHORT.name, SILENT.name))
# a figure must not improve by leaving test clips out, so of two splits the other one gives way
_PROTECTION: dict[SplitName, int] = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From where on a measurement is a finding."""

    # seconds; the shortest words of English take a quarter of a second
    shortest_s: float = 0.25
    # dB of full scale in the loudest 20 ms; a word in a usual recording is some 40 dB above
    silent_dbfs: float = -55.0
    # dB between the loudest 20 ms and the quietest tenth; steady noise alone has 2 to 4
    least_snr_db: float = 5.0
    # part of the samples in flat tops; a single clipped vowel has more
    clipped_share: float = 0.002
    # part of full scale
    dc_offset: float = 0.02
    # how many times likelier another word must be before the label counts as wrong, and as doubtful
    mislabelled_odds: float = 20.0
    doubtful_odds: float = 1.0


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one recording."""

    kind: Kind
    # path below the corpus folder
    name: str
    # empty for files that cannot be read
    split: SplitName | None
    # what was measured, for people
    detail: str
    # the same as a number, larger is worse; findings of a kind are ranked by it
    badness: float
    # the other recording, or the likelier word; empty where there is none
    other: str
    # whether the exclusion list names it
    excluded: bool


def find_all(
    recordings: Recordings, duplicates: Sequence[DuplicatePair], odds: LabelOdds | None, limits: Limits
) -> tuple[Finding, ...]:
    """Every finding, in the order of `KINDS`, the worst of a kind first."""
    found = [
        *_unreadable(recordings),
        *_measured(recordings, limits),
        *_duplicated(recordings, duplicates, odds),
        *_parted_speakers(recordings),
    ]
    unheard = {finding.name for finding in found if finding.kind.name in _UNHEARD}
    if odds is not None:
        found += _doubted(recordings, odds, limits, unheard)
    order = {kind.name: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda finding: (order[finding.kind.name], -finding.badness, finding.name)))


def _finding(
    recordings: Recordings, kind: Kind, row: int, detail: str, badness: float, *, other: str = "", exclude: bool = True
) -> Finding:
    split = recordings.splits[row]
    return Finding(
        kind=kind,
        name=recordings.files[row].name,
        split=split,
        detail=detail,
        badness=float(badness),
        other=other,
        excluded=kind.exclude and exclude and split != "test",
    )


def _unreadable(recordings: Recordings) -> Iterator[Finding]:
    for name, reason in recordings.skipped:
        yield Finding(UNREADABLE, name.encode("utf-8", "replace").decode(), None, reason, 0.0, "", False)


def _measured(recordings: Recordings, limits: Limits) -> Iterator[Finding]:
    measured = recordings.measured
    formats = Counter(zip(measured.sample_rate_hz.tolist(), measured.channels.tolist(), strict=True))
    usual = formats.most_common(1)[0][0]
    for row in range(len(recordings.files)):
        loudest, snr = float(measured.loudest_dbfs[row]), float(measured.snr_db[row])
        duration, offset = float(measured.duration_s[row]), float(measured.dc_offset[row])
        if duration < limits.shortest_s:
            yield _finding(recordings, SHORT, row, f"{1000 * duration:.0f} ms", -duration)
        if loudest < limits.silent_dbfs:
            yield _finding(recordings, SILENT, row, f"loudest 20 ms at {loudest:.0f} dBFS", -loudest)
        elif snr < limits.least_snr_db:
            yield _finding(recordings, NOISY, row, f"loudest 20 ms {snr:.1f} dB above the quietest", -snr)
        share = float(measured.clipped_share[row])
        if share >= limits.clipped_share:
            yield _finding(recordings, CLIPPED, row, f"{100 * share:.1f} % of its samples in flat tops", share)
        if abs(offset) >= limits.dc_offset:
            yield _finding(recordings, DC_OFFSET, row, f"mean at {100 * offset:+.1f} % of full scale", abs(offset))
        own = int(measured.sample_rate_hz[row]), int(measured.channels[row])
        if own != usual:
            detail = f"{own[0]:,} Hz, {_channels(own[1])}; most are {usual[0]:,} Hz, {_channels(usual[1])}"
            yield _finding(recordings, FORMAT, row, detail, own[0] * own[1])


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _duplicated(
    recordings: Recordings, duplicates: Sequence[DuplicatePair], odds: LabelOdds | None
) -> Iterator[Finding]:
    for pair in duplicates:
        rows = (pair.first, pair.second)
        (first, second), splits = (recordings.files[row] for row in rows), [recordings.splits[row] for row in rows]
        detail = f"correlation {pair.correlation:.3f}"
        if pair.shift:
            detail += f", {1000 * abs(pair.shift) / recordings.spec.sample_rate_hz:.0f} ms apart"
        if splits[0] != splits[1]:
            # the pair is named once, by the file that had better go
            loser = min((0, 1), key=lambda side: _PROTECTION[splits[side]])
            kind = LEAK
        elif first.word != second.word:
            loser = 1 if odds is None else min((0, 1), key=lambda side: float(odds.log_odds[rows[side]]))
            kind = CONFLICT
        else:
            loser, kind = 1, REPEAT
        other = (second, first)[loser]
        detail = f"same as {other.name} in {recordings.splits[rows[1 - loser]]}, {detail}"
        yield _finding(recordings, kind, rows[loser], detail, pair.correlation, other=other.name)


def _parted_speakers(recordings: Recordings) -> Iterator[Finding]:
    """Every clip of a speaker outside of the split that they had better stay in, where lists could keep them there."""
    if not recordings.has_lists:
        return
    rows_of: defaultdict[str, list[int]] = defaultdict(list)
    for row, file in enumerate(recordings.files):
        rows_of[file.speaker].append(row)
    for speaker, rows in rows_of.items():
        counts = Counter(recordings.splits[row] for row in rows)
        if len(counts) < 2:
            continue
        home = "test" if "test" in counts else max(counts, key=lambda split: (counts[split], _PROTECTION[split]))
        at_home = next(row for row in rows if recordings.splits[row] == home)
        for row in rows:
            if recordings.splits[row] != home:
                other = recordings.files[at_home].name
                detail = f"speaker {speaker} is also in {home}, such as {other}"
                yield _finding(recordings, SPEAKER, row, detail, counts[recordings.splits[row]], other=other)


def _doubted(recordings: Recordings, odds: LabelOdds, limits: Limits, unheard: set[str]) -> Iterator[Finding]:
    against = np.exp(-odds.log_odds.astype(np.float64))
    for row in np.flatnonzero(against > limits.doubtful_odds):
        if recordings.files[row].name in unheard:
            continue  # what cannot be heard says no other word either
        kind = MISLABELLED if against[row] >= limits.mislabelled_odds else DOUBTFUL
        rival = odds.rival[row] or "another word"
        times = f"{against[row]:,.0f}" if against[row] >= 10 else f"{against[row]:.1f}"
        detail = f"{rival} is {times} times likelier"
        yield _finding(recordings, kind, int(row), detail, against[row], other=odds.rival[row])
