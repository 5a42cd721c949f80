"""A demonstration corpus without a microphone: words spoken by synthetic voices, in the Speech Commands layout.

A speaker is one of eSpeak NG's voice variants, whatever its accent, so that no timbre is in two splits; files are named
`<speaker>_nohash_<n>.wav`, which lets the SHA-1 rule split them. A model trained on it is a demonstration: it has never
heard a person.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from kws_edge.cores import usable_cores
from kws_edge.corpus.audio import wav_bytes
from kws_edge.corpus.cache import Progress, user_cache_dir
from kws_edge.corpus.espeak import ACCENTS, Job, Utterance, library_version, variants
from kws_edge.corpus.layouts import BACKGROUND_FOLDERS
from kws_edge.corpus.noise import COLOURS, SYNTHETIC_RMS, coloured_noise
from kws_edge.errors import CorpusError, DependencyError, StorageError
from kws_edge.files import first_folder, replacing_folder
from kws_edge.spec import KEYWORDS, SILENCE, UNKNOWN

# What the model learns to tell the keywords from: the other words of Speech Commands.
UNKNOWN_WORDS = (
    *("backward", "bed", "bird", "cat", "dog", "eight", "five", "follow", "forward", "four", "happy", "house", "learn"),
    *("marvin", "nine", "one", "seven", "sheila", "six", "three", "tree", "two", "visual", "wow", "zero"),
)
CLIPS_PER_WORD = 600
# Clips of all unknown words together for each keyword clip: what `CorpusSettings.unknown_share` takes by default.
UNKNOWN_SHARE = 0.25

# Speech Commands' own rate and length, good for 8 and for 16 kHz.
_SAMPLE_RATE_HZ = 16000
_CLIP_S = 1.0
_BACKGROUND_S = 60
# Written beside the words; only a folder that has it is ever replaced.
_RECIPE = "synthesized.json"
# Part of the recipe: raise it when the same arguments would give other files.
_VERSION = 1
# Clips that one process speaks: enough to be worth its start, few enough for a progress bar.
_JOB_CLIPS = 750


def synthesize_corpus(
    folder: Path,
    words: Sequence[str] = KEYWORDS,
    unknown_words: Sequence[str] = UNKNOWN_WORDS,
    *,
    clips_per_word: int = CLIPS_PER_WORD,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write a corpus of spoken `words` and `unknown_words` to `folder`, in place of an earlier synthesized one there.

    A word may be several (``hey_edge`` is spoken "hey edge"). Each word gets `clips_per_word` one-second clips at 16
    kHz, the unknown words share a quarter as many clips as the words have; `_background_noise_` holds a minute of each
    noise colour. One seed gives one corpus, byte for byte, for one version of eSpeak NG. `progress(done, total)` counts
    clips.

    Raises CorpusError when `folder` holds anything else, for a word that cannot be a folder or a label or that eSpeak
    NG cannot say, DependencyError without eSpeak NG, StorageError when the file system refuses.
    """
    counts = _counts(words, unknown_words, clips_per_word)
    _check_replaceable(folder)
    with replacing_folder(folder) as partial:
        recipe = _recipe(words, unknown_words, clips_per_word, seed)
        _write_corpus(partial, folder, counts, recipe, seed, progress)


def default_corpus(progress: Progress | None = None, *, words: Sequence[str] = KEYWORDS) -> Path:
    """The folder of the demonstration corpus in the user's cache; synthesized at the first call (under 30 seconds).

    It holds the usual ten keywords; `words` that are not among them get a corpus of their own.
    """
    return cached_corpus(KEYWORDS if set(words) <= set(KEYWORDS) else words, progress=progress)


def cached_corpus(
    words: Sequence[str],
    unknown_words: Sequence[str] = UNKNOWN_WORDS,
    *,
    clips_per_word: int = CLIPS_PER_WORD,
    seed: int = 0,
    progress: Progress | None = None,
) -> Path:
    """Like `synthesize_corpus`, into the user's cache folder under a hash of the arguments; nothing is spoken twice."""
    recipe = _recipe(words, unknown_words, clips_per_word, seed)
    folder = user_cache_dir() / "synthetic" / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    if not folder.is_dir():
        counts = _counts(words, unknown_words, clips_per_word)
        try:
            with first_folder(folder) as partial:
                _write_corpus(partial, folder, counts, recipe, seed, progress)
        except StorageError as error:
            if folder.is_dir():  # another process was first
                return folder
            raise StorageError(f"{error}; XDG_CACHE_HOME says where the cache goes") from error
    return folder


def _counts(words: Sequence[str], unknown_words: Sequence[str], clips_per_word: int) -> dict[str, int]:
    """How many clips each word gets. Raises CorpusError for words that cannot be folders and labels."""
    unknown = [word for word in unknown_words if word not in words]
    _check_words([*words, *unknown], clips_per_word)
    per_unknown = max(1, round(UNKNOWN_SHARE * clips_per_word * len(words) / len(unknown))) if unknown else 0
    return dict.fromkeys(words, clips_per_word) | dict.fromkeys(unknown, per_unknown)


def _write_corpus(
    partial: Path, folder: Path, counts: dict[str, int], recipe: str, seed: int, progress: Progress | None
) -> None:
    """Fill the empty folder `partial`, which is to become `folder`."""
    utterances = [utterance for word, count in counts.items() for utterance in _plan(word, count, seed)]
    (partial / _RECIPE).write_text(recipe, encoding="utf-8")
    for word in counts:
        (partial / word).mkdir()
    _write_background(partial / BACKGROUND_FOLDERS[0], seed)
    _speak_all(partial, folder, utterances, progress)


def _recipe(words: Sequence[str], unknown_words: Sequence[str], clips_per_word: int, seed: int) -> str:
    """Everything that a corpus follows from, as JSON."""
    recipe = {
        "words": list(words),
        "unknown_words": list(unknown_words),
        "clips_per_word": clips_per_word,
        "seed": seed,
        "version": _VERSION,
        "espeakng_loader": library_version(),
    }
    return json.dumps(recipe, indent=2)


def _check_replaceable(folder: Path) -> None:
    try:
        precious = folder.exists() and not (folder / _RECIPE).exists() and (folder.is_file() or any(folder.iterdir()))
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}; choose another folder") from error
    if precious:
        raise CorpusError(f"{folder} holds something that was not synthesized; choose a new or empty folder")


def _check_words(words: Sequence[str], clips_per_word: int) -> None:
    if not words:
        raise CorpusError("no words to synthesize; name at least one")
    if clips_per_word < 1:
        raise CorpusError(f"clips_per_word = {clips_per_word}; use 1 or more")
    for word, count in Counter(words).items():
        if count > 1:
            raise CorpusError(f"the word {word!r} is named twice")
        names_a_folder = word.isprintable() and "/" not in word and word[:1] not in ("", ".", "_")
        if not names_a_folder or word in (SILENCE, UNKNOWN) or not any(map(str.isalnum, word)):
            raise CorpusError(f"{word!r} cannot be a word: it names a folder and a label; use letters, digits, - and _")


def _plan(word: str, count: int, seed: int) -> list[Utterance]:
    """`count` ways to say `word`: every voice in turn, in an order of the word's own, the rest drawn at random."""
    entropy = int.from_bytes(hashlib.sha256(f"{seed}/{word}".encode()).digest()[:8], "big")
    rng = np.random.default_rng(entropy)
    voices = variants()
    order = rng.permutation(len(voices))
    text = word.replace("_", " ").replace("-", " ")
    plan = []
    for place in range(count):
        variant = voices[order[place % len(voices)]]
        speaker = hashlib.sha1(f"espeak {variant}".encode(), usedforsecurity=False).hexdigest()[:8]
        plan.append(
            Utterance(
                name=f"{word}/{speaker}_nohash_{place // len(voices)}.wav",
                text=text,
                voice=f"{ACCENTS[rng.integers(len(ACCENTS))]}+{variant}",
                rate_wpm=int(rng.integers(120, 241)),
                pitch=int(rng.integers(25, 76)),
                pitch_range=int(rng.integers(20, 81)),
                position=float(rng.uniform()),
                peak_dbfs=float(rng.uniform(-20, -2)),
                floor_dbfs=float(rng.uniform(-75, -50)),
                seed=int(rng.integers(1, 2**31)),
            )
        )
    return plan


def _write_background(folder: Path, seed: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng([seed, _VERSION])
    for colour in COLOURS:
        noise = coloured_noise(colour, _BACKGROUND_S * _SAMPLE_RATE_HZ, _SAMPLE_RATE_HZ, rng) * SYNTHETIC_RMS
        samples = np.clip(np.rint(noise), -32768, 32767).astype(np.int16)
        (folder / f"{colour}_noise.wav").write_bytes(wav_bytes(samples, _SAMPLE_RATE_HZ))


def _speak_all(partial: Path, folder: Path, utterances: Sequence[Utterance], progress: Progress | None) -> None:
    starts = range(0, len(utterances), _JOB_CLIPS)
    jobs = [Job(str(partial), _SAMPLE_RATE_HZ, _CLIP_S, tuple(utterances[at : at + _JOB_CLIPS])) for at in starts]
    done = 0
    with ThreadPoolExecutor(min(8, usable_cores())) as pool:
        running = {pool.submit(speak_in_process, job, folder): job for job in jobs}
        try:
            for finished in as_completed(running):
                finished.result()
                done += len(running[finished].utterances)
                if progress is not None:
                    progress(done, len(utterances))
        except BaseException:
            for waiting in running:
                waiting.cancel()
            raise


def speak_in_process(job: Job, folder: Path) -> None:
    """Run one job in a fresh process and turn its complaint into the error it stands for; `folder` names the output."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    result = subprocess.run(
        [sys.executable, "-m", "kws_edge.corpus.espeak"],
        input=job.to_json(),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    complaint = (result.stderr.strip().splitlines() or ["no message"])[-1]
    if result.returncode == 2:
        raise CorpusError(complaint)
    if result.returncode == 3:
        raise StorageError(f"cannot write {folder}: {complaint}; choose another output or free the space")
    if result.returncode != 0:
        raise DependencyError(
            f"eSpeak NG failed (exit code {result.returncode}): {complaint}; reinstall it with "
            "pip install --force-reinstall espeakng-loader"
        )
