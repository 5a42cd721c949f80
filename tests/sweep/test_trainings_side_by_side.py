"""`benchmarks/trainings.py`: variants change the base, keep bundles of their own, and are compared seed by seed."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kws_edge.errors import SettingsError
from kws_edge.spec import AugmentationSettings, CorpusSettings, FeatureSpec, ModelSettings, TrainingSettings
from kws_edge.sweep.catalogue import Measurement, catalogue, read_measurements

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def trainings():
    name = "benchmarks_trainings"
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / "trainings.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def test_differences_are_between_equal_seeds(trainings):
    base = {"seeds": [0, 1, 2], "validation_int8": [90.0, 91.0, 92.0]}
    other = {"seeds": [2, 0], "validation_int8": [93.5, 90.5]}
    stranger = {"seeds": [7], "validation_int8": [99.0]}
    trainings.add_differences([other, stranger], base)
    assert (other["difference"], other["difference_mean"]) == ([1.5, 0.5], 1.0)
    assert (stranger["difference"], stranger["difference_mean"]) == ([], None)


def test_a_variant_changes_what_it_names(trainings, tmp_path):
    path = tmp_path / "some.toml"
    path.write_text(
        "[base.training]\nepochs = 12\nmixup = 0.1\n"
        '[[variant]]\nname = "a"\npreset = "ds_cnn-S"\n'
        '[[variant]]\nname = "B, longer"\ntraining = {epochs = 24}\nteachers = ["a"]\nseeds = [5]\n'
    )
    first, second = trainings.read_variants(path, (0, 1))
    assert first.settings == {"training": {"epochs": 12, "mixup": 0.1}}
    assert second.settings == {"training": {"epochs": 24, "mixup": 0.1}}
    assert (first.seeds, second.seeds) == ((0, 1), (5,))
    assert trainings.teachers_of(second, (0, 1)) == [first]
    assert second.bundle(tmp_path, 5) == tmp_path / "some" / "b_longer-5"
    path.write_text('[[variant]]\nname = "a"\nepoch = 3\n')
    with pytest.raises(SettingsError, match="'epoch'"):
        trainings.read_variants(path, (0,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[base.trainig]\nepochs = 3\n[[variant]]\nname = "a"\n', r"\[base\]: unknown table \[trainig\]"),
        ('[base]\npreset = "ds_cnn-S"\n[[variant]]\nname = "a"\n', "preset = 'ds_cnn-S' stands in no table"),
        ('[training]\nepochs = 3\n[[variant]]\nname = "a"\n', r"unknown table \[training\]"),
        (
            '[[variant]]\nname = "mixup 0.2"\n[[variant]]\nname = "Mixup 0,2"\n',
            "'mixup 0.2' and 'Mixup 0,2' would have",
        ),
        ('[[variant]]\nname = "a"\n[[variant]]\nname = "a"\n', "'a' and 'a' would have one name"),
        ("[[variant]]\nseeds = [1]\n", "has no name"),
    ],
)
def test_what_would_be_trained_in_silence_otherwise_is_refused(text, said, trainings, tmp_path):
    path = tmp_path / "some.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        trainings.read_variants(path, (0,))


def test_a_bundle_of_other_settings_than_its_variant_has_now_is_told(trainings, tmp_path):
    path = tmp_path / "some.toml"
    text = '[base.training]\nepochs = 12\n[[variant]]\nname = "a"\npreset = "ds_resnet-S"\n'
    text += "features = {coefficients = 20}\n"
    path.write_text(text)
    (variant,) = trainings.read_variants(path, (0,))
    preset = catalogue(["ds_resnet-S"])[0].price
    spec = FeatureSpec(**{**preset.features, "coefficients": 20})
    trained = SimpleNamespace(
        arch="ds_resnet",
        features=spec.normalized((0.5,) * 20, (2.0,) * 20),
        corpus=CorpusSettings(),
        augmentation=AugmentationSettings(),
        training=TrainingSettings(epochs=12, seed=3),
        model=ModelSettings(arch=preset.arch, options=preset.options),
    )
    assert trainings.departures(variant, trained) == []
    path.write_text(
        text.replace("12", "24").replace("20", "10")
        + "augmentation = {speed = 0}\nmodel = {options = {stem_width = 8}}\n"
    )
    (variant,) = trainings.read_variants(path, (0,))
    assert trainings.departures(variant, trained) == [
        "features.coefficients",
        "augmentation.speed",
        "training.epochs",
        "model.options",
    ]
    path.write_text(text + "exclude = true\n")
    (variant,) = trainings.read_variants(path, (0,))
    assert trainings.departures(variant, trained) == ["exclude"]


def test_a_bundle_of_other_teachers_is_told(trainings, tmp_path, trained_bundle, capsys):
    path = tmp_path / "some.toml"
    path.write_text('[[variant]]\nname = "a"\n[[variant]]\nname = "b"\nteachers = ["a"]\nseeds = [0]\n')
    _, taught = trainings.read_variants(path, (0,))
    for name in ("a-0", "b-0"):
        shutil.copytree(trained_bundle.path, tmp_path / "some" / name)
    trainings.train(taught, 0, (0,), tmp_path, tmp_path)
    assert "teachers" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "some" / "a-0")  # who would have taught it is not there to be compared
    trainings.train(taught, 0, (0,), tmp_path, tmp_path)
    assert "teachers" not in capsys.readouterr().err


def test_what_is_there_to_be_compared_with_is_not_listed(trainings, tmp_path, trained_bundle):
    path = tmp_path / "some.toml"
    path.write_text(
        '[[variant]]\nname = "a"\npreset = "ds_cnn-S"\nteachers = ["b"]\n'
        '[[variant]]\nname = "b"\npreset = "ds_cnn-S"\nlisted = false\n'
    )
    first, second = trainings.read_variants(path, (0,))
    line = {"test_int8": [90.0, 91.0], "test_float_mean": 92.0, "training_minutes": 1.5}
    listed = trainings.measurement(first, line, trained_bundle, tmp_path)
    epochs = f"{trained_bundle.training.epochs} + {trained_bundle.training.qat_epochs} epochs"
    assert listed.note.startswith(f"some.toml: a; {epochs}; taught by b")
    assert (listed.int8_accuracy, listed.int8_deviation, listed.seeds) == (0.905, 0.0071, 2)
    assert trainings.measurement(second, line, trained_bundle, tmp_path) is None


def measured(preset, note):
    shared = {"data": "tones", "float_accuracy": 0.9, "int8_accuracy": 0.8, "seeds": 1, "training_minutes": 1.0}
    return Measurement(preset=preset, note=note, **shared)


@pytest.mark.parametrize("header", ["", "# what stands above\n# [[measured]]\n\n"])
def test_measurements_take_the_place_of_their_older_ones_alone(header, trainings, tmp_path):
    path = tmp_path / "measured.toml"
    path.write_text(header)
    trainings.write_measured(path, [measured("b", "second"), measured("a", "x"), measured("b", "first")])
    text = path.read_text()
    assert text.startswith(header)
    assert [each.note for each in read_measurements(path)] == ["x", "first", "second"]
    trainings.write_measured(path, [measured("b", "first")])
    assert path.read_text() == text
    trainings.write_measured(path, [measured("b", "first; for longer")])
    assert [each.note for each in read_measurements(path)] == ["x", "first; for longer", "second"]


@pytest.mark.parametrize("file", sorted((BENCHMARKS / "trainings").glob("*.toml")), ids=lambda path: path.name)
def test_every_teacher_is_there_and_every_bundle_has_its_own_place(file, trainings, tmp_path):
    variants = trainings.read_variants(file, (0, 1, 2))
    for variant in variants:
        trainings.teachers_of(variant, (0, 1, 2))
    places = [variant.bundle(tmp_path, seed) for variant in variants for seed in variant.seeds]
    assert len(set(places)) == len(places)
