"""`kws-edge layers` as its user meets it: tables, pictures, JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kws_edge.bundle import Bundle
from kws_edge.corpus import Corpus

pytestmark = pytest.mark.slow


def layers(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws_edge", "layers", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(autouse=True)
def tools(tool: Callable[[str, str], str]) -> None:
    install = "apt-get install --no-install-recommends"
    tool("arm-none-eabi-gcc", f"{install} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", f"{install} qemu-system-arm")


def test_everything_at_once_in_tables_and_pictures(trained_bundle: Bundle, tones: Corpus, tmp_path: Path) -> None:
    options = ("--parity", "--quantization", "--data", tones.folder, "--clips", "10", "--plot", tmp_path / "plots")
    done = layers(trained_bundle.path, *options)
    assert done.returncode == 0, done.stderr
    for layer in ("convolution_1", "depthwise_2", "average_pool_1"):
        assert len(re.findall(rf"^{layer} ", done.stdout, re.MULTILINE)) == 3, done.stdout
    for expected in (
        "cortex-m4 instr.",
        "engine aot's arena: ",
        "p95 ms",
        "200 inferences on this",
        "10 clips",
        "by more than rounding, in any layer",
        "SQNR dB",
        "loses most",
    ):
        assert expected in done.stdout
    for name in ("memory.png", "time.png"):
        assert (tmp_path / "plots" / name).read_bytes().startswith(b"\x89PNG")


def test_json_holds_the_costs_of_every_layer(trained_bundle: Bundle) -> None:
    done = layers(trained_bundle.path, "--core", "cortex-m3", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) == {"costs", "latency"}
    assert report["costs"]["core"] == "cortex-m3"
    assert sum(layer["instructions"] for layer in report["costs"]["layers"]) > 10_000
    assert {each["interpreter"] for each in report["latency"]} >= {"litert_reference", "litert_xnnpack", "aot"}


def test_an_unknown_core_lists_those_there_are(trained_bundle: Bundle) -> None:
    done = layers(trained_bundle.path, "--core", "avr")
    assert done.returncode == 2
    assert "no emulated board has a 'avr'; choose one of cortex-m0" in done.stderr
