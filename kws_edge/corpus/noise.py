"""Background for clips: random crops of recordings, and synthetic noise in five colours.

A colour is named by the slope of its power spectral density: white 0, pink -3, blue +3, brown -6, violet +6 dB per
octave, that is, power proportional to ``f^0, f^-1, f^1, f^-2, f^2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from kws_edge.corpus.audio import Samples

Colour = Literal["white", "pink", "blue", "brown", "violet"]

# exponent e of the power spectral density, f^e; 10 * log10(2^e) is the slope in dB per octave
POWER_EXPONENTS: dict[Colour, int] = {"white": 0, "pink": -1, "blue": 1, "brown": -2, "violet": 2}
COLOURS: tuple[Colour, ...] = tuple(POWER_EXPONENTS)

# Below this a colour keeps its level: falling colours would else put nearly all their power where nothing is heard.
FLAT_BELOW_HZ = 20.0
# Root mean square of synthetic noise at int16 scale, -20 dB of full scale: peaks stay clear of clipping.
SYNTHETIC_RMS = 3277.0
SYNTHETIC_SECONDS = 20

# Gain of a silence clip against the recording that it is cut from, in dB: from as loud as recorded to inaudible.
_SILENCE_GAIN_DB = (-40.0, 0.0)


def coloured_noise(
    colour: Colour, samples: int, sample_rate_hz: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Noise of one colour as float32[samples] with mean 0 and root mean square 1.

    White Gaussian noise is shaped in the frequency domain by ``f^(e/2)``, so the result is periodic: its end joins its
    start.
    """
    if samples < 2:
        raise ValueError(f"samples = {samples}; noise of a colour needs 2 or more")
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency_hz = np.fft.rfftfreq(samples, 1 / sample_rate_hz)
    spectrum *= np.maximum(frequency_hz, FLAT_BELOW_HZ) ** (POWER_EXPONENTS[colour] / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, samples)
    shaped: npt.NDArray[np.float32] = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return shaped


@dataclass(frozen=True)
class NoiseBank:
    """Recordings to draw background from, end to end in one array."""

    # int16[total]
    samples: Samples
    # samples of each recording; they sum to total
    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.lengths or sum(self.lengths) != len(self.samples) or min(self.lengths) < 1:
            raise ValueError(f"lengths {self.lengths} do not make up {len(self.samples)} samples")

    @classmethod
    def of(cls, recordings: Sequence[Samples]) -> NoiseBank:
        """A bank of `recordings`, each int16[samples] with at least one sample."""
        return cls(np.concatenate([np.asarray(r, np.int16) for r in recordings]), tuple(len(r) for r in recordings))

    def crops(self, count: int, samples: int, rng: np.random.Generator) -> Samples:
        """Random stretches as int16[count, samples]; every position in every recording is equally likely.

        Recordings shorter than `samples` are left out, unless all are: then the bank, end to end, is repeated to fill a
        crop.
        """
        lengths = np.asarray(self.lengths)
        positions = np.maximum(lengths - samples + 1, 0)
        if positions.sum() == 0:
            repeated = np.resize(self.samples, max(samples, len(self.samples)))
            return NoiseBank(repeated, (len(repeated),)).crops(count, samples, rng)
        ends = np.cumsum(positions)
        drawn = rng.integers(0, ends[-1], count)
        recording = np.searchsorted(ends, drawn, side="right")
        starts = (np.cumsum(lengths) - lengths)[recording] + drawn - (ends - positions)[recording]
        crops: Samples = sliding_window_view(self.samples, samples)[starts]
        return crops


@lru_cache(maxsize=8)
def synthetic_bank(sample_rate_hz: int, seed: int = 0) -> NoiseBank:
    """Twenty seconds of each colour at -20 dB of full scale, the same for the same arguments."""
    rng = np.random.default_rng([seed, sample_rate_hz])
    recordings = [
        coloured_noise(colour, SYNTHETIC_SECONDS * sample_rate_hz, sample_rate_hz, rng) * SYNTHETIC_RMS
        for colour in COLOURS
    ]
    return NoiseBank.of([np.clip(np.rint(noise), -32768, 32767).astype(np.int16) for noise in recordings])


def background_clips(count: int, samples: int, bank: NoiseBank, rng: np.random.Generator) -> Samples:
    """int16[count, samples]: crops of `bank` at random gains, from as loud as recorded to 40 dB below."""
    crops = bank.crops(count, samples, rng)
    gain = (10 ** (rng.uniform(*_SILENCE_GAIN_DB, count) / 20)).astype(np.float32)
    clips: Samples = np.rint(crops * gain[:, None]).astype(np.int16)
    return clips


def split_in_time(recordings: Sequence[Samples], clip_samples: int) -> tuple[NoiseBank, NoiseBank, NoiseBank] | None:
    """Banks for training, validation and test: the first 80 %, the next 10 % and the last 10 % of every recording.

    No moment is in two of them. Recordings under twenty clips are joined first, as a tenth of each would be too short
    to draw from. None when there is nothing to share out.
    """
    long = [np.asarray(r, np.int16) for r in recordings if len(r) >= 20 * clip_samples]
    short = [np.asarray(r, np.int16) for r in recordings if 0 < len(r) < 20 * clip_samples]
    if short:
        long.append(np.concatenate(short))
    long = [r for r in long if len(r) >= 10]
    if not long:
        return None
    cuts = [(len(r) * 8 // 10, len(r) * 9 // 10) for r in long]
    return (
        NoiseBank.of([r[:a] for r, (a, _) in zip(long, cuts, strict=True)]),
        NoiseBank.of([r[a:b] for r, (a, b) in zip(long, cuts, strict=True)]),
        NoiseBank.of([r[b:] for r, (_, b) in zip(long, cuts, strict=True)]),
    )
