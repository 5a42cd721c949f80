"""What a made stream holds and when: the rows that detections are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

# words: single words, keywords and others; speech: synthesized sentences without the keywords; noise: background
# alone; recordings: somebody's own recordings without the keywords
SceneKind: TypeAlias = Literal["words", "speech", "noise", "recordings"]


@dataclass(frozen=True)
class Word:
    """One word in a stream, a keyword or another."""

    word: str
    # index into the stream's labels
    label: int
    # samples of the stream, from 0: where speech begins, and the first sample after it
    start: int
    end: int


@dataclass(frozen=True)
class Scene:
    """A stretch of a stream of one kind, in samples: from `start` to before `end`."""

    kind: SceneKind
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class StreamTruth:
    """What is to be heard in a stream."""

    # which part of the corpus it was made of
    split: str
    sample_rate_hz: int
    # length of the stream
    samples: int
    # the model's outputs in order
    labels: tuple[str, ...]
    # in order of time, never overlapping
    words: tuple[Word, ...]
    # in order of time, together the whole stream
    scenes: tuple[Scene, ...]

    @property
    def hours(self) -> float:
        """Length of the stream in hours."""
        return self.samples / self.sample_rate_hz / 3600
