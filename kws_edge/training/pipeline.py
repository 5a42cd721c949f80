"""From a corpus to a bundle: measure the features, train in float, train quantization-aware, convert, write."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kws_edge.bundle import Bundle, BundleContents, Provenance, write_bundle
from kws_edge.conversion import convert_float, convert_int8
from kws_edge.corpus import Corpus, Split
from kws_edge.corpus.enrichment import enriched
from kws_edge.errors import BundleError
from kws_edge.frontend import features
from kws_edge.frontend.fingerprint import features_fingerprint
from kws_edge.models import build_model
from kws_edge.models.network import load_weights
from kws_edge.spec import SILENCE, FeatureSpec
from kws_edge.training.feed import Feed, column_statistics
from kws_edge.training.history import history_csv, history_png
from kws_edge.training.phase import Phase, Reporter
from kws_edge.training.request import TrainingRequest, work_folder
from kws_edge.training.state import TrainingState, Weights, pack_weights
from kws_edge.training.teacher import Teachers, fingerprints

FLOAT, QAT = "float", "qat"


def train(
    corpus: Corpus,
    request: TrainingRequest,
    output: Path,
    *,
    resume: bool = False,
    report: Reporter = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Train as `request` says and write the bundle `output`.

    With `resume` an interrupted training goes on from its last finished epoch and ends in the same bundle as an
    uninterrupted one. Raises BundleError when there is nothing to resume or it was begun under other settings.
    """
    state_path = work_folder(output) / "state.npz"
    fingerprint = {**request.fingerprint(corpus), "teachers": fingerprints(request.teachers)}
    state = _resumed(state_path, fingerprint) if resume else TrainingState(settings=fingerprint)
    settings, spec = request.training, request.features
    # before the seed is set: building a teacher draws random numbers, and must not change the student's
    taught = bool(request.teachers) and settings.distillation > 0
    teachers = Teachers(request.teachers, corpus) if taught else None
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()  # costs nothing on a CPU, and makes one seed one result
    if settings.normalize:
        say("measuring the features")
        spec = spec.normalized(*column_statistics(corpus.split("train"), spec))
    if settings.synth_share:
        say("adding synthesized voices")
    session = _Session(corpus, request, spec, state, state_path, report, teachers)
    try:
        session.network("float")  # a network that cannot be built and an output that cannot be written are found
        state.save(state_path)  # now, not after an hour
        session.run_phase(FLOAT)
        if request.quantization_aware:
            session.run_phase(QAT)
        say("converting")
        bundle = session.write(output)
    finally:
        session.feed.close()
    shutil.rmtree(work_folder(output), ignore_errors=True)
    return bundle


def _resumed(path: Path, fingerprint: dict[str, Any]) -> TrainingState:
    if not path.exists():
        raise BundleError(f"{path}: there is no interrupted training to resume; leave --resume out")
    state = TrainingState.load(path)
    for key, value in fingerprint.items():
        if state.settings.get(key) != value:
            raise BundleError(
                f"{path}: that training began with {key} = {state.settings.get(key)}, now it is {value}; "
                "give the same settings, or --restart to begin anew"
            )
    return state


class _Session:
    """The parts of one training that its phases share."""

    def __init__(
        self,
        corpus: Corpus,
        request: TrainingRequest,
        spec: FeatureSpec,
        state: TrainingState,
        state_path: Path,
        report: Reporter,
        teachers: Teachers | None,
    ) -> None:
        self.corpus, self.request, self.spec = corpus, request, spec
        self.state, self.state_path, self.report = state, state_path, report
        share = request.training.synth_share
        training = enriched(corpus, share) if share else corpus.split("train")
        self.teachers = teachers
        self.feed = Feed(
            training,
            corpus.noise("train"),
            spec,
            request.augmentation,
            batch_size=min(request.training.batch_size, len(training.labels)),
            class_balance=request.training.class_balance,
            seed=request.training.seed,
            mixup=request.training.mixup,
            views=self.teachers.specs if self.teachers is not None else (),
            silence=corpus.labels.index(SILENCE),
        )
        validation = corpus.split("validation")
        # a corpus too small for a validation split is judged on what it was trained on; `train` says so
        self.judged: Split = validation if len(validation.labels) else training
        self.validation: tuple[NDArray[np.int8], NDArray[np.int64]] = (
            features(np.asarray(self.judged.clips), spec),
            self.judged.labels,
        )

    def network(self, form: Literal["float", "quantized", "float_export", "int8_export"]) -> keras.Model:
        """A fresh network of the request in one form."""
        return build_model(
            self.request.model,
            self.spec,
            len(self.corpus.labels),
            form,
            learned_ranges=self.request.training.learned_ranges,
        )

    def with_weights(
        self, form: Literal["float", "quantized", "float_export", "int8_export"], weights: Weights
    ) -> keras.Model:
        """A network of the request in one form with the given variables."""
        model = self.network(form)
        load_weights(model, weights)
        return model

    def phase(self, name: str) -> Phase:
        """A phase that has not begun."""
        settings = self.request.training
        form: Literal["float", "quantized"] = "float" if name == FLOAT else "quantized"
        return Phase(
            name,
            0 if name == FLOAT else 1,
            self.network(form),
            self.network(form),
            epochs=settings.epochs if name == FLOAT else settings.qat_epochs,
            learning_rate=settings.learning_rate if name == FLOAT else settings.qat_learning_rate,
            settings=settings,
            spec=self.spec,
            teachers=self.teachers,
        )

    def run_phase(self, name: str) -> None:
        """Run what is left of a phase."""
        phase = self.phase(name)
        if self.state.epochs_done(name) == phase.epochs:
            return
        if self.state.epochs_done(name):
            phase.resume(self.state)
        else:
            phase.start(self.state.best.get(FLOAT))
            if name == QAT:
                phase.observe_ranges(self.feed)
        phase.run(self.feed, self.validation, self.state, self.state_path, self.report)

    def write(self, output: Path) -> Bundle:
        """Convert the best weights, measure them on the validation clips and write the bundle."""
        float_weights = self.state.best[FLOAT]
        if self.request.quantization_aware:
            int8_weights = self.state.best[QAT]
        else:
            observer = self.phase(QAT)
            observer.start(float_weights)
            int8_weights = observer.observe_ranges(self.feed)
        int8_model = convert_int8(self.with_weights("int8_export", int8_weights), self.validation[0], self.spec)
        float_model = convert_float(self.with_weights("float_export", float_weights))
        groups = {"float": float_weights, "quantized": int8_weights}
        rows = self.state.history
        metrics = {
            "validation_accuracy": dict(self.state.best_accuracy),
            "seconds": round(sum(row["seconds"] for row in rows), 1),
            "data_wait_share": round(float(np.mean([row["data_wait_share"] for row in rows])), 4),
            "teachers": self.state.settings["teachers"],
            "features_fingerprint": features_fingerprint(self.spec),
            "clips": {name: len(self.corpus.split(name).labels) for name in ("train", "validation", "test")},
        }
        request = self.request
        return write_bundle(
            output,
            BundleContents(
                quantization_aware=request.quantization_aware,
                features=self.spec,
                corpus=request.corpus,
                augmentation=request.augmentation,
                model=request.model,
                training=request.training,
                detection=request.detection,
                provenance=Provenance.of_this_run(
                    seed=request.training.seed, data_hash=self.corpus.content_hash, command=request.command
                ),
                int8_model=int8_model,
                float_model=float_model,
                weights=pack_weights(**groups),
                metrics=metrics,
                history_csv=history_csv(rows),
                history_png=history_png(rows),
            ),
        )
