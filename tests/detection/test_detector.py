"""The detector: what it promises of one utterance, and that the firmware's C and its Python twin are one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from compiled_detector import WIDEST_LABELS, WIDEST_WINDOW, CompiledDetector
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from kws_edge.detection import (
    NEVER,
    ONE,
    Detection,
    Detector,
    DetectorTables,
    detect,
    detector_tables,
    end_sample,
    inference_rows,
    inference_samples,
    probabilities,
    stream_windows,
)
from kws_edge.errors import SettingsError
from kws_edge.spec import CorpusSettings, DetectionSettings, FeatureSpec

LABELS = CorpusSettings().labels
SPEC = FeatureSpec()
SCALE = 0.1
# some of everything: averaging, counting, and a second of quiet
SETTINGS = DetectionSettings(smoothing_window=3, threshold=0.75, minimum_count=2, refractory_ms=1000)


@pytest.fixture(scope="session", params=["gcc", "clang"])
def compiled(
    request: pytest.FixtureRequest, tool: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> CompiledDetector:
    compiler = tool(request.param, f"apt-get install {request.param}")
    return CompiledDetector(tmp_path_factory.mktemp("detector"), compiler)


def tables_of(**changes: object) -> DetectorTables:
    return detector_tables(replace(SETTINGS, **changes), SPEC, LABELS, SCALE)  # type: ignore[arg-type]


def words(*runs: tuple[str, int], height: int = 100) -> NDArray[np.int8]:
    """Logits of a stream in which each word leads by `height` steps for so many inferences."""
    rows = np.concatenate([np.full(count, LABELS.index(word)) for word, count in runs])
    logits = np.full((len(rows), len(LABELS)), -50, np.int8)
    logits[np.arange(len(rows)), rows] += height
    return logits


def found(logits: NDArray[np.int8], tables: DetectorTables) -> list[tuple[str, int]]:
    return [(LABELS[detection.label], detection.inference) for detection in detect(logits, tables)]


def wandering(rng: np.random.Generator, count: int, labels: int, step: float, top: float) -> NDArray[np.int8]:
    """Logits that drift as those of a stream do, now one label ahead, now another."""
    drift = np.cumsum(rng.normal(scale=step, size=(count, labels)), axis=0)
    return np.clip(np.round(top * np.sin(drift / 20) + rng.normal(scale=3, size=drift.shape)), -128, 127).astype(
        np.int8
    )


@st.composite
def any_tables(draw: st.DrawFn) -> DetectorTables:
    labels = draw(st.integers(1, WIDEST_LABELS))
    coarse, fine = (draw(st.lists(st.integers(0, 1 << 31), min_size=least, max_size=15)) for least in (0, 15))
    return DetectorTables(
        coarse=(1 << 31, *sorted(coarse, reverse=True)),
        fine=(1 << 31, *sorted(fine, reverse=True)),
        threshold=tuple(draw(st.lists(st.integers(1, ONE) | st.just(NEVER), min_size=labels, max_size=labels))),
        smoothing_window=draw(st.integers(1, WIDEST_WINDOW)),
        minimum_count=draw(st.integers(1, 64)),
        refractory=draw(st.integers(0, 30) | st.integers(0, 65535)),
    )


@settings(max_examples=400, deadline=None)
@given(tables=any_tables(), data=st.data())
def test_c_and_python_agree_on_anything(
    compiled: CompiledDetector, tables: DetectorTables, data: st.DataObject
) -> None:
    shape = (data.draw(st.integers(0, 120)), len(tables.threshold))
    logits = data.draw(npst.arrays(np.int8, shape, elements=st.integers(-128, 127), fill=st.integers(-128, 127)))
    assert compiled.detect(logits, tables) == detect(logits, tables)


@pytest.mark.parametrize("seed", range(12))
def test_c_and_python_agree_on_long_streams(compiled: CompiledDetector, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tables = detector_tables(
        DetectionSettings(
            inference_stride_ms=int(rng.integers(20, 400)),
            smoothing_window=int(rng.integers(1, 9)),
            threshold=float(rng.uniform(0.2, 0.9)),
            thresholds={"yes": 0.99, "go": 0.1},
            minimum_count=int(rng.integers(1, 6)),
            refractory_ms=int(rng.integers(0, 2000)),
        ),
        SPEC,
        LABELS,
        float(rng.uniform(0.02, 0.3)),
    )
    logits = wandering(rng, 30_000, len(LABELS), rng.uniform(1, 20), rng.uniform(20, 140))
    expected = detect(logits, tables)
    assert len(expected) > 50, "a stream without detections proves nothing"
    assert compiled.detect(logits, tables) == expected


def test_a_stream_may_come_in_any_chunks() -> None:
    rng = np.random.default_rng(1)
    tables = tables_of()
    logits = wandering(rng, 3000, len(LABELS), 10, 100)
    detector = Detector(tables)
    cuts = np.sort(rng.integers(0, len(logits), 700))
    pieces = [detection for chunk in np.split(logits, cuts) for detection in detector.push(chunk)]
    assert pieces == detect(logits, tables) != []


def test_probabilities_are_those_of_a_softmax() -> None:
    rng = np.random.default_rng(2)
    logits = rng.integers(-128, 128, (5000, len(LABELS))).astype(np.int8)
    for scale in (0.01, 0.0384, 0.1, 0.5):
        tables = detector_tables(DetectionSettings(), SPEC, LABELS, scale)
        real = scale * logits.astype(float)
        powers = np.exp(real - real.max(axis=1, keepdims=True))
        exact = powers / powers.sum(axis=1, keepdims=True)
        # half a step of the quotient, and half a step of every exponential against a sum of at least one
        assert np.abs(probabilities(logits, tables) / ONE - exact).max() <= (0.5 + 0.5 * (1 + len(LABELS))) / ONE


@pytest.mark.parametrize("length", [3, 10, 50, 1000])
@pytest.mark.parametrize("refractory_ms", [0, 300, 1000, 5000])
def test_one_word_is_one_detection_however_long_it_lasts(length: int, refractory_ms: int) -> None:
    stream = words(("silence", 20), ("yes", length), ("silence", 80))
    tables = tables_of(refractory_ms=refractory_ms)
    # the mean of three inferences reaches 0.75 with the third of the word, and must do so twice
    assert found(stream, tables) == ([("yes", 20 + 3)] if length > 3 else [])


@given(dips=st.lists(st.integers(0, 12), max_size=6), refractory_ms=st.integers(500, 2000), window=st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_a_word_that_flickers_within_the_refractory_time_is_one_detection(
    dips: list[int], refractory_ms: int, window: int
) -> None:
    # a word is in view of a one-second clip for a second or so: 13 inferences of 100 ms
    stream = words(("silence", 20), ("no", 13), ("silence", 60))
    silent = words(("silence", 1))[0]
    for dip in dips:
        stream[20 + dip] = silent
    tables = tables_of(refractory_ms=max(refractory_ms, 1300), smoothing_window=window)
    assert len(found(stream, tables)) <= 1


def test_words_one_after_the_other_are_all_detected() -> None:
    tables = tables_of()
    stream = words(("silence", 5), ("yes", 9), ("silence", 8), ("no", 9), ("left", 14), ("silence", 3), ("left", 9))
    assert [word for word, _ in found(stream, tables)] == ["yes", "no", "left", "left"]


def test_the_same_word_again_needs_a_pause_in_its_outputs() -> None:
    tables = tables_of(refractory_ms=500)
    assert len(found(words(("yes", 60), ("silence", 5)), tables)) == 1
    assert len(found(words(("yes", 30), ("silence", 3), ("yes", 30)), tables)) == 2


@pytest.mark.parametrize(
    ("settings_", "first"),
    [
        ({"smoothing_window": 1, "minimum_count": 1}, 10),
        ({"smoothing_window": 1, "minimum_count": 4}, 13),
        ({"smoothing_window": 4, "minimum_count": 1}, 13),
        ({"smoothing_window": 4, "minimum_count": 3}, 15),
        ({"smoothing_window": 4, "minimum_count": 1, "threshold": 0.4}, 11),
        ({"smoothing_window": 4, "minimum_count": 1, "thresholds": {"up": 0.2}}, 10),
        ({"smoothing_window": 4, "minimum_count": 1, "thresholds": {"down": 0.2}}, 13),
    ],
)
def test_each_setting_does_what_it_says(settings_: dict[str, object], first: int) -> None:
    assert found(words(("unknown", 10), ("up", 10)), tables_of(**settings_)) == [("up", first)]


def test_silence_and_unknown_are_never_detected() -> None:
    assert found(words(("silence", 50), ("unknown", 50)), tables_of(threshold=0.01, thresholds={})) == []


def test_the_score_is_the_averaged_probability_and_the_threshold_is_met_exactly() -> None:
    stream = words(("silence", 3), ("go", 1), ("silence", 3), height=20)
    go = LABELS.index("go")
    sure = 1 / (1 + 11 * np.exp(-20 * SCALE))
    expected = (sure + np.exp(-20 * SCALE) * sure) / 2
    (detection,) = detect(stream, tables_of(smoothing_window=2, minimum_count=1, threshold=0.2))
    assert detection == Detection(go, detection.score, 3)
    assert detection.probability == pytest.approx(expected, abs=1e-4)
    for threshold, hits in ((detection.score, 1), (detection.score + 1, 0)):
        tables = tables_of(smoothing_window=2, minimum_count=1, thresholds={"go": threshold / ONE})
        assert len(detect(stream, tables)) == hits


def test_inferences_fall_on_whole_rows() -> None:
    assert inference_rows(DetectionSettings(), SPEC) == 5
    assert inference_samples(DetectionSettings(), SPEC) == 800
    assert inference_rows(DetectionSettings(inference_stride_ms=1), SPEC) == 1
    assert inference_rows(DetectionSettings(inference_stride_ms=9000), SPEC) == SPEC.frames
    assert inference_rows(DetectionSettings(), FeatureSpec(window_stride_ms=15)) == 7
    assert inference_rows(DetectionSettings(), FeatureSpec(kind="waveform")) == 800
    assert end_sample(0, DetectionSettings(), SPEC) == 256 + 48 * 160
    assert end_sample(3, DetectionSettings(), SPEC) == 256 + 48 * 160 + 3 * 800
    assert end_sample(0, DetectionSettings(), FeatureSpec(kind="waveform")) == 8000


def test_windows_are_the_last_clip_of_rows() -> None:
    rows = np.arange(120 * 10).astype(np.int8).reshape(120, 10)
    windows = stream_windows(rows, DetectionSettings(), SPEC)
    assert windows.shape == (15, 49, 10)
    for number, window in enumerate(windows):
        assert (window == rows[5 * number : 5 * number + 49]).all()
    assert stream_windows(rows[:48], DetectionSettings(), SPEC).shape == (0, 49, 10)


def test_a_threshold_of_a_word_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"thresholds\.yess: the model has no such keyword; it has yes, no"):
        tables_of(thresholds={"yess": 0.5})
    with pytest.raises(SettingsError, match=r"thresholds\.silence"):
        tables_of(thresholds={"silence": 0.5})
    with pytest.raises(SettingsError, match=r"thresholds\.yes = 1\.5; use above 0 to 1"):
        DetectionSettings(thresholds={"yes": 1.5})


def test_logits_of_another_shape_are_refused() -> None:
    detector = Detector(tables_of())
    with pytest.raises(SettingsError, match=r"logits are int8\[3, 5\]; expected int8\[n, 12\]"):
        detector.push(np.zeros((3, 5), np.int8))
    with pytest.raises(SettingsError, match="float32"):
        detector.push(np.zeros((3, 12), np.float32))  # type: ignore[arg-type]  # what a careless caller does
