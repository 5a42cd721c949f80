"""A sweep's file says what it searches over; mistakes in it are found before anything is built."""

from __future__ import annotations

import pytest

from kws_edge.errors import SettingsError
from kws_edge.spec import TrainingSettings
from kws_edge.sweep.price import Price
from kws_edge.sweep.settings import Budget, read_sweep, shortened

SWEEP = """
[budget]
macs = 1000

[[model]]
arch = "ds_cnn"
options = { width = [8, 16, 24], blocks = [1, 2] }

[[model]]
arch = "sparknet"

[features]
coefficients = [10, 13]
"""


def read(folder, text):
    path = folder / "sweep.toml"
    path.write_text(text)
    return read_sweep(path)


def test_every_combination_is_a_candidate_with_a_name_of_its_own(tmp_path):
    candidates = read(tmp_path, SWEEP).candidates()
    assert len(candidates) == (3 * 2 + 1) * 2
    assert len({one.name for one in candidates}) == len(candidates)
    assert [one.name for one in read(tmp_path, SWEEP).candidates()] == [one.name for one in candidates]
    assert candidates[0].model.options == {"width": 8, "blocks": 1}
    assert candidates[-1].features == {"coefficients": 13}


def test_candidates_may_be_drawn_at_random_the_same_ones_every_time(tmp_path):
    everything = [one.name for one in read(tmp_path, SWEEP).candidates()]
    text = SWEEP + "[search]\ncandidates = 5\n"
    drawn = [one.name for one in read(tmp_path, text).candidates()]
    assert len(drawn) == 5
    assert set(drawn) < set(everything)
    assert [one.name for one in read(tmp_path, text).candidates()] == drawn
    assert [one.name for one in read(tmp_path, text + "seed = 1\n").candidates()] != drawn


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[features]\ncoefficients = [10]\n", "no \\[\\[model\\]\\]"),
        ("[[model]]\narch = 'ds_cnn'\noptions = { width = 8 }\n", "width = 8; write the list"),
        (SWEEP + "[features2]\n", "features2"),
        (SWEEP.replace("macs", "mac"), "did you mean 'macs'"),
        (SWEEP.replace("[10, 13]", "10"), "coefficients = 10; write the list"),
        (SWEEP + "[training]\nepochs = 0\n", "epochs = 0"),
        (SWEEP + "[search]\nseeds = 0\n", "seeds = 0"),
        (SWEEP + "[training]\nseed = 3\n", r"\[training\] seed: .* as seeds in \[search\]"),
        ("model = [3]\n", r"model = \[3\]; write it as \[\[model\]\]"),
        ("[model]\narch = 'ds_cnn'\n", r"write it as \[\[model\]\]"),
        ("features = 3\n" + SWEEP.split("[features]")[0], "features = 3; expected a table"),
        ("[[model]]\narch = 'ds_cnn'\noptions = 3\n", "options = 3; expected a table"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said) as caught:
        read(tmp_path, text)
    assert "sweep.toml" in str(caught.value)


def test_a_budget_names_what_exceeds_it():
    price = Price(parameters=10, macs=500, file_bytes=99, weight_bytes=40, ram_bytes=70)
    assert Budget().excess(price) is None
    assert Budget(macs=500, weight_bytes=40, ram_bytes=70).excess(price) is None
    assert "ram_bytes 70 > 69" in str(Budget(macs=500, ram_bytes=69).excess(price))
    unplanned = Price(parameters=10, macs=500, file_bytes=99, weight_bytes=40, ram_bytes=None)
    assert Budget(macs=500).excess(unplanned) is None
    assert "too large" in str(Budget(ram_bytes=69).excess(unplanned))


def test_a_shortened_training_keeps_both_phases():
    short = shortened(TrainingSettings(epochs=90, qat_epochs=4), 1 / 9)
    assert (short.epochs, short.qat_epochs) == (10, 1)
