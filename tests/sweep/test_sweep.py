"""A sweep trains what is within its budget, goes on where it was killed, and shows what nothing beats."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from kws_edge.bundle import BundleContents, Provenance, read_bundle, write_bundle
from kws_edge.cli import main
from kws_edge.errors import BundleError, CorpusError
from kws_edge.spec import (
    AugmentationSettings,
    CorpusSettings,
    DetectionSettings,
    FeatureSpec,
    ModelSettings,
    TrainingSettings,
)
from kws_edge.sweep.price import Price, price_of
from kws_edge.sweep.runner import Job, Runner
from kws_edge.sweep.search import Result, search, survivors, with_pareto_front
from kws_edge.sweep.selection import Priced, select
from kws_edge.sweep.settings import SearchSettings, read_sweep
from kws_edge.sweep.tables import sweep_table

SWEEP = """
[budget]
weight_bytes = 3000

[[model]]
arch = "ds_cnn"
options = { width = [6, 64], blocks = [1] }

[[model]]
arch = "tiny_conv"
options = { width = [1] }

[[model]]
arch = "light_cnn"

[corpus]
keywords = ["low", "middle", "high"]

[training]
epochs = 4
qat_epochs = 1
batch_size = 20
"""


SWEEPS = Path(__file__).parents[2] / "benchmarks" / "sweeps"


def result(name, accuracy, weight_bytes, ram_bytes=100, dropped=None):
    price = Price(parameters=1, macs=1000, file_bytes=1, weight_bytes=weight_bytes, ram_bytes=ram_bytes)
    return Result(
        name=name, arch="ds_cnn", options={}, features={}, price=price, dropped=dropped, accuracy=accuracy, seconds=60.0
    )


def test_the_front_is_what_nothing_beats_in_every_respect():
    results = [
        result("best", 0.9, 400),
        result("dearer and worse", 0.8, 500),
        result("cheap", 0.7, 200),
        result("less memory", 0.6, 400, ram_bytes=50),
        result("dropped", 0.95, 10, dropped="over the budget"),
        result("twin", 0.7, 200),
        result("large", 0.85, 300, ram_bytes=None),
    ]
    found = with_pareto_front(results)
    assert [one.name for one in found] == [
        "best",
        "large",
        "dearer and worse",
        "cheap",
        "twin",
        "less memory",
        "dropped",
    ]
    assert {one.name for one in found if one.pareto} == {"best", "large", "cheap", "twin", "less memory"}
    table = sweep_table(found)
    assert "over the budget" in table
    assert table.index("best") < table.index("cheap") < table.index("dropped  ")


def test_halving_keeps_the_best_third():
    results = {name: result(name, accuracy, 1) for name, accuracy in zip("abcdefg", (1, 7, 3, 6, 2, 5, 4), strict=True)}
    assert survivors(results) == ["b", "d", "f"]


@pytest.mark.parametrize("file", sorted(SWEEPS.glob("*.toml")), ids=lambda path: path.name)
def test_our_own_sweeps_offer_candidates_of_their_own(file):
    settings = read_sweep(file)
    candidates = settings.candidates()
    assert len({one.name for one in candidates}) == len(candidates) > 9
    assert len({FeatureSpec(**one.features).sha256() for one in candidates}) > 1
    assert settings.training.epochs % 9 == 0, "halving trains for a ninth of them"


def test_a_network_of_ones_own_is_priced_anew_when_its_file_is_edited(tmp_path, package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    file = tmp_path / "mine.py"
    (tmp_path / "sweep.toml").write_text(f"[[model]]\narch = '{file}:build'\n")
    settings = read_sweep(tmp_path / "sweep.toml")

    def reason():
        (priced,) = select(settings, tmp_path)
        return priced.dropped

    assert "No such file" in reason()
    file.write_text("def other(network):\n    return network.input\n")
    assert "no function 'build'" in reason()
    file.write_text("undefined\n")
    assert "NameError" in reason()
    kept = (tmp_path / "prices.json").stat().st_mtime_ns
    assert "NameError" in reason() and (tmp_path / "prices.json").stat().st_mtime_ns == kept


def test_a_damaged_bundle_is_named_and_not_the_last_line_of_its_log(tmp_path):
    (tmp_path / "bundles" / "one").mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "one.log").write_text('{\n  "int8_bytes": 3\n}\n')
    told = []
    (outcome,) = Runner(tmp_path, None, 1).run([Job("one", "", ())], told.append)
    assert told == [outcome] and "there is no bundle.toml" in outcome.failure


def test_a_training_that_was_killed_is_said_to_be_that(tmp_path, monkeypatch):
    program = tmp_path / "killed"
    program.write_text("#!/bin/sh\necho all is well\nkill -KILL $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    (outcome,) = Runner(tmp_path, None, 1).run([Job("one", "", ())], lambda _: None)
    assert outcome.failure.startswith("killed by signal 9")
    assert str(tmp_path / "logs" / "one.log") in outcome.failure


def write_trained(path, *, weights=b"", accuracy=0.0):
    """A bundle of which a sweep sees no more than this."""
    settings = (FeatureSpec, CorpusSettings, AugmentationSettings, ModelSettings, TrainingSettings, DetectionSettings)
    names = ("features", "corpus", "augmentation", "model", "training", "detection")
    contents = BundleContents(
        **{name: cls() for name, cls in zip(names, settings, strict=True)},
        quantization_aware=False,
        provenance=Provenance.of_this_run(seed=0, data_hash="", command=""),
        **dict.fromkeys(("int8_model", "float_model", "history_png"), b""),
        weights=weights,
        metrics={"validation_accuracy": {"float": 0.0, "qat": accuracy}, "seconds": 1.0},
        history_csv="",
    )
    write_bundle(path, contents)


def test_other_recordings_or_another_teacher_make_another_training(tmp_path, monkeypatch):
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "anna_1.wav").touch()
    program = tmp_path / "ends"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.delenv("KWS_EDGE_DATA", raising=False)
    teacher = tmp_path / "teacher"
    (tmp_path / "sweep.toml").write_text(f"[[model]]\narch = 'ds_cnn'\n[search]\nteachers = ['{teacher}']\n")
    taught = read_sweep(tmp_path / "sweep.toml")
    alone = dataclasses.replace(taught, search=SearchSettings())
    price = Price(parameters=1, macs=1, file_bytes=1, weight_bytes=1, ram_bytes=1)

    def name_of_training(settings, data=None):
        asked = []
        priced = [Priced(one, price, None) for one in settings.candidates()]
        search(settings, priced, Runner(tmp_path, data, 1), finished=lambda outcome, *_: asked.append(outcome.job.name))
        (name,) = asked
        return name

    synthesized, named = name_of_training(alone), name_of_training(alone, tmp_path)
    assert synthesized != named
    monkeypatch.setenv("KWS_EDGE_DATA", str(tmp_path))
    assert name_of_training(alone) == named
    with pytest.raises(BundleError, match="teacher is no bundle"):
        name_of_training(taught)
    write_trained(teacher, weights=b"one")
    first = name_of_training(taught)
    assert name_of_training(taught) == first != named
    write_trained(teacher, weights=b"another")
    assert name_of_training(taught) != first
    monkeypatch.setenv("KWS_EDGE_DATA", str(tmp_path / "gone"))
    with pytest.raises(CorpusError, match="KWS_EDGE_DATA"):
        name_of_training(alone)


def test_halving_trains_ever_fewer_ever_longer(tmp_path, monkeypatch):
    """In the place of `train` stands a program that hands out bundles, the better the wider their network."""
    widths = range(1, 10)
    for width in widths:
        write_trained(tmp_path / f"width{width}", accuracy=width / 10)
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "anna_1.wav").touch()
    program = tmp_path / "program"
    program.write_text(
        "#!/bin/sh\n"
        f'cp -r {tmp_path}/width$(sed -n \'s/^width = //p\' "$7") "$5"\n'
        # in one write, since several append at once
        f"echo $(sed -n 's/^epochs = //p; s/^qat_epochs = /+/p' \"$7\" | tr -d '\\n') >> {tmp_path}/epochs\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    (tmp_path / "sweep.toml").write_text(
        f"[[model]]\narch = 'ds_cnn'\noptions = {{ width = {list(widths)} }}\n[training]\nepochs = 36\nqat_epochs = 9\n"
    )
    settings = read_sweep(tmp_path / "sweep.toml")
    price = Price(parameters=1, macs=1, file_bytes=1, weight_bytes=1, ram_bytes=1)
    priced = [Priced(one, price, None) for one in settings.candidates()]
    results = search(settings, priced, Runner(tmp_path, tmp_path, 9), halving=True)
    assert sorted((tmp_path / "epochs").read_text().split()) == ["12+3"] * 3 + ["36+9"] + ["4+1"] * 9
    assert [(one.options["width"], one.accuracy, one.pareto) for one in results][:2] == [
        (9, 0.9, True),
        (8, 0.8, False),
    ]
    assert [one.dropped for one in results] == [
        None,
        *["others were better after 12 of 36 epochs"] * 2,
        *["others were better after 4 of 36 epochs"] * 6,
    ]


@pytest.mark.parametrize(
    ("search", "data", "said"),
    [("", "typo", "typo: no such folder"), ("[search]\nteachers = ['gone']\n", "recordings", "gone is no bundle")],
)
def test_what_no_training_could_begin_with_is_found_before_anything_is_priced(
    search, data, said, tmp_path, monkeypatch, capsys, package
):
    for module in ("tensorflow", "matplotlib", "plotly"):
        package(module, "pip install 'kws-edge[train,explore]'")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings" / "yes").mkdir(parents=True)
    (tmp_path / "recordings" / "yes" / "anna_1.wav").touch()
    (tmp_path / "sweep.toml").write_text(f"[[model]]\narch = 'tiny_conv'\n{search}")
    with pytest.raises(SystemExit, match="2"):
        main(["sweep", "sweep.toml", "-o", "out", "--data", data])
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_prices_of_another_release_are_made_anew(tmp_path, package):
    package("tensorflow", "pip install 'kws-edge[train]'")
    (tmp_path / "sweep.toml").write_text("[[model]]\narch = 'tiny_conv'\noptions = { width = [1] }\n")
    settings = read_sweep(tmp_path / "sweep.toml")
    (first,) = select(settings, tmp_path)
    prices = tmp_path / "prices.json"
    ((key, entry),) = json.loads(prices.read_text()).items()
    assert Price(**entry) == first.price
    for other in ({**entry, "joules": 3}, {"macs": 3}, 7):
        prices.write_text(json.dumps({key: other}))
        (again,) = select(settings, tmp_path)
        # the names of layers that the file holds count the networks that a process has built
        assert dataclasses.replace(again.price, file_bytes=first.price.file_bytes) == first.price


@pytest.fixture
def swept(tones, tmp_path, package):
    """`swept(*arguments)` starts `kws-edge sweep` on tones."""
    for module in ("tensorflow", "matplotlib", "plotly"):
        package(module, "pip install 'kws-edge[train,explore]'")
    (tmp_path / "sweep.toml").write_text(SWEEP)
    command = [sys.executable, "-m", "kws_edge", "sweep", str(tmp_path / "sweep.toml"), "-o", str(tmp_path / "out")]

    def start(*arguments):
        return subprocess.Popen(
            [*command, "--data", str(tones.folder), "--jobs", "2", *arguments],
            env={**os.environ, "XDG_CACHE_HOME": str(tones.folder.parent / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def trainings_of(folder):
    """Ids of the processes of trainings that write into `folder`."""
    found = []
    for process in Path("/proc").glob("[1-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"train" in words and any(word.startswith(os.fsencode(folder)) for word in words):
            found.append(process.name)
    return found


@pytest.mark.slow
def test_a_killed_sweep_goes_on_in_the_middle_of_a_training(swept, tmp_path):
    folder = tmp_path / "out"
    sweep = swept()
    began = []
    while not began:
        assert sweep.poll() is None, sweep.communicate()
        time.sleep(0.05)
        began = [log for log in folder.glob("logs/*.log") if "float epoch 2/4" in log.read_text()]
    sweep.send_signal(signal.SIGKILL)
    sweep.communicate()
    while trainings_of(folder):  # they die with it
        time.sleep(0.05)
    assert not list(folder.glob("bundles/[!.]*"))
    prices = (folder / "prices.json").stat().st_mtime_ns

    sweep = swept("--json")
    said, warned = sweep.communicate()
    assert sweep.returncode == 0, warned
    assert (folder / "prices.json").stat().st_mtime_ns == prices
    for log in began:  # the epochs before the kill were not trained again
        assert log.read_text().count("float epoch 1/4") == log.read_text().count("float epoch 4/4") == 1
    results = {one["arch"]: one for one in json.loads(said) if one["dropped"] is None}
    assert set(results) == {"ds_cnn", "tiny_conv"}
    for one in results.values():
        (path,) = one["bundles"]
        bundle = read_bundle(folder / path)
        assert one["accuracy"] == bundle.metrics["validation_accuracy"]["qat"]
        # what it costs was known before it was trained; names and scales in the file vary a little
        price = price_of(bundle.int8_model)
        assert {**one["price"], "file_bytes": price.file_bytes} == asdict(price)
    reasons = {one["arch"]: one["dropped"] for one in json.loads(said) if one["dropped"] is not None}
    assert "weight_bytes" in reasons["ds_cnn"]
    assert "does not fit" in reasons["light_cnn"]
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "sweep.html").read_text(encoding="utf-8")
    assert all(one["name"] in page for one in results.values())
    assert "https://cdn" not in page.split("<body>")[1][:2000]
