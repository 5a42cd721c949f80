"""`verify` measures what it says, passes a sound bundle and fails a spoilt one."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from trained import with_a_reversed_kernel

from kws_edge.bundle import INT8_MODEL, Bundle
from kws_edge.corpus import Corpus
from kws_edge.errors import CorpusError
from kws_edge.frontend import features, native
from kws_edge.runtime import available_interpreters, open_interpreter
from kws_edge.spec import FeatureSpec
from kws_edge.verification.accuracy import Accuracy
from kws_edge.verification.checks import check_distinct, check_drop, check_equality, check_specification
from kws_edge.verification.interpreters import AOT
from kws_edge.verification.parity import Parity
from kws_edge.verification.verify import Verification, verify

DOCUMENT = Path(__file__).parents[2] / "docs" / "verify.md"
NO_TFLM = available_interpreters()["tflm"]


@pytest.fixture(scope="module")
def verification(trained_bundle: Bundle, tones: Corpus) -> Verification:
    return verify(trained_bundle, tones)


def spoilt(bundle: Bundle) -> Bundle:
    """`bundle` with an int8 model that has lost what it learned."""
    files = {**bundle.files, INT8_MODEL: with_a_reversed_kernel(bundle.int8_model)}
    return dataclasses.replace(bundle, files=files)


@pytest.mark.slow
class TestSoundBundle:
    def test_it_passes(self, verification: Verification) -> None:
        assert {check.name: check.passed for check in verification.checks} == {
            "int8_drop_points": True,
            "tflm_differs_from_reference": None if NO_TFLM else True,
            "aot_differs_from_tflm": True,
            "distinct_outputs": True,
            "frontend_changed": True,
            "frontend_differs_from_specification": True,
            "layers_on_another_grid": True,
        }
        assert verification.passed

    def test_every_interpreter_ran_or_is_absent_with_a_reason(self, verification: Verification) -> None:
        expected = {"keras_float", "keras_qat", "litert_float", AOT, *available_interpreters()}
        assert set(verification.interpreters) | set(verification.absent) == expected
        assert not set(verification.interpreters) & set(verification.absent)
        assert all(verification.absent.values())

    def test_accuracy_is_that_of_the_interpreter_itself(
        self, verification: Verification, trained_bundle: Bundle, tones: Corpus
    ) -> None:
        split = tones.split("test")
        outputs = open_interpreter("litert_reference", trained_bundle.int8_model).run(
            features(np.asarray(split.clips), trained_bundle.features)
        )
        measured = verification.interpreters["litert_reference"]
        assert measured.accuracy == np.mean(outputs.argmax(axis=1) == split.labels)
        assert measured.confusion.sum() == len(split.labels)

    def test_the_model_learned_something(self, verification: Verification) -> None:
        assert min(measured.accuracy for measured in verification.interpreters.values()) > 0.8

    def test_each_pair_stands_once_in_each_direction(self, verification: Verification) -> None:
        report = verification.to_json()
        names = set(report["interpreters"])
        for table in ("agreement", "lsb", "different_outputs"):
            for first in names:
                assert set(report[table][first]) == names - {first}
                assert all(report[table][first][second] == report[table][second][first] for second in names - {first})

    def test_keras_and_the_kernels_are_within_two_steps(self, verification: Verification) -> None:
        assert verification.parity["keras_qat", "litert_reference"].largest_lsb <= 2
        assert verification.parity["keras_float", "litert_float"].largest_lsb <= 1

    def test_every_field_of_the_report_is_documented(self, verification: Verification) -> None:
        documented = set(re.findall(r"^\| `([a-z_0-9]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE))
        report = verification.to_json()
        assert set(report) <= documented
        assert {check["name"] for check in report["checks"]} <= documented
        assert set(verification.interpreters) | set(verification.absent) <= documented

    def test_progress_reaches_its_end(self, trained_bundle: Bundle, tones: Corpus) -> None:
        seen: list[tuple[int, int]] = []
        result = verify(trained_bundle, tones, progress=lambda done, total: seen.append((done, total)))
        assert seen == sorted(seen)
        assert seen[-1] == (len(result.interpreters) * result.clips,) * 2


@pytest.mark.slow
def test_a_bundle_that_lost_its_accuracy_fails(trained_bundle: Bundle, tones: Corpus) -> None:
    result = verify(spoilt(trained_bundle), tones, max_drop_points=5)
    drop = result.checks[0]
    assert drop.name == "int8_drop_points"
    assert drop.measured is not None
    assert drop.measured > 5
    assert drop.passed is False
    assert not result.passed
    assert verify(spoilt(trained_bundle), tones, max_drop_points=drop.measured).passed, "the limit itself is allowed"


@pytest.mark.slow
def test_an_empty_split_is_named(trained_bundle: Bundle, tones: Corpus) -> None:
    split = tones.split("test")
    empty = dataclasses.replace(split, clips=split.clips[:0], labels=split.labels[:0], names=(), speakers=())
    corpus = dataclasses.replace(tones, _splits={"test": empty})
    with pytest.raises(CorpusError, match="test split is empty"):
        verify(trained_bundle, corpus)


def test_a_single_differing_output_fails_the_equality_check() -> None:
    equal, unequal = Parity(1.0, 0, 0), Parity(1.0, 1, 1)
    assert check_equality({("tflm", "litert_reference"): equal}).passed is True
    assert check_equality({("tflm", "litert_reference"): unequal}).passed is False
    assert check_equality({}).passed is None


@pytest.mark.parametrize(("right", "passed"), [(199, True), (198, False)])
def test_accuracy_that_int8_lost_is_told_with_a_way_out(right: int, passed: bool) -> None:
    real, device = (Accuracy(n / 200, np.array([[n, 200 - n], [0, 0]]), {}) for n in (200, right))
    check = check_drop({"litert_float": real, "tflm": device}, 0.5)
    assert check.passed is passed
    assert ("--qat" in check.detail) is not passed


def test_a_model_that_answers_everything_alike_fails() -> None:
    inputs = np.arange(60, dtype=np.int8).reshape(10, 3, 2)
    varied = np.arange(30, dtype=np.int8).reshape(10, 3)
    assert check_distinct({"tflm": varied}, inputs, labels=3).passed is True
    alike = check_distinct({"tflm": np.zeros_like(varied)}, inputs, labels=3)
    assert alike.passed is False and "train it longer" in alike.detail
    assert check_distinct({"tflm": np.zeros_like(varied)}, np.zeros_like(inputs), labels=3).passed is True


@pytest.mark.parametrize("compiled", [True, False])
def test_the_specification_is_no_proof_of_itself(monkeypatch: pytest.MonkeyPatch, compiled: bool) -> None:
    if not compiled:
        monkeypatch.setattr(native, "_native", None)
    clips = np.random.default_rng(0).integers(-3000, 3000, (2, 8000)).astype(np.int16)
    check = check_specification(SimpleNamespace(features=FeatureSpec()), clips)
    assert check.passed is (True if compiled else None)
    assert compiled or "not compiled" in check.detail
