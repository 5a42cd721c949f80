"""Write the golden vectors of the front end anew: one text file per stage, computed by the specification.

    python tests/golden/make_golden.py

Python, C and firmware tests read them. Run it after a change of the specification that is meant, and look at the diff.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_edge.frontend.mfcc_fixed import floored_log2, log16, mel_energies, reference_features, windowed
from kws_edge.frontend.tables import frontend_tables
from kws_edge.frontend.transform_fixed import real_transform
from kws_edge.spec import FeatureSpec

FOLDER = Path(__file__).parent
SAMPLES = 1600
VALUES_PER_LINE = 16

# statistics of real speech, rounded
MEAN = (38.2, -8.8, -7.5, -7.5, -7.0, -3.3, -3.6, -3.1, -6.7, -3.4)
STD = (21.8, 14.5, 16.6, 16.6, 17.9, 15.6, 16.5, 16.1, 16.9, 15.7)
MFCC = FeatureSpec().normalized(MEAN, STD)
DELTAS = FeatureSpec(
    window_ms=25, mel_bands=20, coefficients=8, deltas=2, append_energy=True, scale=0.5, zero_point=-12
)
SPECTROGRAM = FeatureSpec(
    kind="log_spectrogram", window_ms=20, window_stride_ms=10, preemphasis=0, scale=1 / 8, zero_point=-100
)
WAVEFORM = FeatureSpec(kind="waveform", scale=256.0)


def golden_samples() -> NDArray[np.int16]:
    """0.2 s that visit every corner: silence, noise of one bit, a rising tone, an impulse, full scale of both signs."""
    noise = np.frombuffer(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64)), np.int16)[:800] // 8
    t = np.arange(400)
    tone = np.round(9000 * np.sin(np.pi * t * t / 1000)).astype(np.int64)
    extremes = np.where(np.arange(120) % 2, -32768, 32767)
    parts = [np.zeros(100), t[:60] % 2, noise[:400], tone, np.zeros(100), [32767], np.zeros(99), extremes, noise[400:]]
    return np.concatenate(parts)[:SAMPLES].astype(np.int16)


def stages() -> dict[str, tuple[str, NDArray[np.generic]]]:
    """Name of each file to what it holds, and the values."""
    samples = golden_samples()
    clips = samples[None]
    tables = frontend_tables(MFCC)
    assert tables.spectrum is not None and tables.logarithm is not None
    frames = windowed(clips, tables)[0]
    re, im = real_transform(frames, tables.spectrum.plan)
    energies = mel_energies(re, im, tables)
    logs = floored_log2(energies, tables.spectrum, tables.logarithm)
    return {
        "samples": ("int16 samples at 8 kHz", samples),
        "windowed": ("int32 frames after pre-emphasis and window", frames),
        "power": ("int64 squared magnitudes of the transform's bins", re * re + im * im),
        "mel_energies": ("int64 energies of the mel bands", energies),
        "log2": ("int32 base 2 logarithms of the energies, Q20", logs),
        "log16": ("int16 logarithms that enter the cepstrum", log16(logs, tables.logarithm)),
        "mfcc": ("int8 features of MFCC", reference_features(clips, MFCC)[0]),
        "mfcc_deltas": ("int8 features of DELTAS", reference_features(clips, DELTAS)[0]),
        "log_spectrogram": ("int8 features of SPECTROGRAM", reference_features(clips, SPECTROGRAM)[0]),
        "waveform": ("int8 features of WAVEFORM", reference_features(clips, WAVEFORM)[0]),
    }


def rendered() -> dict[str, str]:
    """File name to text: a comment, the shape, then the values in rows."""
    files = {}
    for name, (what, values) in stages().items():
        flat = [str(value) for value in values.ravel().tolist()]
        lines = [" ".join(flat[start : start + VALUES_PER_LINE]) for start in range(0, len(flat), VALUES_PER_LINE)]
        shape = " ".join(map(str, values.shape))
        files[f"frontend_{name}.txt"] = "\n".join([f"# {what}; made by make_golden.py", shape, *lines, ""])
    return files


def read_golden(name: str) -> NDArray[np.int64]:
    """The values of ``frontend_{name}.txt``."""
    lines = (FOLDER / f"frontend_{name}.txt").read_text().splitlines()
    shape = tuple(map(int, lines[1].split()))
    return np.array(" ".join(lines[2:]).split(), np.int64).reshape(shape)


if __name__ == "__main__":
    for file_name, text in rendered().items():
        (FOLDER / file_name).write_text(text)
        print(f"{file_name}: {len(text)} B")
