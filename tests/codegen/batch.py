"""Many compiled networks in one shared library: most of the time of a comparison is the compiler's start."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware_export.codegen.compiled import CORE, KERNEL_SOURCES, CompiledNetwork
from firmware_export.codegen.host import FORMS, WARNINGS

CMSIS_NN = "-DKWS_USE_CMSIS_NN"
FLAGS = (*WARNINGS, "-O1", "-fPIC", f"-I{CORE}")


def kernels(folder: Path, form: str, more: Sequence[str] = ()) -> list[str]:
    """Objects of all kernels in one form; `more` flags go to the compiler."""
    objects = []
    for name in KERNEL_SOURCES:
        objects.append(str(folder / f"{form}-{name}.o"))
        subprocess.run(["cc", *FLAGS, *FORMS[form], *more, "-c", str(CORE / name), "-o", objects[-1]], check=True)
    return objects


def merged(networks: Sequence[CompiledNetwork], file: str) -> str:
    """One source file of all networks, run_0, run_1 and so on; constants get names of their own."""
    parts = []
    for number, network in enumerate(networks):
        text = re.sub(r"\b([a-z][a-z0-9_]*_\d+)\b", rf"n{number}_\1", network.files[file])
        text = text.replace("kws_network_run", f"run_{number}").replace('#include "kws_network.h"', "")
        parts.append(f"int run_{number}(const int8_t *input, int8_t *output, void *arena);\n{text}")
    header = networks[0].files["kws_network.h"]
    return header + '#include <stddef.h>\n#include "kws_kernels.h"\n' + "\n".join(parts)


def run_all(
    networks: Sequence[CompiledNetwork],
    inputs: Sequence[npt.NDArray[np.int8]],
    forms: dict[str, list[str]],
    folder: Path,
    more: Sequence[str] = (),
) -> dict[str, list[npt.NDArray[np.int8]]]:
    """Outputs of every network for its own inputs [n, elements], in every form (name to objects of the kernels).

    `more` flags go to the compiler of the networks; -DKWS_USE_CMSIS_NN among them puts them on CMSIS-NN's kernels.
    """
    on_cmsis_nn = CMSIS_NN in more
    source, compiled = folder / "networks.c", folder / "networks.o"
    source.write_text(merged(networks, "kws_network_cmsis_nn.c" if on_cmsis_nn else "kws_network.c"))
    subprocess.run(["cc", *FLAGS, *more, "-c", str(source), "-o", str(compiled)], check=True)
    results: dict[str, list[npt.NDArray[np.int8]]] = {}
    for form, objects in forms.items():
        path = folder / f"{form}.so"
        subprocess.run(["cc", "-shared", str(compiled), *objects, "-o", str(path)], check=True)
        library = ctypes.CDLL(str(path))
        results[form] = [
            _run(library[f"run_{number}"], network, values, (network.cmsis_nn if on_cmsis_nn else network).arena_bytes)
            for number, (network, values) in enumerate(zip(networks, inputs, strict=True))
        ]
    return results


def _run(
    function: object, network: CompiledNetwork, values: npt.NDArray[np.int8], arena_bytes: int
) -> npt.NDArray[np.int8]:
    outputs = np.empty((len(values), network.network.output.elements), np.int8)
    # one word of known bytes behind the arena shows a kernel that leaves it
    arena: npt.NDArray[np.uint32] = np.full(arena_bytes // 4 + 2, 0xA5A5A5A5, np.uint32)
    for given, made in zip(values, outputs, strict=True):
        addresses = [ctypes.c_void_p(one.ctypes.data) for one in (given, made, arena)]
        assert function(*addresses) == 0  # type: ignore[operator]  # a foreign function
    assert arena[-1] == 0xA5A5A5A5
    return outputs
