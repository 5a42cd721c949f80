"""The saved state of a training comes back as it was; damage and other settings are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from trained import request_for_tones

from kws_edge.errors import BundleError
from kws_edge.training.phase import cosine_schedule
from kws_edge.training.pipeline import train
from kws_edge.training.request import work_folder
from kws_edge.training.state import TrainingState


def test_state_comes_back(tmp_path):
    state = TrainingState(
        settings={"training": {"seed": 3}},
        history=[{"phase": "float", "epoch": 0, "train_loss": 0.25}],
        current={"a/kernel": np.arange(6.0).reshape(2, 3)},
        average={"a/kernel": np.ones((2, 3))},
        optimizer={"0": np.array(7)},
        best={"float": {"a/kernel": np.zeros((2, 3))}},
        best_accuracy={"float": 0.5},
    )
    state.save(tmp_path / "state.npz")
    again = TrainingState.load(tmp_path / "state.npz")
    assert (again.settings, again.history, again.best_accuracy) == (state.settings, state.history, {"float": 0.5})
    for group in ("current", "average", "optimizer"):
        for key, value in getattr(state, group).items():
            np.testing.assert_array_equal(getattr(again, group)[key], value)
    np.testing.assert_array_equal(again.best["float"]["a/kernel"], np.zeros((2, 3)))
    assert again.epochs_done("float") == 1
    assert again.epochs_done("qat") == 0


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_damaged_state_is_refused_by_name(tmp_path, content):
    path = tmp_path / "state.npz"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"state\.npz.*--restart"):
        TrainingState.load(path)


def test_the_schedule_warms_up_to_the_peak_and_ends_near_zero():
    rates = [cosine_schedule(step, 100, 0.5, warmup=10) for step in range(100)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == pytest.approx(0.5)
    assert np.argmax(rates) in (9, 10)
    assert rates[99] < 0.001
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("features", {"coefficients": 12}),
        ("corpus", {"exclude": ("low/00000001_nohash_0.wav",)}),
        ("augmentation", {"speed": 0.0}),
        ("training", {"mixup": 0.2}),
        ("training", {"synth_share": 0.1}),
        ("model", {"options": {"width": 8}}),
        ("quantization_aware", False),
        ("data", "other recordings"),
        ("teachers", ["what another teacher knows"]),
    ],
)
def test_a_training_goes_on_under_nothing_but_what_it_began_with(part, change, tones, tmp_path):
    request = request_for_tones()
    began = {**request.fingerprint(tones), "teachers": []}
    if part in ("data", "teachers"):
        began[part] = change
    else:
        other = replace(getattr(request, part), **change) if isinstance(change, dict) else change
        request = replace(request, **{part: other})
    output = tmp_path / "bundle"
    TrainingState(settings=began).save(work_folder(output) / "state.npz")
    with pytest.raises(BundleError, match=f"began with {part} = .*--restart"):
        train(tones, request, output, resume=True)
    assert not output.exists()
