"""Real clips for the front end's tests, decoded once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
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


@pytest.fixture(scope="session")
def speech_8khz(speech_commands: Path) -> NDArray[np.int16]:
    """int16[60, 8000] of real speech."""
    return decode_some(speech_commands, 8000, 60)


@pytest.fixture(scope="session")
def speech_16khz(speech_commands: Path) -> NDArray[np.int16]:
    """int16[20, 16000] of real speech."""
    return decode_some(speech_commands, 16000, 20)
