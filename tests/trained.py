"""A small bundle, really trained: tones for words, a narrow ds_cnn, quantization-aware training and all."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import soundfile

from kws_edge.bundle import Bundle
from kws_edge.corpus import Corpus, load_corpus
from kws_edge.spec import (
    AugmentationSettings,
    CorpusSettings,
    DetectionSettings,
    FeatureSpec,
    ModelSettings,
    TrainingSettings,
)
from kws_edge.training.request import TrainingRequest

SETTINGS = CorpusSettings(keywords=("low", "middle", "high"), silence_share=0.3, unknown_share=0.5)
_SAMPLE_RATE_HZ = 8000
_SPEAKERS = 60
# pitch in Hz
_WORDS = {"low": 300, "middle": 900, "high": 2700, "other": 1600}


def write_tones(folder: Path) -> Path:
    """A corpus of noisy tones in the layout of Speech Commands; each speaker with a voice of its own."""
    rng = np.random.default_rng(5)
    samples = _SAMPLE_RATE_HZ
    for word, pitch_hz in _WORDS.items():
        (folder / word).mkdir(parents=True)
        for speaker in range(_SPEAKERS):
            voice = rng.uniform(0.85, 1.18)
            phase = 2 * math.pi * pitch_hz * voice * np.arange(samples) / samples
            clip = rng.uniform(2000, 6000) * np.sin(phase) + rng.normal(size=samples) * rng.uniform(100, 500)
            soundfile.write(folder / word / f"{speaker:08x}_nohash_0.wav", clip.astype(np.int16), samples)
    background = folder / "_background_noise_"
    background.mkdir()
    soundfile.write(background / "hiss.wav", (rng.normal(size=20 * samples) * 500).astype(np.int16), samples)
    return folder


def load_tones(folder: Path, cache: Path) -> Corpus:
    """The corpus that `write_tones` wrote."""
    spec = FeatureSpec()
    return load_corpus(
        folder, SETTINGS, sample_rate_hz=spec.sample_rate_hz, clip_samples=spec.clip_samples, cache_dir=cache
    )


def request_for_tones() -> TrainingRequest:
    """A ds_cnn with 16 channels and 2 blocks, long enough for its outputs to vary with its inputs."""
    return TrainingRequest(
        features=FeatureSpec(),
        corpus=SETTINGS,
        augmentation=AugmentationSettings(),
        training=TrainingSettings(epochs=12, qat_epochs=4, batch_size=20, weight_average=0.9, seed=1),
        model=ModelSettings(arch="ds_cnn", options={"width": 16, "blocks": 2}),
        # a tone lasts for the whole clip, so little counting tells it
        detection=DetectionSettings(smoothing_window=3, threshold=0.75, minimum_count=2, refractory_ms=1000),
        quantization_aware=True,
        command="tests/trained.py",
    )


def train_on_tones(corpus: Corpus, output: Path) -> Bundle:
    """The bundle that `request_for_tones` asks for."""
    from kws_edge.training.pipeline import train

    return train(corpus, request_for_tones(), output)


def with_a_reversed_kernel(model: bytes) -> bytes:
    """`model` with its largest kernel back to front: still a model, no longer a good one."""
    from ai_edge_litert import schema_py_generated as schema

    buffers = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0)).buffers
    kernel = max((buffer.data for buffer in buffers if buffer.data is not None), key=len).tobytes()
    assert model.count(kernel) == 1
    return model.replace(kernel, kernel[::-1])
