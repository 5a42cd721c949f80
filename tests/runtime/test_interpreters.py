"""Interpreters run a model alike, refuse what is no model, and say why one is absent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flatbuffers import Builder

from kws_edge.bundle import Bundle
from kws_edge.corpus import Corpus
from kws_edge.errors import ConversionError, DependencyError, SettingsError
from kws_edge.frontend import features
from kws_edge.runtime import INTERPRETERS, available_interpreters, open_interpreter
from kws_edge.spec import FeatureSpec
from kws_edge.tflite_file import summarize
from kws_edge.tflite_schema import schema

sys.path.append(str(Path(__file__).parents[1] / "firmware"))
from small_firmware import small_model

INSTALL_TFLM = "pip install 'kws-edge[train]' (x86_64 Linux)"
PRESENT = [name for name, absence in available_interpreters().items() if absence is None]


def test_every_interpreter_is_present_or_has_a_reason() -> None:
    here = available_interpreters()
    assert tuple(here) == INTERPRETERS
    assert all(reason is None or len(reason) > 20 for reason in here.values())


def test_an_absent_interpreter_says_why_when_opened() -> None:
    for name, reason in available_interpreters().items():
        if reason is not None:
            with pytest.raises(DependencyError) as refusal:
                open_interpreter(name, b"")
            assert reason in str(refusal.value)


def test_an_unknown_interpreter_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="litert_reference"):
        open_interpreter("onnx", b"")


@pytest.mark.parametrize("name", PRESENT)
@pytest.mark.parametrize("junk", [b"", b"TFL3", b"\0\0\0\0TFL3" + bytes(60), bytes(range(256)) * 9])
def test_what_is_no_model_is_refused(name: str, junk: bytes) -> None:
    with pytest.raises(ConversionError):
        open_interpreter(name, junk)


@pytest.mark.parametrize("name", [name for name in PRESENT if name != "tflm"])  # which asks for no versions
def test_an_operator_of_a_version_to_come_is_refused(name: str) -> None:
    """As tflite-runtime meets in the models of a TensorFlow that came after it."""
    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(small_model(FeatureSpec())[0], 0))
    for code in parsed.operatorCodes:
        code.version = 99
    builder = Builder(1024)
    builder.Finish(parsed.Pack(builder), file_identifier=b"TFL3")
    with pytest.raises(ConversionError, match=f"{name} cannot run this model: .*version '99'"):
        open_interpreter(name, bytes(builder.Output()))


@pytest.fixture(scope="module")
def clips_and_noise(trained_bundle: Bundle, tones: Corpus) -> np.ndarray:
    """int8 features of every clip, and as many again of uniform noise over the whole range."""
    spec = trained_bundle.features
    real = np.concatenate([features(np.asarray(tones.split(split).clips), spec) for split in ("train", "test")])
    noise = np.random.default_rng(0).integers(-128, 128, real.shape).astype(np.int8)
    return np.concatenate([real, noise])


@pytest.mark.slow
class TestTrainedModel:
    @pytest.mark.parametrize("name", PRESENT)
    def test_edges_are_those_of_the_file(self, trained_bundle: Bundle, name: str) -> None:
        interpreter = open_interpreter(name, trained_bundle.int8_model)
        summary = summarize(trained_bundle.int8_model)
        spec = trained_bundle.features
        assert interpreter.name == name
        assert (interpreter.input, interpreter.output) == (summary.input, summary.output)
        assert interpreter.input.shape == (1, *spec.shape, 1)
        assert (interpreter.input.scale, interpreter.input.zero_point) == (spec.scale, spec.zero_point)

    def test_tflm_equals_the_reference_kernels_everywhere(
        self, trained_bundle: Bundle, clips_and_noise: np.ndarray, package: Callable[[str, str], None]
    ) -> None:
        package("tflite_micro", INSTALL_TFLM)
        tflm, reference = (
            open_interpreter(name, trained_bundle.int8_model).run(clips_and_noise)
            for name in ("tflm", "litert_reference")
        )
        assert len(np.unique(reference, axis=0)) > len(clips_and_noise) * 0.9, "alike outputs would prove nothing"
        np.testing.assert_array_equal(tflm, reference)

    @pytest.mark.parametrize("name", PRESENT)
    def test_a_clip_does_not_depend_on_its_batch(
        self, trained_bundle: Bundle, clips_and_noise: np.ndarray, name: str
    ) -> None:
        interpreter = open_interpreter(name, trained_bundle.int8_model)
        batch = interpreter.run(clips_and_noise[:12])
        singles = [interpreter.run(clips_and_noise[row : row + 1])[0] for row in reversed(range(12))]
        np.testing.assert_array_equal(batch, singles[::-1])

    def test_the_float_model_runs_on_floats(self, trained_bundle: Bundle, clips_and_noise: np.ndarray) -> None:
        spec = trained_bundle.features
        interpreter = open_interpreter("litert_xnnpack", trained_bundle.float_model)
        outputs = interpreter.run((clips_and_noise.astype(np.float32) - spec.zero_point) * np.float32(spec.scale))
        assert outputs.dtype == np.float32
        assert outputs.shape == (len(clips_and_noise), len(trained_bundle.labels))

    @pytest.mark.parametrize("name", PRESENT)
    def test_features_are_never_cast_or_cropped(self, trained_bundle: Bundle, name: str) -> None:
        interpreter = open_interpreter(name, trained_bundle.int8_model)
        frames, columns = trained_bundle.features.shape
        for wrong in (
            np.zeros((2, frames, columns), np.float32),
            np.zeros((2, frames + 1, columns), np.int8),
            np.zeros((2, columns, frames), np.int8),
        ):
            with pytest.raises(ConversionError, match="features"):
                interpreter.run(wrong)

    @pytest.mark.parametrize("name", PRESENT)
    def test_a_truncated_model_is_refused(self, trained_bundle: Bundle, name: str) -> None:
        model = trained_bundle.int8_model
        for size in (len(model) // 2, len(model) - 200):
            with pytest.raises(ConversionError, match="damaged"):
                open_interpreter(name, model[:size])
