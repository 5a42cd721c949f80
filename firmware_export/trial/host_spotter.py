"""The whole exported spotter as a program on this machine, fed with a stream of any length while it runs."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from firmware_export.codegen.firmware import Firmware, spotter_files
from firmware_export.codegen.host import FAST_FLAGS, FORMS, WARNINGS
from firmware_export.targets.qemu import require_tool
from kws_edge.detection import Detection
from kws_edge.errors import FirmwareError

_PROGRAM = Path(__file__).with_name("listen.c")


@dataclass(frozen=True)
class SpotterResult:
    """What the spotter made of a whole stream."""

    detections: tuple[Detection, ...]
    # for each detection, samples of the stream that had been pushed
    end_samples: tuple[int, ...]
    inferences: int
    # CRC-32, as zlib has it, over the int8 logits of all inferences in order
    logits_crc32: int


class HostSpotter:
    """`firmware`, which must be on engine aot, compiled by gcc and listening to one stream; a context manager.

    Its program runs beside this process, so both compute at the same time. Raises DependencyError without gcc,
    FirmwareError if the firmware does not build.
    """

    def __init__(self, firmware: Firmware) -> None:
        if firmware.engine != "aot":
            raise FirmwareError("engine tflm needs TensorFlow Lite Micro's sources to be built; use engine aot")
        compiler = require_tool("gcc")
        self._folder = tempfile.TemporaryDirectory(prefix="kws-edge-spotter-")
        try:
            folder = Path(self._folder.name)
            files = spotter_files(firmware)
            for name, text in files.items():
                (folder / name).write_text(text, encoding="utf-8")
            sources = [str(folder / name) for name in sorted(files) if name.endswith(".c")]
            command = [
                compiler,
                *WARNINGS,
                *FAST_FLAGS,
                *FORMS["portable"],
                f"-I{folder}",
                *sources,
                str(_PROGRAM),
                "-o",
                str(folder / "listen"),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise FirmwareError(f"the spotter does not compile for the host: {done.stderr.strip()}")
            self._output = (folder / "detections.txt").open("w+b")
            self._process = subprocess.Popen([folder / "listen"], stdin=subprocess.PIPE, stdout=self._output)
        except BaseException:
            self._folder.cleanup()
            raise

    def push(self, samples: NDArray[np.int16]) -> None:
        """Feed int16[n] further samples; returns when the program has taken all but the last of them."""
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise FirmwareError(f"samples are {samples.dtype}{list(samples.shape)}; expected int16[n]")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(samples).tobytes())
        except BrokenPipeError:
            raise FirmwareError(f"the spotter on the host ended with {self._process.wait()}") from None

    def finish(self) -> SpotterResult:
        """End the stream and return what was made of it. Raises FirmwareError if the program failed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait()
        self._output.seek(0)
        *found, end = [line.split() for line in self._output.read().decode().splitlines()] or [[""]]
        if code or end[0] != "end":
            raise FirmwareError(f"the spotter on the host ended with {code}")
        rows = [tuple(map(int, line)) for line in found]
        return SpotterResult(
            detections=tuple(Detection(label, score, inference) for label, score, inference, _ in rows),
            end_samples=tuple(row[3] for row in rows),
            inferences=int(end[1]),
            logits_crc32=int(end[2]),
        )

    def close(self) -> None:
        """End the program, whatever it is doing, and remove what it was built from."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._output.close()
        self._folder.cleanup()

    def __enter__(self) -> HostSpotter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
