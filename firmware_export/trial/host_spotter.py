"""The whole exported spotter as a program on this machine, fed with a stream of any length while it runs."""

from __future__ import annotations

import queue
import subprocess
import tempfile
import threading
from contextlib import suppress
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

# pieces of sound, minutes as a rule, that may wait for the program
_QUEUED_PIECES = 4
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
            # a pipe holds some 4 s of sound: without a thread that feeds it, one process would wait for the other
            self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED_PIECES)
            self._feeder = threading.Thread(target=self._feed, daemon=True)
            self._feeder.start()
        except BaseException:
            self._folder.cleanup()
            raise

    def push(self, samples: NDArray[np.int16]) -> None:
        """Feed int16[n] further samples; they may still wait for the program when this returns."""
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise FirmwareError(f"samples are {samples.dtype}{list(samples.shape)}; expected int16[n]")
        self._queue.put(np.ascontiguousarray(samples).tobytes())

    def _feed(self) -> None:
        assert self._process.stdin is not None
        everything = False
        with suppress(BrokenPipeError):
            for piece in iter(self._queue.get, None):
                self._process.stdin.write(piece)
            everything = True
        if not everything:  # `finish` says with what the program ended
            for _ in iter(self._queue.get, None):
                pass
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def finish(self) -> SpotterResult:
        """End the stream and return what was made of it. Raises FirmwareError if the program failed."""
        self._queue.put(None)
        self._feeder.join()
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
        if self._feeder.is_alive():
            self._queue.put(None)
            self._feeder.join()
        self._output.close()
        self._folder.cleanup()

    def __enter__(self) -> HostSpotter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
