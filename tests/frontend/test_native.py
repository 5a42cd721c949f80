"""The compiled C equals the specification on every input, whole or in pieces."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from frontend_signals import adversarial_clips, special_clips
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kws_edge.errors import SettingsError
from kws_edge.frontend import Stream, features, float_features, native, reference_features
from kws_edge.spec import FeatureSpec

pytestmark = pytest.mark.skipif(not native.is_compiled(), reason=f"the C front end is not compiled; {native.INSTALL}")

SPECTROGRAM = FeatureSpec(kind="log_spectrogram", window_ms=20, window_stride_ms=10, preemphasis=0, scale=1 / 8)
SETTINGS = {
    "default": FeatureSpec(),
    "energy and deltas": FeatureSpec(append_energy=True, deltas=2, scale=0.5, zero_point=-7),
    "200 in 256": FeatureSpec(window_ms=25, window_function="hamming"),
    "320 points": FeatureSpec(window_ms=40, mel_bands=40, coefficients=20, deltas=1),
    "160 points": FeatureSpec(window_ms=20, window_stride_ms=10, mel_bands=10, coefficients=8, energy_floor=0),
    "512 points, rectangular": FeatureSpec(window_ms=30, fft_length=512, window_function="rectangular", preemphasis=0),
    "odd number of coefficients": FeatureSpec(mel_bands=23, coefficients=13, mel_lower_hz=300, mel_upper_hz=3400),
    "16 kHz, 640 points": FeatureSpec(sample_rate_hz=16000, window_ms=40, mel_bands=40, coefficients=13),
    "16 kHz, 1024 points": FeatureSpec(sample_rate_hz=16000, window_ms=40, fft_length=1024, preemphasis=0.95),
    "2048 points": FeatureSpec(fft_length=2048),
    "16 points": FeatureSpec(window_ms=2, window_stride_ms=2, mel_bands=4, coefficients=4),
    "empty filters": FeatureSpec(window_ms=10, mel_bands=40),
    "windows apart": FeatureSpec(window_ms=20, window_stride_ms=30),
    "spectrogram": SPECTROGRAM,
    "spectrogram of 256": FeatureSpec(kind="log_spectrogram", scale=0.2, zero_point=-60, energy_floor=0),
    "waveform": FeatureSpec(kind="waveform", scale=200.0, zero_point=5),
    "waveform, normalized": FeatureSpec(kind="waveform").normalized((12.5,), (3000.0,)),
}


def assert_equal(clips, spec):
    expected = reference_features(clips, spec)
    np.testing.assert_array_equal(features(clips, spec), expected)
    np.testing.assert_array_equal(features(clips, spec, lanes=False), expected)
    np.testing.assert_array_equal(features(clips, spec, lanes=True), expected)


@pytest.mark.parametrize("name", SETTINGS)
def test_equals_the_specification_on_special_signals(name):
    spec = SETTINGS[name]
    assert_equal(special_clips(spec.clip_samples), spec)


@pytest.mark.parametrize("name", SETTINGS)
def test_equals_the_specification_on_real_speech(name, speech_8khz, speech_16khz):
    spec = SETTINGS[name]
    assert_equal(speech_8khz if spec.sample_rate_hz == 8000 else speech_16khz, spec)


@pytest.mark.parametrize("name", SETTINGS)
def test_equals_the_specification_on_adversarial_frames(name):
    """1,000 to 1,600 frames for each of the settings; the slow test has 100,000."""
    spec = SETTINGS[name]
    assert_equal(adversarial_clips(20, spec.clip_samples, seed=len(name)), spec)


@pytest.mark.slow
def test_equals_the_specification_on_100000_adversarial_frames():
    for seed in range(21):
        clips = adversarial_clips(100, 8000, seed=1000 + seed)
        np.testing.assert_array_equal(features(clips, FeatureSpec()), reference_features(clips, FeatureSpec()))


def runs(samples: int) -> st.SearchStrategy[np.ndarray]:
    """Clips of long equal stretches with odd samples among them, which shrink well."""
    return arrays(np.int16, samples, elements=st.integers(-32768, 32767), fill=st.integers(-32768, 32767))


@settings(max_examples=150, deadline=None)
@given(clip=runs(1000), name=st.sampled_from(["default", "energy and deltas", "160 points", "spectrogram"]))
def test_equals_the_specification_on_whatever_hypothesis_finds(clip, name):
    assert_equal(clip[None], SETTINGS[name])


@settings(max_examples=60, deadline=None)
@given(
    window=st.integers(20, 40),
    stride=st.integers(10, 20),
    bands=st.integers(10, 40),
    coefficients=st.integers(8, 20),
    deltas=st.integers(0, 2),
    rate=st.sampled_from([8000, 16000]),
    energy=st.booleans(),
    lifter=st.integers(0, 30),
    preemphasis=st.floats(0, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_sensible_setting_works(
    window, stride, bands, coefficients, deltas, rate, energy, lifter, preemphasis, seed
):
    spec = FeatureSpec(
        sample_rate_hz=rate,
        window_ms=window,
        window_stride_ms=stride,
        mel_bands=bands,
        coefficients=min(bands, coefficients),
        deltas=deltas,
        append_energy=energy,
        cepstral_lifter=lifter,
        preemphasis=preemphasis,
        scale=1.5,
    )
    clips = adversarial_clips(5, rate // 4, seed)
    assert_equal(clips, spec)
    # quantized alike, the float reference is never far: 1 LSB here is 1.5 of a cepstrum whose range is 200
    reached = reference_features(clips, spec).astype(int)
    exact = np.clip(np.floor(float_features(clips, spec) / 1.5 + 0.5), -128, 127)
    near = np.abs(reached - exact) <= 1
    tone = 3
    assert np.delete(near, tone, axis=0).mean() > 0.99
    # the window's 16 bits spread a loud tone 98 dB below it over bands in which real numbers find nothing
    assert near[tone].mean() > 0.3 and np.abs(reached - exact).max() <= 12


@pytest.mark.parametrize("chunk", [1, 7, 160, 8000, None], ids=str)
@pytest.mark.parametrize("name", SETTINGS)
def test_a_stream_equals_the_whole_clip(name, chunk, speech_8khz, speech_16khz):
    spec = SETTINGS[name]
    clip = (speech_8khz if spec.sample_rate_hz == 8000 else speech_16khz)[3]
    stream, rng, position, rows = Stream(spec), np.random.default_rng(0), 0, []
    while position < len(clip):
        length = int(rng.integers(0, 700)) if chunk is None else chunk
        rows.append(stream.push(clip[position : position + length]))
        position += length
    np.testing.assert_array_equal(np.concatenate(rows), features(clip[None], spec)[0])


def test_two_streams_do_not_disturb_each_other(speech_8khz):
    spec = FeatureSpec(deltas=2)
    first, second = Stream(spec), Stream(spec)
    rows = [
        (first.push(a), second.push(b))
        for a, b in zip(*(clip.reshape(-1, 100) for clip in speech_8khz[:2]), strict=True)
    ]
    for index in range(2):
        expected = features(speech_8khz[index : index + 1], spec)[0]
        np.testing.assert_array_equal(np.concatenate([pair[index] for pair in rows]), expected)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_share_a_batch(threads, speech_8khz):
    clips = np.concatenate([speech_8khz] * 3)
    np.testing.assert_array_equal(
        features(clips, FeatureSpec(), threads=threads), reference_features(clips, FeatureSpec())
    )


def test_no_clips_make_no_features():
    assert features(np.zeros((0, 8000), np.int16), FeatureSpec()).shape == (0, 49, 10)


def test_without_a_compiler_the_specification_takes_over_and_says_so_once(monkeypatch, speech_8khz):
    clips = speech_8khz[:2]
    expected = features(clips, FeatureSpec())
    monkeypatch.setattr(native, "_native", None)
    native._warn_once.cache_clear()
    with pytest.warns(RuntimeWarning, match="not compiled"):
        np.testing.assert_array_equal(features(clips, FeatureSpec()), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features(clips, dataclasses.replace(FeatureSpec(), scale=1.0))


@pytest.mark.parametrize("compute", [features, reference_features, float_features])
def test_progress_ends_at_the_number_of_clips(compute):
    told: list[tuple[int, int]] = []
    compute(np.zeros((130, 300), np.int16), FeatureSpec(), progress=lambda *counts: told.append(counts))
    assert told[-1] == (130, 130)
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": (-3e9,) * 10, "std": (1.0,) * 10}, "2\\^31 steps"),
        ({"mean": (5e9,) * 10, "std": (1.0,) * 10}, "2\\^31 steps"),
        ({"scale": 1e-8, "cepstral_lifter": 0}, "2\\^31 steps"),
        ({"scale": 1.4e-6, "std": (0.0102,) * 10, "cepstral_lifter": 2, "mel_bands": 40}, "2\\^31 steps"),
        ({"sample_rate_hz": 48000, "clip_ms": 10000, "window_stride_ms": 2000.0}, "window_stride_ms"),
        ({"kind": "log_spectrogram", "clip_ms": 9000, "window_ms": 5000.0, "sample_rate_hz": 48000}, "262144 points"),
    ],
)
def test_what_32_bits_cannot_hold_is_refused_by_both(changes, message):
    spec = FeatureSpec(**changes)
    clips = np.zeros((1, spec.clip_samples), np.int16)
    for front_end in (features, reference_features):
        with pytest.raises(SettingsError, match=message):
            front_end(clips, spec)


@pytest.mark.parametrize("samples", [np.zeros(400, np.float32), np.zeros((2, 400), np.int16)])
def test_a_stream_refuses_what_features_refuses(samples):
    with pytest.raises(SettingsError, match="int16"):
        Stream(FeatureSpec()).push(samples)


def test_a_stream_takes_nothing_too():
    assert Stream(FeatureSpec()).push(np.zeros(0, np.int16)).shape == (0, 10)
