"""A broken model is a clear error, or else the code for what it says: never a crash, a hang, or memory without end."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import numpy.typing as npt
import pytest
from mutations import mutated
from random_networks import random_network
from tflm import inputs_for, tflm_outputs

from firmware_export.codegen.compiled import CompiledNetwork, compile_network
from firmware_export.codegen.host import HostNetwork
from kws_edge.errors import ExportError

FAST, ALL = 400, 10_000
COMPILED_EVERY = 4  # of the mutants that still mean something, how many are compiled and run beside TFLM
HANG_S = 120
MOST_MEMORY_KIB = 1 << 20


def ring(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"a mutated model took more than {HANG_S} s")


def tflm_or_nothing(
    model: bytes, inputs: npt.NDArray[np.int8], network: CompiledNetwork
) -> npt.NDArray[np.int8] | None:
    """TFLM's outputs from a process of its own, because it may die of such a file; None if it does or refuses."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            faulthandler.disable()  # nobody needs the trace of TFLM's death
            resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            outputs = tflm_outputs(model, inputs, network.network.input.shape)
            with os.fdopen(write, "wb") as pipe:
                pipe.write(outputs.tobytes())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    if len(content) != len(inputs) * network.network.output.elements:
        return None
    return np.frombuffer(content, np.int8).reshape(len(inputs), -1)


def fuzz(count: int, first_seed: int) -> dict[str, int]:
    tally = {"refused": 0, "accepted": 0, "compared": 0}
    signal.signal(signal.SIGALRM, ring)
    for seed in range(first_seed, first_seed + count):
        model = mutated(random_network(seed % 97), np.random.default_rng(seed))
        signal.alarm(HANG_S)
        try:
            network = compile_network(model, source=f"mutant {seed}")
        except ExportError as error:
            assert str(error).startswith(f"mutant {seed}: "), error
            tally["refused"] += 1
            continue
        tally["accepted"] += 1
        if tally["accepted"] % COMPILED_EVERY or network.arena_bytes > 1 << 20:
            continue
        inputs = inputs_for(network.network, 4, seed)
        expected = tflm_or_nothing(model, inputs, network)
        with HostNetwork(network, form=("portable", "dsp")[seed % 2]) as host:
            outputs = host.run(inputs)
        if expected is not None:
            tally["compared"] += 1
            assert (outputs == expected).all(), f"mutant {seed} is computed differently by TFLM"
    return tally


def check(count: int, first_seed: int) -> None:
    """Fuzz in a process of its own, whose memory is only the fuzzing's and which has no threads to fork away from."""
    command = [sys.executable, __file__, str(count), str(first_seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tally = json.loads(done.stdout)
    assert tally["refused"] > count // 4, tally
    assert tally["compared"] > count // 200, tally
    assert tally["most_memory_kib"] < MOST_MEMORY_KIB, tally


def test_mutated_models(tool: Callable[[str, str], str], package: Callable[[str, str], None]) -> None:
    tool("cc", "apt-get install gcc")
    package("tflite_micro", "pip install 'kws-edge[train]'")
    check(FAST, 0)


@pytest.mark.slow
def test_10000_mutated_models(tool: Callable[[str, str], str], package: Callable[[str, str], None]) -> None:
    tool("cc", "apt-get install gcc")
    package("tflite_micro", "pip install 'kws-edge[train]'")
    check(ALL, 10_000)


def most_memory_kib() -> int:
    """The peak of this program alone: getrusage would count what the process was before it began to run it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])


if __name__ == "__main__":
    found = fuzz(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({**found, "most_memory_kib": most_memory_kib()}))
