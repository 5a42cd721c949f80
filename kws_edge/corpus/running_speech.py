"""Running speech without the keywords, spoken by synthetic voices: negatives where no recordings are at hand.

Sentences are drawn from a small grammar whose words share sounds with commands but are none. Validation and testing
hear different voices and different sentences. Spoken once, kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from kws_edge.corpus.audio import Samples
from kws_edge.corpus.cache import Progress, user_cache_dir
from kws_edge.corpus.espeak import ACCENTS, Job, Utterance, library_version, variants
from kws_edge.corpus.splits import SplitName
from kws_edge.corpus.synthesis import speak_in_process
from kws_edge.errors import CorpusError
from kws_edge.files import write_file

# Sentences that one process speaks and one file of the cache holds: some four minutes.
SENTENCES_PER_FILE = 100
# Part of every key: raise it when the same arguments would give other sentences.
_VERSION = 1
# Longer than any sentence, so that none is sped up to fit; the rest of the file is cut away again.
_LONGEST_S = 15.0
# Below this part of the peak nothing is heard at a sentence's end.
_AUDIBLE = 0.02

# None is, or sounds like, one of the usual keywords (know, write and so on are left out); words that are keywords of
# a corpus of the user's own are left out when sentences are drawn.
_WHO = (
    *("my brother", "the teacher", "a neighbour", "our doctor", "the children", "somebody", "the old captain", "Maria"),
    *("the engineer", "everyone", "her cousin", "the farmer", "a friend of mine", "the people next door", "Peter"),
    *("the first visitor", "nobody in the village", "the young woman", "an uncle", "the driver", "his daughter"),
)
_DID = (
    *("found", "painted", "remembered", "carried", "repaired", "opened", "watched", "wanted", "bought", "described"),
    *("asked about", "looked after", "talked about", "waited for", "borrowed", "studied", "noticed", "cleaned", "sold"),
    *("forgot about", "laughed at", "measured", "brought back", "wrapped", "lost", "threw away", "counted", "drew"),
)
_WHAT = (
    *("the yellow window", "a basket of apples", "the garden wall", "some warm bread", "a heavy wooden table"),
    *("the morning paper", "a letter from the bank", "an enormous map", "the broken lamp", "their winter coats"),
    *("the kitchen clock", "a pair of leather shoes", "the story of the lighthouse", "a bottle of cold water"),
    *(
        "the music in the park",
        "three silver coins",
        "a photograph of the harbour",
        "the loose button",
        "a new bicycle",
    ),
    *("the wet umbrella", "a recipe for soup", "the answers", "a sleeping dog", "the price of coffee", "a model ship"),
)
_WHERE = (
    *("at the station", "near the river", "behind the library", "in the middle of the street", "under the bridge"),
    *("by the lake", "across the valley", "inside the little shop", "beside the fireplace", "at the edge of town"),
    *("in the attic", "between two mountains", "after the concert", "before dinner", "during the long summer"),
)
_WHEN = (
    *("yesterday", "this morning", "last winter", "a week earlier", "every second Thursday", "as usual", "long before"),
    *("when it began to rain", "while the others were asleep", "because it was cheaper", "although it was very late"),
    *("and then the telephone rang", "but it made little difference", "so we had another cup of tea"),
)
_PATTERNS = (
    (_WHO, _DID, _WHAT, _WHERE),
    (_WHO, _DID, _WHAT, _WHEN),
    (_WHERE, _WHO, _DID, _WHAT),
    (_WHO, _DID, _WHAT, _WHERE, _WHEN),
    (_WHO, _DID, _WHAT),
)


def running_speech(
    split: SplitName,
    sentences: int,
    *,
    keywords: Sequence[str],
    sample_rate_hz: int,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> list[Samples]:
    """The first `sentences` sentences of a split, each int16[samples] with its peak at -6 dB of full scale.

    None contains a word of `keywords`. `progress(done, total)` counts sentences. Raises DependencyError without eSpeak
    NG, StorageError when the cache cannot be written, CorpusError when the keywords leave nothing to say.
    """
    folder = (cache_dir or user_cache_dir()) / "running_speech" / _key(split, keywords, sample_rate_hz)
    spoken: list[Samples] = []
    for number in range(-(-sentences // SENTENCES_PER_FILE)):
        file = folder / f"{number}.npz"
        if not file.is_file():
            _speak(file, _plan(split, number, keywords), sample_rate_hz)
        with np.load(file) as stored:
            spoken += np.split(stored["samples"], np.cumsum(stored["lengths"])[:-1])
        if progress is not None:
            progress(min(len(spoken), sentences), sentences)
    return spoken[:sentences]


def sentence(rng: np.random.Generator, keywords: Sequence[str]) -> str:
    """One sentence that has none of `keywords` in it; CorpusError when they leave nothing to say."""
    forbidden = {part for word in keywords for part in word.casefold().replace("_", " ").replace("-", " ").split()}
    forbidden |= {f"{word}s" for word in forbidden}
    for _ in range(1000):
        pattern = _PATTERNS[rng.integers(len(_PATTERNS))]
        text = " ".join(phrases[rng.integers(len(phrases))] for phrases in pattern)
        if forbidden.isdisjoint(text.casefold().split()):
            return text
    raise CorpusError(f"no sentence avoids the keywords {', '.join(keywords)}; give recordings with --negatives")


def _key(split: SplitName, keywords: Sequence[str], sample_rate_hz: int) -> str:
    recipe = [split, sorted(keywords), sample_rate_hz, SENTENCES_PER_FILE, _VERSION, library_version()]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]


def _plan(split: SplitName, number: int, keywords: Sequence[str]) -> list[Utterance]:
    seed = hashlib.sha256(f"running speech/{split}/{number}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "big"))
    voices = variants()[("train", "validation", "test").index(split) :: 3]
    return [
        Utterance(
            name=f"{place}.wav",
            text=sentence(rng, keywords),
            voice=f"{ACCENTS[rng.integers(len(ACCENTS))]}+{voices[rng.integers(len(voices))]}",
            rate_wpm=int(rng.integers(120, 221)),
            pitch=int(rng.integers(25, 76)),
            pitch_range=int(rng.integers(20, 81)),
            position=0.0,
            peak_dbfs=-6.0,
            floor_dbfs=-90.0,
            seed=int(rng.integers(1, 2**31)),
        )
        for place in range(SENTENCES_PER_FILE)
    ]


def _speak(file: Path, utterances: Sequence[Utterance], sample_rate_hz: int) -> None:
    spoken = []
    with tempfile.TemporaryDirectory(prefix="kws-edge-speech-") as name:
        folder = Path(name)
        speak_in_process(Job(name, sample_rate_hz, _LONGEST_S, tuple(utterances)), folder)
        for utterance in utterances:
            samples, _ = soundfile.read(folder / utterance.name, dtype="int16")
            loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE * 32768)
            spoken.append(samples[: loud[-1] + 1])
    buffer = io.BytesIO()
    np.savez(buffer, samples=np.concatenate(spoken), lengths=np.array([len(part) for part in spoken], np.int64))
    write_file(file, buffer.getvalue())
