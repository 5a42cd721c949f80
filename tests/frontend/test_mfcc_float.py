"""The float reference is python_speech_features' MFCC, and its quantization rounds and clips."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from kws_edge.errors import SettingsError
from kws_edge.frontend import float_features, quantize
from kws_edge.spec import FeatureSpec

WINDOWS = {"hann": np.hanning, "hamming": np.hamming, "rectangular": np.ones}

# energy_floor = 0 is that library's own rule, so the comparison is with it
SETTINGS = [
    FeatureSpec(energy_floor=0),
    FeatureSpec(energy_floor=0, append_energy=True),
    FeatureSpec(energy_floor=0, cepstral_lifter=0, window_function="hamming"),
    FeatureSpec(energy_floor=0, window_ms=25, fft_length=256, window_function="rectangular", preemphasis=0),
    FeatureSpec(energy_floor=0, window_ms=25, window_stride_ms=10, fft_length=512, mel_bands=40, coefficients=20),
    FeatureSpec(energy_floor=0, window_ms=20, mel_lower_hz=300, mel_upper_hz=3400, mel_bands=20, coefficients=13),
    FeatureSpec(energy_floor=0, sample_rate_hz=16000, window_ms=40, mel_bands=40, coefficients=13),
]


def by_python_speech_features(clip: NDArray[np.int16], spec: FeatureSpec) -> NDArray[np.float64]:
    import python_speech_features

    return python_speech_features.mfcc(
        clip,
        spec.sample_rate_hz,
        winlen=spec.window_ms / 1000,
        winstep=spec.window_stride_ms / 1000,
        numcep=spec.coefficients,
        nfilt=spec.mel_bands,
        nfft=spec.transform_length,
        lowfreq=spec.mel_lower_hz,
        highfreq=spec.mel_upper_edge_hz,
        preemph=spec.preemphasis,
        ceplifter=spec.cepstral_lifter,
        appendEnergy=spec.append_energy,
        winfunc=WINDOWS[spec.window_function],
    )[: spec.frames]


@pytest.mark.parametrize("spec", SETTINGS, ids=lambda spec: f"{spec.window_ms}ms-{spec.window_function}")
def test_equals_python_speech_features_on_real_clips(spec, speech_8khz, speech_16khz, package):
    package("python_speech_features", "pip install python_speech_features")
    clips = speech_8khz if spec.sample_rate_hz == 8000 else speech_16khz
    ours = float_features(clips, spec)
    assert ours.shape == (len(clips), *spec.shape)
    # a float32 of 100 has steps of 8e-6, so 1e-4 is left to the arithmetic
    theirs = np.stack([by_python_speech_features(clip, spec) for clip in clips])
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)


def test_normalization_is_mean_then_std(speech_8khz):
    plain = FeatureSpec()
    mean, std = tuple(float(c) for c in range(10)), tuple(1.0 + c for c in range(10))
    expected = (float_features(speech_8khz, plain) - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(float_features(speech_8khz, plain.normalized(mean, std)), expected, atol=1e-5)


def test_deltas_are_a_causal_regression(speech_8khz):
    spec = FeatureSpec(deltas=2)
    rows = float_features(speech_8khz, spec).astype(np.float64)
    c, d, dd = rows[..., :10], rows[..., 10:20], rows[..., 20:]
    np.testing.assert_allclose(d[:, 10], (2 * c[:, 10] + c[:, 9] - c[:, 7] - 2 * c[:, 6]) / 10, atol=1e-4)
    np.testing.assert_allclose(dd[:, 10], (2 * d[:, 10] + d[:, 9] - d[:, 7] - 2 * d[:, 6]) / 10, atol=1e-4)
    np.testing.assert_allclose(d[:, 0], 0, atol=1e-12)
    np.testing.assert_allclose(d[:, 1], 2 * (c[:, 1] - c[:, 0]) / 10, atol=1e-4)


def test_digital_silence_gives_the_floor():
    spec = FeatureSpec(append_energy=True, energy_floor=np.e)
    silent = float_features(np.zeros((1, 8000), np.int16), spec)
    np.testing.assert_allclose(silent[0, :, 0], 1, atol=1e-6)
    np.testing.assert_allclose(silent[0, :, 1:], 0, atol=1e-5)


def test_quantize_rounds_half_up_and_clips():
    spec = FeatureSpec(scale=0.5, zero_point=-3)
    values = np.array([0.0, 0.24, 0.25, -0.25, -0.26, 1e9, -1e9], np.float32)
    assert quantize(values, spec).tolist() == [-3, -3, -2, -3, -4, 127, -128]


def test_log_spectrogram_of_a_sine_at_a_bin_centre():
    spec = FeatureSpec(kind="log_spectrogram", window_ms=20, window_stride_ms=10, preemphasis=0, window_function="hann")
    assert spec.transform_length == 160
    sine = np.round(10000 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)).astype(np.int16)
    rows = float_features(sine[None], spec)
    assert rows.shape == (1, 99, 81)
    # a symmetric hann window of N samples sums to (N - 1) / 2
    expected = np.log((10000 / 2 * 159 / 2) ** 2 / 160)
    np.testing.assert_allclose(rows[0, :, 20], expected, atol=1e-3)
    assert (rows[0].argmax(axis=1) == 20).all()


def test_waveform_is_the_samples(speech_8khz):
    spec = FeatureSpec(kind="waveform", scale=256.0)
    np.testing.assert_array_equal(float_features(speech_8khz, spec)[..., 0], speech_8khz)


@pytest.mark.parametrize(
    "clips",
    [np.zeros(8000, np.int16), np.zeros((2, 8000), np.float32), np.zeros((2, 255), np.int16)],
    ids=["one dimension", "float", "shorter than a window"],
)
def test_wrong_clips_are_refused(clips):
    with pytest.raises(SettingsError, match="clips"):
        float_features(clips, dataclasses.replace(FeatureSpec()))
