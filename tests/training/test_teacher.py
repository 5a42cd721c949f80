"""A student learns from teachers: their answers reach the loss, and an unsuitable teacher is refused by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kws_edge.bundle import read_bundle
from kws_edge.corpus import load_corpus
from kws_edge.errors import BundleError
from kws_edge.frontend import features

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def teachers(trained_bundle, tones):
    from kws_edge.training.teacher import Teachers

    return Teachers((trained_bundle.path, trained_bundle.path), tones)


def test_probabilities_are_the_mean_softmax_of_the_teachers_float_models(teachers, trained_bundle, tones):
    import tensorflow as tf

    from kws_edge.runtime import open_interpreter

    spec = trained_bundle.features
    heard = features(tones.split("validation").clips[:20], spec)
    real = (heard.astype(np.float32) - spec.zero_point) * np.float32(spec.scale)
    logits = open_interpreter("litert_reference", trained_bundle.float_model).run(real)
    expected = tf.nn.softmax(logits / 3.0).numpy()
    views = (tf.constant(real[..., None]),) * 2
    np.testing.assert_allclose(teachers.probabilities(views, 3.0).numpy(), expected, atol=2e-5)
    assert expected.max(axis=1).std() > 0.001


def student(tones, tmp_path, *teachers, **training):
    from trained import request_for_tones

    from kws_edge.training.pipeline import train

    request = request_for_tones()
    changed = dataclasses.replace(request.training, epochs=2, qat_epochs=1, **training)
    request = dataclasses.replace(request, training=changed, teachers=tuple(teachers))
    return train(tones, request, tmp_path / f"student{len(teachers)}{training.get('distillation')}")


def test_a_teacher_changes_what_is_learned_unless_its_weight_is_0(tones, tmp_path, trained_bundle):
    alone = student(tones, tmp_path)
    ignored = student(tones, tmp_path, trained_bundle.path, distillation=0.0)
    taught = student(tones, tmp_path, trained_bundle.path, distillation=0.9)
    # not the models' bytes: Keras counts networks, and the names of their tensors are in there
    assert ignored.weights == alone.weights
    assert taught.weights != alone.weights
    assert len(taught.metrics["teachers"]) == 1
    assert alone.metrics["teachers"] == []
    assert read_bundle(taught.path).float_model == taught.float_model


def test_a_teacher_of_other_words_is_refused(tones, trained_bundle):
    from kws_edge.training.teacher import Teachers

    fewer = dataclasses.replace(tones.settings, keywords=("low", "middle"))
    corpus = load_corpus(tones.folder, fewer, sample_rate_hz=8000, clip_samples=8000)
    with pytest.raises(BundleError, match=r"tones_bundle: this teacher tells low, middle, high"):
        Teachers((trained_bundle.path,), corpus)


def test_a_teacher_of_another_rate_is_refused(tones, trained_bundle):
    from kws_edge.training.teacher import Teachers

    corpus = load_corpus(tones.folder, tones.settings, sample_rate_hz=16000, clip_samples=16000)
    with pytest.raises(BundleError, match="8000 samples at 8000 Hz"):
        Teachers((trained_bundle.path,), corpus)
