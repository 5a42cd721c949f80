"""Settings survive TOML, and whatever is wrong with them is one message that names the place and the way out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kws_edge.errors import SettingsError
from kws_edge.settings import from_mapping, parse_toml, read_toml, to_toml
from kws_edge.spec import (
    AugmentationSettings,
    CorpusSettings,
    DetectionSettings,
    FeatureSpec,
    ModelSettings,
    TrainingSettings,
)

CHANGED = {
    "features": FeatureSpec(
        mel_bands=30, coefficients=12, mean=(0.5,) * 12, std=(2.0,) * 12, scale=0.25, zero_point=-3
    ),
    "corpus": CorpusSettings(keywords=("a", "b"), unknown_share=0.5),
    "augmentation": AugmentationSettings(speed=0.2),
    "training": TrainingSettings(seed=7, learned_ranges=False),
    "model": ModelSettings(arch="ds_cnn", options={"width": 32}),
    "detection": DetectionSettings(threshold=0.5),
}


@pytest.mark.parametrize("name", CHANGED)
def test_settings_come_back_from_toml(name, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(to_toml(**{name: CHANGED[name]}))
    assert from_mapping(type(CHANGED[name]), read_toml(path)[name], source="x") == CHANGED[name]


@pytest.mark.parametrize(
    ("cls", "toml", "message"),
    [
        (FeatureSpec, "windw_ms = 32", r"my\.toml \[t\]: unknown key 'windw_ms'; did you mean 'window_ms'"),
        (FeatureSpec, "window_ms = '32'", r"window_ms = '32'; expected float, got str"),
        (FeatureSpec, "mel_bands = 26.5", r"mel_bands = 26\.5; expected int, got float"),
        (FeatureSpec, "append_energy = 1", r"append_energy = 1; expected bool, got int"),
        (FeatureSpec, "coefficients = true", r"coefficients = True; expected int, got bool"),
        (FeatureSpec, "window_ms = 2000", r"window_ms = 2000\.0 does not fit clip_ms = 1000"),
        (FeatureSpec, "mel_upper_hz = 4001", r"mel_upper_hz = 4001\.0 is above half the sample rate \(4000 Hz\)"),
        (FeatureSpec, "mel_lower_hz = 4000", "mel_lower_hz"),
        (FeatureSpec, "window_stride_ms = 0", "0 frames"),
        (FeatureSpec, "window_ms = 32.01", "use whole ones"),
        (FeatureSpec, f"window_ms = 1{400 * '0'}", "window_ms = inf does not fit"),
        (FeatureSpec, "fft_length = 128", "shorter than the window"),
        (FeatureSpec, "coefficients = 27", "mel_bands"),
        (FeatureSpec, "kind = 'mfc'", "choose one of 'mfcc', 'log_spectrogram', 'waveform'"),
        (FeatureSpec, "kind = 'log_spectrogram'\ndeltas = 1", "deltas = 1; a log_spectrogram has none"),
        (FeatureSpec, "kind = 'waveform'\ndeltas = 2", "deltas = 2; a waveform has none"),
        (FeatureSpec, "mean = [1.0, 2.0]", "mean has 2 values; give 10"),
        (FeatureSpec, "std = [1,1,1,1,1,1,1,1,1,0]", "not positive"),
        (FeatureSpec, "scale = 0", "scale"),
        (FeatureSpec, "scale = nan", "scale"),
        (FeatureSpec, "zero_point = 128", "zero_point"),
        (CorpusSettings, "keywords = 'yes'", "expected a list"),
        (CorpusSettings, "keywords = ['yes', 1]", "expected str, got int"),
        (CorpusSettings, "keywords = []", "keywords is empty"),
        (CorpusSettings, "keywords = ['silence']", "silence"),
        (CorpusSettings, "keywords = ['a', 'a']", "twice"),
        (CorpusSettings, "testing_percent = 100", "leave something for training"),
        (AugmentationSettings, "snr_low_db = 40", "snr_low_db"),
        (AugmentationSettings, "snr_low_db = -inf", "snr_low_db = -inf; use -200 to 200"),
        (AugmentationSettings, "snr_high_db = inf", "snr_high_db = inf; use -200 to 200"),
        (AugmentationSettings, "time_shift_ms = inf", "time_shift_ms = inf; use 0 to 10000"),
        (AugmentationSettings, "gain_db = inf", "gain_db = inf; use 0 to 200"),
        (AugmentationSettings, "gain_db = nan", "gain_db = nan"),
        (AugmentationSettings, "equalizer_db = nan", "equalizer_db = nan; use 0 to 60"),
        (AugmentationSettings, "reverberation_ms = 5", "reverberation_ms = 5.0; use 0, or 50 to 2000"),
        (TrainingSettings, "epochs = 0", "epochs"),
        (TrainingSettings, "seed = -1", "seed"),
        (DetectionSettings, "threshold = 1.5", "threshold"),
        (ModelSettings, "options = 3", "expected a table"),
    ],
)
def test_a_mistake_is_one_clear_message(cls, toml, message):
    with pytest.raises(SettingsError, match=message):
        from_mapping(cls, parse_toml(toml.encode(), source="x"), source="my.toml [t]")


def test_malformed_and_missing_files_are_named(tmp_path):
    (tmp_path / "bad.toml").write_text("window_ms = = 3")
    with pytest.raises(SettingsError, match=r"bad\.toml: not valid TOML"):
        read_toml(tmp_path / "bad.toml")
    with pytest.raises(SettingsError, match=r"none\.toml"):
        read_toml(tmp_path / "none.toml")


def test_the_defaults_are_the_documented_geometry():
    spec = FeatureSpec()
    assert (spec.shape, spec.transform_length, spec.clip_samples) == ((49, 10), 256, 8000)
    assert (spec.window_samples, spec.stride_samples, spec.mel_upper_edge_hz) == (256, 160, 4000)
    assert FeatureSpec(kind="log_spectrogram", window_ms=20, window_stride_ms=10).shape == (99, 81)
    assert FeatureSpec(kind="waveform").shape == (8000, 1)
    wide = FeatureSpec(sample_rate_hz=16000)
    assert (wide.shape, wide.transform_length) == ((49, 10), 512)
    assert FeatureSpec(deltas=2).columns == 30
    assert CorpusSettings().labels[-2:] == ("silence", "unknown")


def test_the_hash_follows_every_field():
    spec = FeatureSpec()
    assert spec.sha256() == FeatureSpec().sha256()
    changes = {
        "preemphasis": 0.95,
        "scale": 0.5,
        "cepstral_lifter": 0,
        "window_function": "hamming",
        "mean": (1.0,) * 10,
    }
    hashes = {replace(spec, **{name: value}).sha256() for name, value in changes.items()}
    assert len(hashes) == len(changes)
    assert spec.sha256() not in hashes
