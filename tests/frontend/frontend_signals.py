"""What the front end's tests listen to: real clips, and signals at the corners of the arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray


def decode(path: Path, sample_rate_hz: int) -> NDArray[np.int16]:
    """One second of a recording at `sample_rate_hz`, int16, padded with zeros."""
    samples, rate = soundfile.read(path, dtype="float32")
    resampled = np.asarray(soxr.resample(samples, rate, sample_rate_hz), np.float64)
    clip = np.clip(np.floor(resampled * 32768 + 0.5), -32768, 32767).astype(np.int16)[:sample_rate_hz]
    return np.pad(clip, (0, sample_rate_hz - len(clip)))


def decode_some(folder: Path, sample_rate_hz: int, count: int) -> NDArray[np.int16]:
    """`count` clips spread over all words, int16[count, sample_rate_hz]."""
    paths = sorted(path for path in folder.glob("*/*.*") if "_nohash_" in path.name)
    step = max(len(paths) // count, 1)
    return np.stack([decode(path, sample_rate_hz) for path in paths[::step][:count]])


def special_clips(samples: int = 8000) -> NDArray[np.int16]:
    """int16[n, samples]: signals at the corners of the arithmetic."""
    t = np.arange(samples)
    impulse = np.where(t == samples // 2, 32767, 0)
    square = np.where(t // 40 % 2, -32768, 32767)
    centre = [np.round(32767 * np.sin(2 * np.pi * bin_ * t / 256)) for bin_ in (1, 20, 64, 127)]
    edge = [np.round(32767 * np.sin(2 * np.pi * (bin_ + 0.5) * t / 256)) for bin_ in (0, 20, 127)]
    alternating = np.where(t % 2, -32768, 32767)
    signals = [
        0 * t,
        *(0 * t + level for level in (1, -1, 1000, 32767, -32768)),
        impulse,
        -impulse - 1,
        square,
        *centre,
        *edge,
        alternating,
        -1 - alternating,
        np.where(t < samples // 2, alternating, 0),
        t % 2,
    ]
    return np.stack(signals).astype(np.int16)


def adversarial_clips(count: int, samples: int, seed: int) -> NDArray[np.int16]:
    """int16[count, samples]: noise of every loudness, random extremes, sparse pulses, clipped tones, bursts."""
    rng = np.random.default_rng(seed)
    clips = np.empty((count, samples), np.int16)
    for index in range(count):
        kind = index % 5
        if kind == 0:
            clip = rng.normal(0, 2.0 ** rng.uniform(-2, 16), samples)
        elif kind == 1:
            clip = rng.choice([-32768, 32767, 0], samples, p=rng.dirichlet((1, 1, 1)))
        elif kind == 2:
            clip = np.where(rng.random(samples) < 0.01, rng.integers(-32768, 32768, samples), 0)
        elif kind == 3:
            clip = 2.0 ** rng.uniform(0, 20) * np.sin(rng.uniform(0, np.pi) * np.arange(samples) + rng.uniform(0, 6))
        else:
            clip = rng.integers(-32768, 32768, samples) * (np.arange(samples) // 300 % 2)
        clips[index] = np.clip(np.round(clip), -32768, 32767)
    return clips
