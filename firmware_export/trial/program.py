"""Build the trial's program around exported firmware, run it, and read what it wrote."""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_export.codegen.firmware import Firmware, spotter_files
from firmware_export.targets.qemu import build, require_tool, run, size
from firmware_export.targets.qemu import toolchain as qemu_toolchain
from kws_edge.detection import Detection
from kws_edge.errors import FirmwareError

# where firmware can be tried: natively, or on an emulated core
PLACES = ("host", "cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")

_HERE = Path(__file__).parent
_HARNESS_SOURCES = ("main.c", "startup.c", "semihosting.c")
_FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror")
_COUNTED = ("kws_spotter_push", "kws_frontend_push", "kws_engine_run")
# what main.c is told: 1 for the self-test, samples of each recording
_REQUEST = struct.Struct("<II")
_NO_LABEL = 255
# what engine aot packs of a model into its generated source: every constant but the operators' structs
_MODEL_CONSTANT = re.compile(r"(weights|bias|bias_and_shift|multiplier|shift)_\d+$")
_WEIGHTS = re.compile(r"weights_\d+$")
_SECONDS_TO_BOOT = 60.0
# a portable build on a Cortex-M0 takes some 200 million instructions for a second of audio
_SECONDS_PER_SECOND = {"host": 1.0, "emulated": 30.0}


@dataclass(frozen=True)
class Memory:
    """What the spotter takes, in bytes; the trial's own program is not counted."""

    # code, constants and weights
    flash_bytes: int
    # of these the model's own: weights, biases, multipliers and shifts; None where they are not told apart
    model_constants_bytes: int | None
    # of these the weights alone; None where they are not told apart
    weights_bytes: int | None
    # of these the self-test and what it expects, which an application may leave out; None where not told apart
    selftest_flash_bytes: int | None
    # kws_spotter: front end, features, detector
    spotter_bytes: int
    # the engine's arena
    arena_bytes: int
    # deepest stack while samples were pushed, painted and measured
    stack_bytes: int
    # the same while the self-test ran
    selftest_stack_bytes: int

    @property
    def ram_bytes(self) -> int:
        """All of the RAM: spotter, arena and stack."""
        return self.spotter_bytes + self.arena_bytes + self.stack_bytes


@dataclass(frozen=True)
class Instructions:
    """Instructions of the whole run, exact and repeatable; not cycles."""

    # everything from samples to detections
    total: int
    # the front end's part
    frontend: int
    # the network's part
    network: int


@dataclass(frozen=True, eq=False)
class Trial:
    """What firmware did with audio."""

    # one of PLACES
    place: str
    # how many were pushed
    samples: int
    # "PASS", or the first stage that differs
    selftest: str
    # uint32[inferences], FNV-1a over the bytes of the features that each inference saw
    features: NDArray[np.uint32]
    # uint32[inferences], samples of the stream that had been pushed
    end_samples: NDArray[np.uint32]
    # int8[inferences, labels]
    logits: NDArray[np.int8]
    detections: tuple[Detection, ...]
    memory: Memory
    # None on the host
    instructions: Instructions | None


def check_place(place: str) -> None:
    """Raise FirmwareError unless firmware can be tried on `place`, DependencyError if its toolchain is missing."""
    if place not in PLACES:
        raise FirmwareError(f"no firmware can be run on {place!r}; choose one of {', '.join(PLACES)}")
    for program in ("gcc", "size") if place == "host" else ("arm-none-eabi-gcc", "qemu-system-arm", "gcc"):
        require_tool(program)


def check_engine(engine: str) -> None:
    """Raise FirmwareError unless firmware on `engine` can be tried."""
    if engine == "tflm":
        raise FirmwareError(
            "--engine tflm: this engine lives in TensorFlow Lite Micro's own C++, which is not brought; with a "
            "checkout, TFLM_DIR=<checkout> python -m pytest tests/targets/test_tflm_checkout.py builds and runs it; "
            "firmware of this bundle: kws-edge export --engine tflm, with a self-test for the board"
        )
    if engine != "aot":
        raise FirmwareError(f"--engine {engine}: no such engine; only aot can be run")


def try_firmware(
    firmware: Firmware,
    place: str,
    samples: NDArray[np.int16],
    *,
    recording_samples: int = 0,
    count: bool = True,
    optimization: str = "-O2",
    defines: Sequence[str] = (),
    folder: Path | None = None,
) -> Trial:
    """Build `firmware`, which must be on engine aot, for `place` and push `samples` (int16[n]) through it.

    `recording_samples` makes every so many samples a stream of its own; 0 is one stream. `count` counts instructions
    where the place is emulated, which takes longer. `defines` are given to the compiler. The program and what it is
    made of stay in `folder`, if that is given. Raises DependencyError for a missing toolchain with the line that
    installs it, FirmwareError if the firmware does not build, fit or end, ExportError for a model that cannot be
    exported.
    """
    check_place(place)
    check_engine(firmware.engine)
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise FirmwareError(f"samples are {samples.dtype}{list(samples.shape)}; expected int16[n]")
    with tempfile.TemporaryDirectory(prefix="kws-edge-trial-") as name:
        work = folder or Path(name)
        work.mkdir(parents=True, exist_ok=True)
        files = spotter_files(firmware)
        for file, text in files.items():
            (work / file).write_text(text, encoding="utf-8")
        audio, self_test, streams = work / "samples.raw", work / "selftest.raw", work / "streams.raw"
        audio.write_bytes(np.ascontiguousarray(samples).astype("<i2").tobytes())
        self_test.write_bytes(_REQUEST.pack(1, 0))
        streams.write_bytes(_REQUEST.pack(0, recording_samples))
        program = _Program(
            work,
            [work / file for file in sorted(files) if file.endswith(".c")],
            optimization,
            tuple(defines),
            len(samples) / firmware.model.features.sample_rate_hz,
        )
        on = _on_host(program) if place == "host" else _emulated(program, place, count=count)
        verdict = on.run((audio, self_test))
        done = on.run((audio, streams))
        return _trial(place, len(samples), len(firmware.model.labels), verdict.stdout, done, on.flash)


@dataclass(frozen=True)
class _Program:
    folder: Path
    sources: list[Path]
    optimization: str
    defines: tuple[str, ...]
    # of audio
    seconds: float

    def timeout_s(self, kind: str) -> float:
        return _SECONDS_TO_BOOT + self.seconds * _SECONDS_PER_SECOND[kind]


@dataclass(frozen=True)
class _Flash:
    total: int
    constants: int | None
    weights: int | None
    selftest: int | None


@dataclass(frozen=True)
class _Run:
    stdout: str
    output: bytes
    instructions: Instructions | None


@dataclass(frozen=True)
class _Built:
    flash: _Flash
    # of the two inputs
    run: Callable[[tuple[Path, Path]], _Run]


def _on_host(program: _Program) -> _Built:
    compiler = require_tool("gcc")
    objects = []
    flags = [program.optimization, *(f"-D{define}" for define in program.defines), f"-I{qemu_toolchain.HERE}"]
    for source in [*program.sources, _HERE / "main.c", _HERE / "host.c"]:
        target = program.folder / f"host-{source.stem}.o"
        standard = ["-std=gnu99"] if source.name == "host.c" else list(_FLAGS)
        renamed = ["-Dmain=kws_trial_main"] if source.name == "main.c" else []
        command = [compiler, *standard, *flags, *renamed, f"-I{program.folder}", "-c", str(source), "-o", str(target)]
        _completed(command, f"compiling {source.name} for the host")
        objects.append(str(target))
    binary, output = program.folder / "trial", program.folder / "output.raw"
    # bound at load: resolving a symbol at its first call would take kilobytes of the stack that is measured
    _completed([compiler, *objects, "-Wl,-z,now", "-o", str(binary)], "linking for the host")
    listing = _completed([require_tool("size"), *objects[:-2]], "size")
    text_and_data = sum(int(line.split()[0]) + int(line.split()[1]) for line in listing.splitlines()[1:])

    def run_it(inputs: tuple[Path, Path]) -> _Run:
        command = [str(binary), *map(str, inputs), str(output)]
        stdout = _completed(command, "the trial on the host", program.timeout_s("host"))
        return _Run(stdout, output.read_bytes(), None)

    return _Built(_Flash(text_and_data, None, None, None), run_it)


def _emulated(program: _Program, cpu: str, *, count: bool) -> _Built:
    elf = build(
        [*program.sources, _HERE / "main.c"],
        cpu,
        program.folder / f"trial-{cpu}.elf",
        optimization=program.optimization,
        defines=program.defines,
        include=[program.folder],
        flags=_FLAGS,
    )
    counted = _COUNTED if count else ()

    def run_it(inputs: tuple[Path, Path]) -> _Run:
        done = run(elf, inputs=inputs, count=counted, timeout_s=program.timeout_s("emulated"))
        if done.exit_code:
            raise FirmwareError(f"the trial on {cpu} ended with {done.exit_code}; it printed: {done.stdout!r}")
        totals = [sum(done.instructions[name]) for name in counted]
        return _Run(done.stdout, done.output, Instructions(*totals) if totals else None)

    sources = {name: part.flash_bytes for name, part in size(elf).sources.items() if name not in _HARNESS_SOURCES}
    self_test = sum(sources.get(name, 0) for name in ("kws_selftest.c", "kws_golden.c"))
    constants = sum(symbol.bytes for symbol in elf.symbols if _MODEL_CONSTANT.match(symbol.name))
    weights = sum(symbol.bytes for symbol in elf.symbols if _WEIGHTS.match(symbol.name))
    return _Built(_Flash(sum(sources.values()), constants, weights, self_test), run_it)


def _completed(command: Sequence[str], what: str, timeout_s: float | None = None) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise FirmwareError(f"{what} did not end within {timeout_s:g} s") from None
    if done.returncode:
        raise FirmwareError(f"{what} failed with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _trial(place: str, samples: int, labels: int, verdict: str, done: _Run, flash: _Flash) -> Trial:
    record = np.dtype(
        [("features", "<u4"), ("end", "<u4"), ("label", "u1"), ("score", "<u2"), ("logits", "i1", (labels,))]
    )
    records = np.frombuffer(done.output, record)
    selftest = re.search(r"^selftest (.+)$", verdict, re.MULTILINE)
    if selftest is None:
        raise FirmwareError(f"the self-test on {place} did not end; it printed: {verdict!r}")
    numbers = {
        key: int(value) for key, value in re.findall(r"^(\w+_bytes) (\d+)$", verdict + done.stdout, re.MULTILINE)
    }
    return Trial(
        place=place,
        samples=samples,
        selftest=selftest[1],
        features=records["features"].copy(),
        end_samples=records["end"].copy(),
        logits=records["logits"].copy(),
        detections=tuple(
            Detection(int(records["label"][inference]), int(records["score"][inference]), int(inference))
            for inference in np.flatnonzero(records["label"] != _NO_LABEL)
        ),
        memory=Memory(
            flash_bytes=flash.total,
            model_constants_bytes=flash.constants,
            weights_bytes=flash.weights,
            selftest_flash_bytes=flash.selftest,
            **numbers,
        ),
        instructions=done.instructions,
    )
