"""Long streams with known truth, made of a corpus's split: minute after minute, never the whole in memory.

Every minute is one scene: single words at random times and levels over background, synthesized running speech over
background, background alone, or somebody's own recordings. One seed gives one stream, sample for sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.audio import Samples
from kws_edge.corpus.cache import Progress
from kws_edge.corpus.endpoints import speech_bounds
from kws_edge.corpus.loading import Corpus, Split
from kws_edge.corpus.negatives import Negatives, find_negatives
from kws_edge.corpus.noise import NoiseBank
from kws_edge.corpus.running_speech import running_speech
from kws_edge.corpus.splits import SPLITS, SplitName
from kws_edge.corpus.truth import Scene, SceneKind, StreamTruth, Word
from kws_edge.errors import CorpusError, DependencyError
from kws_edge.spec import SILENCE, UNKNOWN, require

# length of a scene, and of a chunk
CHUNK_S = 60
# different sentences at most, about an hour; longer streams repeat them at other levels over other background
_MOST_SENTENCES = 1200
_SENTENCES_PER_MINUTE = 16
# what is kept of a clip before and after its word, and how much of that fades in and out
_MARGIN_S = 0.1
_FADE_S = 0.02
# background fades in and out at the borders of scenes
_SCENE_FADE_S = 0.05
# root mean square of a full-scale square wave at int16 scale: 0 dBFS
_FULL_SCALE = 32768.0


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """What a made stream holds. False accepts per hour mean something for a known mixture only: this one."""

    # length; whole minutes
    hours: float = 1.0
    # of everything random
    seed: int = 0
    # shares of the minutes by their scene, in proportion to one another. A word every two seconds is far denser than
    # a room's speech, and four minutes of ten of it is a severe test of false accepts
    words_share: float = 0.4
    speech_share: float = 0.3
    noise_share: float = 0.3
    # part of the single words that are keywords, 0 to 1; with 0 the stream holds nothing to be detected
    keyword_share: float = 0.5
    # seconds from the end of a word to the beginning of the next, uniform
    pause_low_s: float = 0.4
    pause_high_s: float = 3.5
    # root mean square of each word, uniform, in dB of full scale: near and far from the microphone
    speech_low_dbfs: float = -32.0
    speech_high_dbfs: float = -14.0
    # root mean square of each minute's background, uniform, in dB of full scale; at worst 2 dB below a faint word
    noise_low_dbfs: float = -65.0
    noise_high_dbfs: float = -34.0

    def __post_init__(self) -> None:
        require(self.hours <= 1000, f"hours = {self.hours}; use 1000 or less")
        require(self.minutes >= 1, f"hours = {self.hours}; a stream has a minute or more, use 0.02 or more")
        shares = (self.words_share, self.speech_share, self.noise_share)
        require(min(shares) >= 0 and sum(shares) > 0, "the scenes' shares must not be negative, nor all be 0")
        require(0 <= self.keyword_share <= 1, f"keyword_share = {self.keyword_share}; use 0 to 1")
        require(0.1 <= self.pause_low_s <= self.pause_high_s <= 30, "pauses must be 0.1 to 30 s, low to high")
        require(self.speech_low_dbfs <= self.speech_high_dbfs <= 0, "speech levels must be 0 dBFS or less, low to high")
        require(self.noise_low_dbfs <= self.noise_high_dbfs <= 0, "noise levels must be 0 dBFS or less, low to high")
        require(0 <= self.seed < 2**32, f"seed = {self.seed}; use 0 to {2**32 - 1}")

    @property
    def minutes(self) -> int:
        """Length in whole minutes."""
        return round(self.hours * 3600 / CHUNK_S)


@dataclass(frozen=True)
class _Placed:
    """Sound that is added to a chunk."""

    # index into the clips or the sentences, and which part of it
    source: int
    first: int
    last: int
    # sample of the chunk
    at: int
    # factor
    gain: float


class Stream:
    """A stream that is made while it is read; `truth` is known before. Made by `make_stream`."""

    def __init__(
        self,
        corpus: Corpus,
        split: SplitName,
        settings: StreamSettings,
        sentences: Sequence[Samples],
        negatives: Negatives | None,
    ) -> None:
        self.settings = settings
        self._split: Split = corpus.split(split)
        self._noise: NoiseBank = corpus.noise(split)
        self._sentences = sentences
        self._negatives = negatives
        self._rate_hz = corpus.sample_rate_hz
        self._seed = (settings.seed, SPLITS.index(split))
        self._chunk_samples = CHUNK_S * corpus.sample_rate_hz
        self._kinds = _scene_kinds(settings, speech=bool(sentences), recordings=negatives is not None, seed=self._seed)
        self._bounds: dict[int, tuple[int, int]] = {}
        self._keywords = _Deck(np.flatnonzero(self._split.labels < len(corpus.settings.keywords)), self._rng(1))
        others = self._split.labels == corpus.labels.index(UNKNOWN)
        self._others = _Deck(np.flatnonzero(others), self._rng(2))
        self._plan, words = self._place_everything()
        self.truth = StreamTruth(
            split=split,
            sample_rate_hz=corpus.sample_rate_hz,
            samples=len(self._kinds) * self._chunk_samples,
            labels=corpus.labels,
            words=tuple(words),
            scenes=tuple(
                Scene(kind, number * self._chunk_samples, (number + 1) * self._chunk_samples)
                for number, kind in enumerate(self._kinds)
            ),
        )

    def __len__(self) -> int:
        """Chunks."""
        return len(self._kinds)

    def chunks(self) -> Iterator[Samples]:
        """The whole stream in order, a minute at a time."""
        return (self.chunk(number) for number in range(len(self)))

    def chunk(self, number: int) -> Samples:
        """Minute `number`, from 0, as int16[60 * sample rate]; the same whenever it is asked for."""
        rng, kind = self._rng(3, number), self._kinds[number]
        if kind == "recordings":
            assert self._negatives is not None
            return self._negatives.stretch(self._chunk_samples, rng)
        level_dbfs = rng.uniform(self.settings.noise_low_dbfs, self.settings.noise_high_dbfs)
        sound = _background(self._noise, self._chunk_samples, level_dbfs, rng)
        _fade(sound, round(_SCENE_FADE_S * self._rate_hz))
        for placed in self._plan[number]:
            source = self._sentences[placed.source] if kind == "speech" else self._split.clips[placed.source]
            part = source[placed.first : placed.last].astype(np.float32) * np.float32(placed.gain)
            _fade(part, round(_FADE_S * self._rate_hz))
            sound[placed.at : placed.at + len(part)] += part
        mixed: Samples = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
        return mixed

    def _rng(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, *purpose])

    def _place_everything(self) -> tuple[list[list[_Placed]], list[Word]]:
        plan: list[list[_Placed]] = []
        words: list[Word] = []
        rng = self._rng(4)
        for number, kind in enumerate(self._kinds):
            placed: list[_Placed] = []
            rows: list[Word] = []
            if kind == "words":
                placed, rows = self._place_words(rng, number * self._chunk_samples)
            elif kind == "speech":
                placed = self._place_sentences(rng)
            plan.append(placed)
            words += rows
        return plan, words

    def _place_words(self, rng: np.random.Generator, chunk_start: int) -> tuple[list[_Placed], list[Word]]:
        placed: list[_Placed] = []
        words: list[Word] = []
        margin = round(_MARGIN_S * self._rate_hz)
        at = self._pause(rng)
        while True:
            is_keyword = rng.uniform() < self.settings.keyword_share
            deck = (self._keywords if is_keyword else self._others) or self._keywords or self._others
            row = deck.draw()
            start, end = self._word_bounds(row)
            if at + end - start + margin > self._chunk_samples:
                deck.put_back(row)
                return placed, words
            clip = self._split.clips[row]
            first, last = max(start - margin, 0), min(end + margin, len(clip))
            gain = self._speech_gain(clip[start:end], rng)
            placed.append(_Placed(row, first, last, at - (start - first), gain))
            word = self._split.names[row].split("/")[0]
            begins = chunk_start + at
            words.append(Word(word, int(self._split.labels[row]), begins, begins + end - start))
            at += end - start + self._pause(rng)

    def _place_sentences(self, rng: np.random.Generator) -> list[_Placed]:
        placed: list[_Placed] = []
        at = self._pause(rng)
        while True:
            source = int(rng.integers(len(self._sentences)))
            sentence = self._sentences[source]
            if at + len(sentence) > self._chunk_samples:
                return placed
            placed.append(_Placed(source, 0, len(sentence), at, self._speech_gain(sentence, rng)))
            at += len(sentence) + self._pause(rng) // 2

    def _pause(self, rng: np.random.Generator) -> int:
        return round(rng.uniform(self.settings.pause_low_s, self.settings.pause_high_s) * self._rate_hz)

    def _speech_gain(self, speech: Samples, rng: np.random.Generator) -> float:
        level = 10 ** (rng.uniform(self.settings.speech_low_dbfs, self.settings.speech_high_dbfs) / 20) * _FULL_SCALE
        return float(level / max(_rms(speech), 1.0))

    def _word_bounds(self, row: int) -> tuple[int, int]:
        if row not in self._bounds:
            self._bounds[row] = speech_bounds(self._split.clips[row], self._rate_hz)
        return self._bounds[row]


def make_stream(
    corpus: Corpus,
    split: SplitName,
    settings: StreamSettings,
    *,
    negatives: Path | None = None,
    cache_dir: Path | None = None,
    warn: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Stream:
    """A stream of one split's words, speakers and background.

    Recordings below `negatives`, in which nobody may say a keyword, take the place of synthesized running speech; of
    each, validation hears the first half and testing the second. Without either, background takes it, and `warn` is
    told so. Raises CorpusError if the split has no words for the stream, or the recordings cannot be used.
    """
    labels = corpus.split(split).labels
    spoken, which = labels != corpus.labels.index(SILENCE), "words"
    if settings.keyword_share == 0:
        spoken, which = labels == corpus.labels.index(UNKNOWN), "words but the keywords"
    if settings.words_share and not spoken.any():
        raise CorpusError(
            f"{corpus.folder}: the {split} split has no {which} to make a stream of; record more speakers"
        )
    found = None if negatives is None else find_negatives(negatives, split, corpus.sample_rate_hz)
    sentences: Sequence[Samples] = ()
    if found is None and settings.speech_share:
        shares = settings.words_share + settings.speech_share + settings.noise_share
        wanted = math.ceil(settings.minutes * settings.speech_share / shares * _SENTENCES_PER_MINUTE)
        try:
            sentences = running_speech(
                split,
                min(wanted, _MOST_SENTENCES),
                keywords=corpus.settings.keywords,
                sample_rate_hz=corpus.sample_rate_hz,
                cache_dir=cache_dir,
                progress=progress,
            )
        except DependencyError as error:
            if warn is not None:
                warn(f"no running speech in the stream, background takes its place: {error}")
    return Stream(corpus, split, settings, sentences, found)


class _Deck:
    """Clips in random order, each drawn once before any is drawn again."""

    def __init__(self, rows: npt.NDArray[np.int64], rng: np.random.Generator) -> None:
        self._rows = rows
        self._rng = rng
        self._left: list[int] = []

    def __bool__(self) -> bool:
        return len(self._rows) > 0

    def draw(self) -> int:
        if not self._left:
            self._left = self._rng.permutation(self._rows).tolist()
        return self._left.pop()

    def put_back(self, row: int) -> None:
        self._left.append(row)


def _scene_kinds(
    settings: StreamSettings, *, speech: bool, recordings: bool, seed: tuple[int, int]
) -> tuple[SceneKind, ...]:
    """The scene of each minute: numbers by their shares, in random order."""
    talk: SceneKind = "recordings" if recordings else "speech" if speech else "noise"
    kinds: tuple[SceneKind, ...] = ("words", talk, "noise")
    shares = np.cumsum([settings.words_share, settings.speech_share, settings.noise_share])
    ends = np.rint(shares / shares[-1] * settings.minutes).astype(int)
    minutes = [kind for kind, count in zip(kinds, np.diff(ends, prepend=0), strict=True) for _ in range(count)]
    return tuple(minutes[place] for place in np.random.default_rng([*seed, 0]).permutation(len(minutes)))


def _background(bank: NoiseBank, samples: int, level_dbfs: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """float32[samples] at int16 scale: a stretch of one recording, repeated where that is shorter, at a level."""
    lengths = np.asarray(bank.lengths)
    chosen = int(rng.choice(len(lengths), p=lengths / lengths.sum()))
    start = int(lengths[:chosen].sum())
    recording = bank.samples[start : start + lengths[chosen]]
    turned = np.roll(recording, -int(rng.integers(len(recording))))
    sound: npt.NDArray[np.float32] = np.resize(turned, samples).astype(np.float32)
    sound *= np.float32(10 ** (level_dbfs / 20) * _FULL_SCALE / max(_rms(sound), 1.0))
    return sound


def _rms(samples: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0


def _fade(sound: npt.NDArray[np.float32], samples: int) -> None:
    """Fade the beginning and the end of `sound` in place, linearly."""
    length = min(samples, len(sound) // 2)
    if length:
        ramp = np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
        sound[:length] *= ramp
        sound[-length:] *= ramp[::-1]
