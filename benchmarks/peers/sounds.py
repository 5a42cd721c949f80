"""What every front end is given to hear, and how far its integers are from a float reference."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from kws_edge.spec import KEYWORDS, FeatureSpec

SPEC = FeatureSpec()
CLIPS = 10
SHARED = Path(__file__).parents[3] / "shared" / "data" / "speech_commands"

Float = npt.NDArray[np.float64]
Audio = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Sounds:
    """Clips in sets of `CLIPS`, with sound in every window."""

    # name of the set to int16[CLIPS, 8000]
    sets: Mapping[str, Audio]

    @property
    def clips(self) -> Audio:
        """All sets, one after the other: int16[sets * CLIPS, 8000]."""
        return np.concatenate(list(self.sets.values()))


def sounds() -> Sounds:
    """Speech as recorded, the same at full scale, and loud white noise.

    Speech is one whole-second recording of each keyword where real speech is (KWS_EDGE_DATA); without it harmonics of a
    gliding pitch under syllables, over noise. Full scale is what an ideal gain control would deliver. The noise fills
    every mel band, which is the kindest input to a fixed-point format.
    """
    rng = np.random.default_rng(0)
    folder = Path(os.environ.get("KWS_EDGE_DATA", SHARED))
    found = [clip for word in KEYWORDS if (clip := _first_whole_second(folder / word)) is not None]
    name, speech = ("speech", np.stack(found)) if len(found) == CLIPS else ("synthesized voice", _voices(rng))
    peaks = np.abs(speech.astype(np.float64)).max(axis=1, keepdims=True)
    return Sounds(
        {
            f"{name} as recorded": speech,
            f"{name} at full scale": np.rint(speech * (32767 / peaks)).astype(np.int16),
            "loud white noise": _int16(rng.normal(0, 6000, speech.shape)),
        }
    )


def _int16(values: Float) -> Audio:
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)


def _first_whole_second(folder: Path) -> Audio | None:
    for path in sorted(folder.glob("*.flac")) + sorted(folder.glob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if len(samples) < rate:
            continue
        clip = _int16(32768.0 * soxr.resample(samples[:rate].mean(axis=1), rate, SPEC.sample_rate_hz))
        if frames_of(clip[None, : SPEC.clip_samples]).any(axis=1).all():
            return clip[: SPEC.clip_samples]
    return None


def _voices(rng: np.random.Generator) -> Audio:
    time = np.arange(SPEC.clip_samples) / SPEC.sample_rate_hz
    voices = []
    for index in range(CLIPS):
        pitch = 2 * np.pi * np.cumsum(90 + 12 * index + 30 * np.sin(2 * np.pi * time)) / SPEC.sample_rate_hz
        voice = np.sum([np.sin(k * pitch) / k for k in range(1, 12)], axis=0)
        syllables = np.clip(np.sin(2 * np.pi * (1.5 + index / 4) * time), 0, None) ** 2
        voices.append(3000 * syllables * voice + rng.normal(0, 30, time.size))
    return _int16(np.stack(voices))


def frames_of(clips: Audio) -> Audio:
    """Windows of all clips, in order: int16[n, 8000] -> int16[n * 49, 256]."""
    starts = np.arange(SPEC.frames) * SPEC.stride_samples
    return clips[:, starts[:, None] + np.arange(SPEC.window_samples)].reshape(-1, SPEC.window_samples)


@dataclass(frozen=True, kw_only=True)
class Error:
    """How far a front end's integers are from their float reference."""

    # largest, 99th percentile and root of the mean square difference, in units of the natural logarithm
    largest: float
    percentile99: float
    rms: float
    # power of the reference about its column means (a constant carries no information) over power of the difference
    snr_db: float


def error_of(values: npt.ArrayLike, reference: npt.ArrayLike) -> Error:
    """Error of `values` against `reference`, both [rows, columns] in the same unit."""
    truth = np.asarray(reference, np.float64)
    difference = np.asarray(values, np.float64) - truth
    signal = np.mean((truth - truth.mean(axis=0)) ** 2)
    noise = float(np.mean(difference**2))
    return Error(
        largest=float(np.abs(difference).max()),
        percentile99=float(np.percentile(np.abs(difference), 99)),
        rms=noise**0.5,
        snr_db=float(10 * np.log10(signal / noise)) if noise else float("inf"),
    )


def errors_of(given: Sounds, values: npt.ArrayLike, reference: npt.ArrayLike) -> Mapping[str, Error]:
    """Error in every set; `values` and `reference` are [sets * CLIPS * 49, columns], the rows of `given.clips`."""
    parts = len(given.sets)
    pairs = zip(np.split(np.asarray(values), parts), np.split(np.asarray(reference), parts), strict=True)
    return {name: error_of(*pair) for name, pair in zip(given.sets, pairs, strict=True)}
