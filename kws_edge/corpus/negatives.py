"""Hours of somebody's own recordings in which no keyword is said, read a stretch at a time: they may be long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from kws_edge.corpus.audio import Samples
from kws_edge.corpus.layouts import AUDIO_SUFFIXES
from kws_edge.corpus.splits import SplitName
from kws_edge.errors import CorpusError

# what part of each recording, in time, a split may hear; training hears none
_PART: dict[SplitName, tuple[float, float]] = {"train": (0.0, 0.0), "validation": (0.0, 0.5), "test": (0.5, 1.0)}


@dataclass(frozen=True)
class Recording:
    """One file, as its header describes it."""

    path: Path
    rate_hz: int
    frames: int


@dataclass(frozen=True)
class Negatives:
    """Recordings of any rate, length and number of channels, and which part of each a split hears."""

    recordings: tuple[Recording, ...]
    split: SplitName
    sample_rate_hz: int

    @property
    def hours(self) -> float:
        """Of sound that differs."""
        low, high = _PART[self.split]
        return sum(recording.frames / recording.rate_hz for recording in self.recordings) * (high - low) / 3600

    def stretch(self, samples: int, rng: np.random.Generator) -> Samples:
        """A random stretch, int16[samples] at `sample_rate_hz`: from one recording, or several where they are short.

        Every moment is equally likely to be its beginning. Channels are averaged, other rates resampled by soxr (HQ).
        Raises CorpusError for a file that can no longer be read.
        """
        lengths = np.array([recording.frames / recording.rate_hz for recording in self.recordings])
        parts: list[Samples] = []
        missing = samples
        while missing > 0:
            recording = self.recordings[rng.choice(len(lengths), p=lengths / lengths.sum())]
            low, high = (round(part * recording.frames) for part in _PART[self.split])
            start = int(rng.integers(low, high)) if not parts or high - low > recording.rate_hz else low
            wanted = -(-missing * recording.rate_hz // self.sample_rate_hz)
            part = self._read(recording, start, min(wanted, high - start))[:missing]
            parts.append(part)
            missing -= len(part)
        return np.concatenate(parts)

    def _read(self, recording: Recording, start: int, frames: int) -> Samples:
        try:
            with soundfile.SoundFile(recording.path) as stream:
                stream.seek(start)
                mono = stream.read(frames, dtype="float32", always_2d=True).mean(axis=1, dtype=np.float32)
        except (OSError, soundfile.LibsndfileError) as error:
            raise CorpusError(f"{recording.path}: cannot be read: {error}") from error
        if len(mono) < frames:
            raise CorpusError(f"{recording.path}: cut short: its header promises {recording.frames} frames")
        if recording.rate_hz != self.sample_rate_hz:
            mono = soxr.resample(mono, recording.rate_hz, self.sample_rate_hz, quality="HQ")
        scaled: Samples = np.clip(np.rint(mono * np.float32(32768)), -32768, 32767).astype(np.int16)
        return scaled


def find_negatives(folder: Path, split: SplitName, sample_rate_hz: int) -> Negatives:
    """Every recording below `folder`; validation hears the first half of each, testing the second.

    Raises CorpusError if the folder is missing, holds no recording that can be read, or less than a minute of them.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is no folder of recordings; give --negatives a folder")
    found, unreadable = [], []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file():
            try:
                info = soundfile.info(path)
            except soundfile.LibsndfileError:
                unreadable.append(path)
                continue
            # a split hears half of it: that half must hold a sample
            if info.frames * sample_rate_hz >= 4 * info.samplerate:
                found.append(Recording(path, int(info.samplerate), int(info.frames)))
    seconds = sum(recording.frames / recording.rate_hz for recording in found)
    if seconds < 60:
        unread = f", {len(unreadable)} files cannot be read, such as {unreadable[0]}" if unreadable else ""
        raise CorpusError(f"{folder} holds {seconds:.0f} s of recordings{unread}; negatives need a minute or more")
    return Negatives(tuple(found), split, sample_rate_hz)
