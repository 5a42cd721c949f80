"""Plant faults in a copy of real recordings and see which of them the check finds, and what else it calls a fault.

    python tests/explore/planted_faults.py DATA [--seed N] [--relabelled N]

prints one row per fault: how many were planted and found, and how many recordings that nobody touched have the same
finding. Those are false alarms by this count, although a real corpus brings faults of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tabulate import tabulate

from kws_edge.cli.progress import progress_bar
from kws_edge.corpus.layouts import TESTING_LIST, VALIDATION_LIST, FoundFile, scan
from kws_edge.explore.analysis import Analysis, analyse
from kws_edge.explore.recordings import open_recordings

# fault to the kinds of finding that name it
FAULTS = {
    "relabelled": {"mislabelled", "doubtful_label"},
    "duplicated across splits": {"duplicate_across_splits"},
    "clipped": {"clipped"},
    "silent": {"silent"},
    "DC offset": {"dc_offset"},
    "cut to 0.1 s": {"too_short"},
    "44.1 kHz stereo": {"odd_format"},
    "speaker in two splits": {"speaker_in_two_splits"},
}


@contextmanager
def quiet(_: str) -> Iterator[Callable[[int, int], None]]:
    """A stage that shows no progress."""
    yield lambda _done, _total: None


@dataclass
class Planter:
    """A copy of a corpus, by links, in which files are replaced, moved and listed."""

    source: Path
    target: Path
    rng: np.random.Generator

    def copy(self, clips_per_word: int | None) -> None:
        """Link every file, or those of whole speakers until every frequent word has at least so many clips."""
        self.files: dict[str, FoundFile] = {}
        counts: defaultdict[str, int] = defaultdict(int)
        layout = scan(self.source)
        self.words = [word for word in layout.words if sum(file.word == word for file in layout.clips) >= 100][:6]
        if clips_per_word is None:
            self.words = [word for word in layout.words if sum(file.word == word for file in layout.clips) >= 100]
        for file in sorted(layout.clips, key=lambda file: (file.speaker, file.name)):
            if clips_per_word is None or (file.word in self.words and counts[file.word] < clips_per_word):
                counts[file.word] += 1
                self.files[file.name] = file
        self.testing = set(layout.testing_list or ()) & set(self.files)
        self.validation = set(layout.validation_list or ()) & set(self.files)
        for name in self.files:
            self.path(name).symlink_to((self.source / name).resolve())
        self.untouched = set(self.files)

    def path(self, name: str) -> Path:
        path = self.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def draw(self, count: int, *, where: str | None = None) -> list[str]:
        """Names of untouched recordings of frequent words, of "train" or "test" or anywhere; they are touched now."""
        homes = {"test": self.testing, "train": self.untouched - self.testing - self.validation, None: self.untouched}
        pool = sorted(name for name in homes[where] & self.untouched if self.files[name].word in self.words)
        drawn = [str(name) for name in self.rng.choice(pool, count, replace=False)]
        self.untouched -= set(drawn)
        return drawn

    def rewrite(self, name: str, change) -> str:
        """Replace a recording by ``change(float64[samples], rate)``, another array and perhaps another rate."""
        samples, rate = soundfile.read(self.source / name)
        changed, rate = change(samples, rate)
        self.path(name).unlink()
        soundfile.write(self.path(name), changed, rate, subtype="PCM_16")
        return name

    def relabel(self, name: str) -> str:
        """Move a recording into another word's folder, and in the lists."""
        while True:
            word = str(self.rng.choice(self.words))
            new = f"{word}/{Path(name).stem}_moved{Path(name).suffix}"
            if word != self.files[name].word and not self.path(new).exists():
                break
        self.path(name).rename(self.path(new))
        for listed in (self.testing, self.validation):
            if name in listed:
                listed.remove(name)
                listed.add(new)
        return new

    def duplicate(self, name: str, again: int) -> str:
        """Copy a training recording to the testing list under a testing speaker's name; every other one quieter."""
        speaker = self.files[str(self.rng.choice(sorted(self.testing & set(self.files))))].speaker
        samples, rate = soundfile.read(self.source / name)
        copy = f"{self.files[name].word}/{speaker}_nohash_9{again}.wav"
        soundfile.write(self.path(copy), samples * (1 if again % 2 else 0.6), rate, subtype="PCM_16")
        self.testing.add(copy)
        return copy

    def write_lists(self) -> None:
        (self.target / TESTING_LIST).write_text("\n".join(sorted(self.testing)) + "\n")
        (self.target / VALIDATION_LIST).write_text("\n".join(sorted(self.validation)) + "\n")


def plant(
    source: Path, target: Path, *, seed: int = 0, relabelled: int = 10, clips_per_word: int | None = None
) -> tuple[dict[str, set[str]], set[str]]:
    """Copy `source` to `target` with faults; the planted names of each fault, and the names that nobody touched."""
    planter = Planter(source, target, np.random.default_rng(seed))
    rng = planter.rng
    planter.copy(clips_per_word)

    def clip(samples, rate):
        return np.clip(samples * 0.99 / np.quantile(np.abs(samples), 0.95), -1, 0.9999), rate

    def silence(samples, rate):
        return np.rint(rng.normal(0, rng.integers(0, 4), len(samples))) / 32768, rate

    def offset(samples, rate):
        return samples * 0.5 + 0.1 * rng.choice((-1, 1)), rate

    def cut(samples, rate):
        loudest = int(np.argmax(np.convolve(samples**2, np.ones(rate // 10), "valid")))
        return samples[loudest : loudest + rate // 10], rate

    def stereo(samples, rate):
        return np.repeat(soxr.resample(samples, rate, 44100)[:, None], 2, axis=1) * 0.9, 44100

    speaker = planter.files[planter.draw(1, where="train")[0]].speaker
    theirs = {name for name, file in planter.files.items() if file.speaker == speaker}
    planter.untouched -= theirs
    planter.testing.add(sorted(theirs)[0])
    planted = {
        "relabelled": {planter.relabel(name) for name in planter.draw(relabelled)},
        "duplicated across splits": {
            planter.duplicate(name, again) for again, name in enumerate(planter.draw(10, where="train"))
        },
        "clipped": {planter.rewrite(name, clip) for name in planter.draw(5)},
        "silent": {planter.rewrite(name, silence) for name in planter.draw(5)},
        "DC offset": {planter.rewrite(name, offset) for name in planter.draw(5)},
        "cut to 0.1 s": {planter.rewrite(name, cut) for name in planter.draw(3)},
        "44.1 kHz stereo": {planter.rewrite(name, stereo) for name in planter.draw(1)},
        "speaker in two splits": theirs,
    }
    planter.write_lists()
    return planted, planter.untouched


def named(analysis: Analysis, fault: str) -> set[str]:
    """Every recording that a finding of the fault's kinds names, be it as the one or as the other."""
    found = [finding for finding in analysis.findings if finding.kind.name in FAULTS[fault]]
    return {name for finding in found for name in (finding.name, finding.other)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--relabelled", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "copy"
        planted, clean = plant(arguments.data, target, seed=arguments.seed, relabelled=arguments.relabelled)
        cache = Path(folder) / "cache"
        recordings = open_recordings(target, stage=progress_bar, cache_dir=cache)
        analysis = analyse(recordings, stage=progress_bar, cache_dir=cache)
    rows = []
    for fault, names in planted.items():
        alarms = len(named(analysis, fault) & clean)
        rows.append([fault, len(names), len(named(analysis, fault) & names), f"{1000 * alarms / len(clean):.1f}"])
        if fault == "relabelled":
            sure = {f.name for f in analysis.findings if f.kind.name == "mislabelled"}
            rows.append(["  of which 20 times", "", len(sure & names), f"{1000 * len(sure & clean) / len(clean):.1f}"])
            missed = sorted(names - named(analysis, fault))
            print(f"not found: {', '.join(missed) or 'none'}", file=sys.stderr)
    print(tabulate(rows, ("fault", "planted", "found", "others per 1,000"), disable_numparse=True))


if __name__ == "__main__":
    main()
