"""Speak words with eSpeak NG, in a process of its own: `python -m kws_edge.corpus.espeak < job.json` writes the clips.

Its own process for two reasons: the library keeps state from word to word, so only a fresh one gives the same samples
for the same job; and eSpeak NG is GPL-3, which an optional program beside ours may be.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from kws_edge.corpus.audio import wav_bytes
from kws_edge.errors import CorpusError, DependencyError

# English as spoken in eight places; the library's names, the first of them British
ACCENTS = (
    "en",
    "en-029",
    "en-gb-scotland",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-gb-x-rp",
    "en-us",
    "en-us-nyc",
)

# Variants that are meant to sound like machines or monsters.
_INHUMAN = ("robo", "robot", "demonic", "tweaky", "croak")

# From speak_lib.h of eSpeak NG 1.52: the output mode, the character encoding and the parameters that are set here.
_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_FASTEST_WPM = 450

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Utterance:
    """One clip to be spoken and how it lies in its file."""

    # path of the WAV below the job's folder
    name: str
    text: str
    # the library's voice name, accent+variant
    voice: str
    # words a minute, 80 to 450; sped up where the word would not fit
    rate_wpm: int
    # 0 to 100, the library's scales: height of the voice and how far it moves
    pitch: int
    pitch_range: int
    # 0 to 1: where the word lies in the part of the clip that it leaves free
    position: float
    # peak of the word and root mean square of the white noise under the whole clip, dB of full scale
    peak_dbfs: float
    floor_dbfs: float
    # of the noise, and of the breath in the voice
    seed: int


@dataclass(frozen=True)
class Job:
    """Clips that one process speaks, in order."""

    folder: str
    sample_rate_hz: int
    # length of each file; a word that is longer even when spoken fast makes a longer file
    clip_s: float
    utterances: tuple[Utterance, ...]

    def to_json(self) -> str:
        """This job as `read_job` takes it."""
        return json.dumps(asdict(self))


def read_job(text: str) -> Job:
    """The job that `Job.to_json` wrote."""
    fields = json.loads(text)
    return Job(**(fields | {"utterances": tuple(Utterance(**item) for item in fields["utterances"])}))


def _loader() -> Any:
    try:
        import espeakng_loader
    except ImportError as error:
        raise DependencyError("speech synthesis needs eSpeak NG: pip install 'kws-edge[synth]'") from error
    return espeakng_loader


def library_version() -> str:
    """Version of the package that brings the library; DependencyError when it is not installed."""
    from importlib.metadata import version

    _loader()
    return version("espeakng-loader")


def variants() -> tuple[str, ...]:
    """Names of the library's human voices, sorted; each is one speaker whatever the accent."""
    names = (path.name for path in Path(_loader().get_data_path(), "voices", "!v").iterdir())
    return tuple(sorted(name for name in names if not any(word in name.casefold() for word in _INHUMAN)))


class Espeak:
    """The library, initialized. It keeps its state for the process: make one."""

    def __init__(self) -> None:
        loader = _loader()
        self._library = ctypes.CDLL(loader.get_library_path())
        self._libc = ctypes.CDLL(None)
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(loader.get_data_path()).encode(), _DO_NOT_EXIT)
        if rate <= 0:
            raise DependencyError(
                "eSpeak NG did not start: reinstall it with pip install --force-reinstall espeakng-loader"
            )
        # samples per second of what `speak` returns
        self.sample_rate_hz = int(rate)
        self._pieces: list[npt.NDArray[np.int16]] = []
        self._callback = _Callback(self._receive)  # the library holds a bare pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, utterance: Utterance, rate_wpm: int) -> npt.NDArray[np.float32]:
        """The word as float32[samples] in +-1, without the silence around it; CorpusError when nothing is heard."""
        if self._library.espeak_SetVoiceByName(utterance.voice.encode()) != 0:
            raise CorpusError(f"eSpeak NG has no voice {utterance.voice}")
        for parameter, value in ((_RATE, rate_wpm), (_PITCH, utterance.pitch), (_RANGE, utterance.pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        # breath is random from the library's own generator, echo and jitter from the C library's
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(utterance.seed))
        self._libc.srand(ctypes.c_uint(utterance.seed))
        self._pieces.clear()
        text = utterance.text.encode() + b"\0"
        self._library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, _UTF8, None, None)
        samples = np.concatenate([np.zeros(0, np.int16), *self._pieces]).astype(np.float32)
        samples *= np.float32(1 / 32768)
        heard = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max(initial=0))
        if len(heard) == 0:
            raise CorpusError(f"eSpeak NG says nothing for {utterance.text!r}; choose a word of letters")
        word: npt.NDArray[np.float32] = samples[heard[0] : heard[-1] + 1]
        return word

    def _receive(self, samples: Any, count: int, _events: Any) -> int:
        if count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


def render(espeak: Espeak, utterance: Utterance, sample_rate_hz: int, clip_s: float) -> npt.NDArray[np.int16]:
    """One utterance as int16[samples] at `sample_rate_hz`, placed in a clip of `clip_s` seconds over faint noise."""
    room = clip_s * espeak.sample_rate_hz
    rate_wpm = utterance.rate_wpm
    word = espeak.speak(utterance, rate_wpm)
    while len(word) > 0.95 * room and rate_wpm < _FASTEST_WPM:
        rate_wpm = min(_FASTEST_WPM, int(rate_wpm * max(1.1, len(word) / (0.9 * room))))
        word = espeak.speak(utterance, rate_wpm)
    word = soxr.resample(word, espeak.sample_rate_hz, sample_rate_hz, quality="HQ")
    clip_samples = max(round(clip_s * sample_rate_hz), len(word))
    rng = np.random.default_rng(utterance.seed)
    clip = rng.standard_normal(clip_samples, np.float32) * np.float32(10 ** (utterance.floor_dbfs / 20))
    start = int(utterance.position * (clip_samples - len(word)))
    clip[start : start + len(word)] += word * np.float32(10 ** (utterance.peak_dbfs / 20) / np.abs(word).max())
    quantized: npt.NDArray[np.int16] = np.clip(np.rint(clip * 32768), -32768, 32767).astype(np.int16)
    return quantized


def run_job(job: Job) -> None:
    """Speak and write every clip of `job`. OSError when the file system refuses."""
    espeak = Espeak()
    for utterance in job.utterances:
        clip = render(espeak, utterance, job.sample_rate_hz, job.clip_s)
        Path(job.folder, utterance.name).write_bytes(wav_bytes(clip, job.sample_rate_hz))


def _main(arguments: Sequence[str]) -> int:
    if arguments:
        print("usage: python -m kws_edge.corpus.espeak < job.json", file=sys.stderr)
        return 2
    try:
        run_job(read_job(sys.stdin.read()))
    except (CorpusError, DependencyError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(error.strerror or error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
