"""Random networks under address and undefined-behaviour sanitizers, with memory of exactly the stated sizes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from random_networks import random_network
from tflm import inputs_for

from firmware_export.codegen.compiled import CORE, KERNEL_SOURCES, compile_network
from firmware_export.codegen.host import FORMS, WARNINGS, HostNetwork

NETWORKS, INPUTS = 40, 4
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

_MAIN = """
#include <stdio.h>
#include <stdlib.h>

#include "kws_network.h"

int main(void) {
  int8_t *input = malloc(KWS_NETWORK_INPUT_BYTES);
  int8_t *output = malloc(KWS_NETWORK_OUTPUT_BYTES);
  void *arena = malloc(KWS_NETWORK_ARENA_BYTES);
  if (kws_network_run(NULL, output, arena) != KWS_NETWORK_NULL) return 1;
  while (fread(input, KWS_NETWORK_INPUT_BYTES, 1, stdin) == 1) {
    if (kws_network_run(input, output, arena) != KWS_NETWORK_OK) return 2;
    fwrite(output, KWS_NETWORK_OUTPUT_BYTES, 1, stdout);
  }
  free(input);
  free(output);
  free(arena);
  return 0;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_nothing_undefined_and_nothing_outside(form: str, tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    compiler = tool("gcc", "apt-get install gcc")
    flags = [*WARNINGS, "-O1", "-g", *SANITIZERS, *FORMS[form], f"-I{CORE}"]
    kernels = []
    for name in KERNEL_SOURCES:
        kernels.append(str(tmp_path / f"{name}.o"))
        subprocess.run([compiler, *flags, "-c", str(CORE / name), "-o", kernels[-1]], check=True)
    for seed in range(3000, 3000 + NETWORKS):
        network = compile_network(random_network(seed), source=f"random network {seed}")
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, text in {**network.files, "main.c": _MAIN}.items():
            (folder / name).write_text(text)
        sources = [str(folder / "main.c"), str(folder / "kws_network.c")]
        subprocess.run([compiler, *flags, f"-I{folder}", *sources, *kernels, "-o", str(folder / "run")], check=True)
        values = inputs_for(network.network, INPUTS, seed)
        done = subprocess.run([str(folder / "run")], input=values.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0, (seed, done.stderr.decode(errors="replace")[:2000])
        with HostNetwork(network) as host:
            assert done.stdout == host.run(values).tobytes(), seed
        assert np.frombuffer(done.stdout, np.int8).size
