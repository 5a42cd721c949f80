"""`benchmarks/trainings.py`: variants change the base, keep bundles of their own, and are compared seed by seed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from kws_edge.errors import SettingsError

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


@pytest.mark.parametrize("file", sorted((BENCHMARKS / "trainings").glob("*.toml")), ids=lambda path: path.name)
def test_every_teacher_is_there_and_every_bundle_has_its_own_place(file, trainings, tmp_path):
    variants = trainings.read_variants(file, (0, 1, 2))
    for variant in variants:
        trainings.teachers_of(variant, (0, 1, 2))
    places = [variant.bundle(tmp_path, seed) for variant in variants for seed in variant.seeds]
    assert len(set(places)) == len(places)
