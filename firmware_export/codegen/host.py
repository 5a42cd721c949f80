"""A compiled network on this machine: the very C of the firmware, built by the host's compiler, called from Python."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_export.codegen.compiled import CORE, KERNEL_SOURCES, CompiledNetwork
from kws_edge.errors import DependencyError, ExportError

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror")
# for hours of sound: of gcc's and clang's sets of flags that were tried, the quickest with gcc 12 on x86-64
FAST_FLAGS = ("-O2", "-march=native", "-ftree-vectorize", "-funroll-loops")
FORMS = {
    "portable": ("-DKWS_PORTABLE",),
    "short_multiply": ("-DKWS_PORTABLE", "-DKWS_SHORT_MULTIPLY=1"),
    "dsp": ("-DKWS_SIMD_EMULATION",),
}


def _compile(command: Sequence[str]) -> None:
    if shutil.which(command[0]) is None:
        raise DependencyError(f"no C compiler {command[0]!r}; apt-get install gcc")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ExportError(f"the C does not compile: {' '.join(command)}\n{done.stderr}")


@cache
def _kernels(compiler: str, form: str, flags: tuple[str, ...]) -> tuple[tempfile.TemporaryDirectory[str], list[str]]:
    """Objects of all kernels, built once a process, and the folder that keeps them."""
    folder = tempfile.TemporaryDirectory(prefix="kws-kernels-")
    objects = []
    for name in KERNEL_SOURCES:
        objects.append(str(Path(folder.name) / f"{name}.o"))
        _compile([compiler, *WARNINGS, *flags, *FORMS[form], "-fPIC", "-c", str(CORE / name), "-o", objects[-1]])
    return folder, objects


class HostNetwork:
    """`network` built as a shared library; a context manager, because the library lives in a temporary folder.

    `form` is "portable", "short_multiply" (as on a Cortex-M0) or "dsp" (with the DSP instructions emulated in C).
    `flags` go to the compiler.
    Raises DependencyError without a C compiler, ExportError when the C does not compile.
    """

    def __init__(
        self,
        network: CompiledNetwork,
        *,
        form: str = "portable",
        compiler: str = "cc",
        flags: tuple[str, ...] = ("-O2",),
    ) -> None:
        self._network = network
        objects = _kernels(compiler, form, flags)[1]
        self._folder = tempfile.TemporaryDirectory(prefix="kws-network-")
        folder = Path(self._folder.name)
        try:
            for name, text in network.files.items():
                (folder / name).write_text(text, encoding="utf-8")
            library, source = str(folder / "network.so"), str(folder / "kws_network.c")
            include = f"-I{CORE}"
            _compile([compiler, *WARNINGS, *flags, include, "-shared", "-fPIC", source, *objects, "-o", library])
            self._library = ctypes.CDLL(library)
        except BaseException:
            self._folder.cleanup()
            raise
        self._run = self._library.kws_network_run
        self._run.argtypes = [ctypes.c_void_p] * 3
        self._run.restype = ctypes.c_int

    def run(self, inputs: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """int8[n, ...input shape without its batch] (or anything of n * that size) to int8[n, outputs]."""
        graph = self._network.network
        flat: npt.NDArray[np.int8] = np.ascontiguousarray(inputs, np.int8).reshape(-1, graph.input.elements)
        outputs = np.empty((len(flat), graph.output.elements), np.int8)
        # known bytes right behind the arena show a kernel that leaves it
        used = self._network.arena_bytes // 4
        arena: npt.NDArray[np.uint32] = np.full(used + 2, 0xA5A5A5A5, np.uint32)
        for given, made in zip(flat, outputs, strict=True):
            code = self._run(given.ctypes.data, made.ctypes.data, arena.ctypes.data)
            if code:
                raise ExportError(f"kws_network_run returned {code}")
        if (arena[used:] != 0xA5A5A5A5).any():
            raise ExportError("the network wrote past its arena")
        return outputs

    def close(self) -> None:
        """Unload the library and remove its folder."""
        import _ctypes

        if self._library is not None:
            handle: Any = self._library._handle
            self._library = None  # type: ignore[assignment]  # closed for good
            _ctypes.dlclose(handle)
            self._folder.cleanup()

    def __enter__(self) -> HostNetwork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
