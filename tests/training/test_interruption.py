"""A training that is killed at any moment goes on to the very bundle that an uninterrupted one writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from kws_edge.bundle import read_bundle
from kws_edge.errors import BundleError
from kws_edge.training.request import work_folder
from kws_edge.training.state import TrainingState

pytestmark = pytest.mark.slow

FLOAT_EPOCHS, QAT_EPOCHS = 3, 2
# every file that a training writes is flushed with one fsync: a first state, one per epoch, then the bundle's files
KILLED_AT = {"float": 3, "qat": FLOAT_EPOCHS + 3, "bundle": FLOAT_EPOCHS + QAT_EPOCHS + 5}
PROGRAM = """
import os, signal, sys
kill_at, folder, flushed, fsync = int(sys.argv.pop(1)), sys.argv.pop(1), 0, os.fsync
def counted(descriptor):
    global flushed
    flushed += os.readlink(f"/proc/self/fd/{descriptor}").startswith(folder)
    if 0 < flushed == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)
os.fsync = counted
from kws_edge.cli import main
main()
"""


def run(output, data, *more, kill_at=0):
    """`kws-edge train` in a process of its own, which kills itself at its `kill_at`-th flush of an output."""
    arguments = ["train", "-o", str(output), "--data", str(data), "--qat", "--keywords", "low,middle,high"]
    arguments += ["--epochs", str(FLOAT_EPOCHS), "--qat-epochs", str(QAT_EPOCHS), "--batch-size", "20"]
    arguments += ["--option", "width=8", "--option", "blocks=1", "--seed", "4", *more]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(kill_at), str(output.parent.resolve()), *arguments],
        env={**os.environ, "XDG_CACHE_HOME": str(data.parent / "home")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def uninterrupted(tones, tmp_path_factory):
    output = tmp_path_factory.mktemp("uninterrupted") / "bundle"
    done = run(output, tones.folder)
    assert done.returncode == 0, done.stderr
    return read_bundle(output)


@pytest.mark.parametrize("moment", KILLED_AT)
def test_sigkill_loses_at_most_an_epoch_and_changes_nothing(moment, tones, uninterrupted, tmp_path):
    output = tmp_path / "bundle"
    killed = run(output, tones.folder, kill_at=KILLED_AT[moment])
    assert killed.returncode == -signal.SIGKILL
    assert not output.exists()
    state = TrainingState.load(work_folder(output) / "state.npz")
    assert len(state.history) == min(KILLED_AT[moment] - 2, FLOAT_EPOCHS + QAT_EPOCHS)

    resumed = run(output, tones.folder, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    bundle = read_bundle(output)
    assert bundle.int8_model == uninterrupted.int8_model
    assert bundle.float_model == uninterrupted.float_model
    assert bundle.weights == uninterrupted.weights
    assert not work_folder(output).exists()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]


def test_an_interrupted_training_resumes_only_when_asked_and_under_its_own_settings(tones, uninterrupted, tmp_path):
    output = tmp_path / "bundle"
    run(output, tones.folder, kill_at=3)
    silent = run(output, tones.folder)
    assert silent.returncode == 2
    assert "--resume" in silent.stderr
    refused = run(output, tones.folder, "--resume", "--learning-rate", "0.5")
    assert refused.returncode == 2
    assert "learning_rate" in refused.stderr
    path = work_folder(output) / "state.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BundleError, match="--restart"):
        TrainingState.load(path)


def test_there_must_be_something_to_resume(tones, uninterrupted, tmp_path):
    missing = run(tmp_path / "other", tones.folder, "--resume")
    assert missing.returncode == 2
    assert "no interrupted training" in missing.stderr


def test_an_existing_bundle_is_kept_unless_forced(tones, uninterrupted):
    refused = run(uninterrupted.path, tones.folder)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert read_bundle(uninterrupted.path).int8_model == uninterrupted.int8_model
