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

FLAGS = (*WARNINGS, "-O1", "-fPIC", f"-I{CORE}")


def kernels(folder: Path, form: str) -> list[str]:
    """Objects of all kernels in one form."""
    objects = []
    for name in KERNEL_SOURCES:
        objects.append(str(folder / f"{form}-{name}.o"))
        subprocess.run(["cc", *FLAGS, *FORMS[form], "-c", str(CORE / name), "-o", objects[-1]], check=True)
    return objects


def merged(networks: Sequence[CompiledNetwork]) -> str:
    """One source file of all networks, run_0, run_1 and so on; constants get names of their own."""
    parts = []
    for number, network in enumerate(networks):
        text = re.sub(r"\b([a-z][a-z0-9_]*_\d+)\b", rf"n{number}_\1", network.files["kws_network.c"])
        text = text.replace("kws_network_run", f"run_{number}").replace('#include "kws_network.h"', "")
        parts.append(f"int run_{number}(const int8_t *input, int8_t *output, void *arena);\n{text}")
    header = networks[0].files["kws_network.h"]
    return header + '#include <stddef.h>\n#include "kws_kernels.h"\n' + "\n".join(parts)


def run_all(
    networks: Sequence[CompiledNetwork],
    inputs: Sequence[npt.NDArray[np.int8]],
    forms: dict[str, list[str]],
    folder: Path,
) -> dict[str, list[npt.NDArray[np.int8]]]:
    """Outputs of every network for its own inputs [n, elements], in every form (name to objects of the kernels)."""
    source, compiled = folder / "networks.c", folder / "networks.o"
    source.write_text(merged(networks))
    subprocess.run(["cc", *FLAGS, "-c", str(source), "-o", str(compiled)], check=True)
    results: dict[str, list[npt.NDArray[np.int8]]] = {}
    for form, objects in forms.items():
        path = folder / f"{form}.so"
        subprocess.run(["cc", "-shared", str(compiled), *objects, "-o", str(path)], check=True)
        library = ctypes.CDLL(str(path))
        results[form] = [
            _run(library[f"run_{number}"], network, values)
            for number, (network, values) in enumerate(zip(networks, inputs, strict=True))
        ]
    return results


def _run(function: object, network: CompiledNetwork, values: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    outputs = np.empty((len(values), network.network.output.elements), np.int8)
    arena = np.empty(network.arena_bytes // 4 + 1, np.uint32)
    for given, made in zip(values, outputs, strict=True):
        addresses = [ctypes.c_void_p(one.ctypes.data) for one in (given, made, arena)]
        assert function(*addresses) == 0  # type: ignore[operator]  # a foreign function
    return outputs
