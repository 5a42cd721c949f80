"""The command line starts without TensorFlow, and tells its user in one line what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
import typer

from firmware_export.targets.registry import targets
from kws_edge import __version__
from kws_edge.bundle import Bundle
from kws_edge.cli import main
from kws_edge.cli.app import app
from kws_edge.verification.budget import preset_names

VERBS = ("data", *(command.callback.__name__ for command in app.registered_commands if command.callback))
HEAVY = ("tensorflow", "keras", "ai_edge_litert", "tflite_micro", "numpy", "scipy", "soundfile", "matplotlib", "rich")


def kws_edge(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "kws_edge", *arguments], capture_output=True, text=True)


def test_starting_imports_nothing_heavy() -> None:
    """What makes a start slow is imports, so they are checked rather than a clock."""
    program = f"import sys; import kws_edge.cli.app; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_verb() -> None:
    done = kws_edge("--help")
    assert done.returncode == 0
    assert len(VERBS) > 10
    assert all(f" {verb} " in done.stdout for verb in VERBS)
    for said in (done.stdout, kws_edge("data", "--help").stdout):
        assert "..." not in said.partition("Commands:")[2], "a verb is cut off in the middle of what it does"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert not ended.value.code
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Usage: ")
    assert f" {verb} [OPTIONS] " in said


@pytest.mark.parametrize(
    ("verb", "option", "names"),
    [
        ("export", "--target", targets().keys()),
        ("verify", "--budget", preset_names()),
        ("report", "--budget", preset_names()),
    ],
)
def test_a_choice_of_names_is_in_the_help(verb: str, option: str, names: Collection[str]) -> None:
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]  # a group, by its class
    (help_text,) = (parameter.help for parameter in command.params if option in parameter.opts)
    assert set(re.findall(r"[a-z][\w-]+", help_text)) >= set(names)


def test_the_version_is_the_packages() -> None:
    assert kws_edge("--version").stdout == f"kws-edge {__version__}\n"


@pytest.mark.parametrize("verb", ["show", "verify", "export"])
def test_a_missing_bundle_is_one_line_and_exit_code_2(verb: str, tmp_path: Path) -> None:
    extra = ["--c-header", "-o", tmp_path / "out"] if verb == "export" else []
    done = kws_edge(verb, tmp_path / "gone", *extra)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"kws-edge: {tmp_path / 'gone'} is no bundle: it does not exist\n"


@pytest.mark.parametrize("arguments", [["verify"], ["verify", "b", "--split", "tset"], ["nonsense"], ["show", "--jsn"]])
def test_a_wrong_command_is_exit_code_2_without_a_trace(arguments: list[str]) -> None:
    done = kws_edge(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["verify", "b", "--margin", "inf"], ["bench", "b", "--seconds", "inf"]])
def test_a_number_without_end_is_refused(arguments: list[str]) -> None:
    done = kws_edge(*arguments)
    assert done.returncode == 2
    assert "Invalid value" in done.stderr


@pytest.mark.slow
def test_an_edited_bundle_is_refused_by_every_verb(trained_bundle: Bundle, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in trained_bundle.path.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    model = copy / "model_int8.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"\x01\x02")
    for command in (["show", copy], ["verify", copy], ["export", copy, "--c-header", "-o", tmp_path / "out"]):
        done = kws_edge(*command)
        assert done.returncode == 2
        assert "model_int8.tflite" in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
