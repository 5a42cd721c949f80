"""Small corpora, and a folder that refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile

CorpusMaker = Callable[..., Path]


def tone(frequency_hz: float, seconds: float = 1.0, sample_rate_hz: int = 8000, peak: float = 0.5) -> np.ndarray:
    """A sine as float64[samples] in +-1."""
    return peak * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz)


@pytest.fixture
def make_corpus(tmp_path: Path) -> CorpusMaker:
    """`make_corpus({"yes": ["anna_1.wav", ...]}, name="data")` writes a one-second tone of its own into each file."""

    def make(words: Mapping[str, list[str]], *, name: str = "data", background: bool = True) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        number = 0
        for word, files in words.items():
            for file in files:
                path = folder / word / file
                path.parent.mkdir(parents=True, exist_ok=True)
                subtype = "VORBIS" if path.suffix == ".ogg" else "PCM_16"
                soundfile.write(path, tone(200 + 7 * number), 8000, subtype=subtype)
                number += 1
        if background:
            (folder / "_background_noise_").mkdir()
            noise = np.random.default_rng(0).normal(0, 0.1, 8000 * 30)
            soundfile.write(folder / "_background_noise_" / "hiss.wav", noise, 8000, subtype="PCM_16")
        return folder

    return make


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """A folder that nobody can make, not even root: its parent is a file."""
    parent = tmp_path / "a-file"
    parent.write_text("in the way")
    return parent / "cache"
