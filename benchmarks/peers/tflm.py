"""TensorFlow Lite Micro on the same model: the generic-tflm export, linked with libraries that its own make has built.

TFLM comes from no package. TFLM_DIR names a checkout, in which for instance

    make -f tensorflow/lite/micro/tools/make/Makefile TARGET=cortex_m_generic TARGET_ARCH=cortex-m4 \\
        OPTIMIZED_KERNEL_DIR=cmsis_nn BUILD_TYPE=release microlite

has made a library under gen/; without OPTIMIZED_KERNEL_DIR it holds the reference kernels.
"""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware_export.codegen.firmware import Firmware
from firmware_export.codegen.firmware_model import ArenaNeed, FirmwareModel
from firmware_export.codegen.folder import write_export
from firmware_export.targets.qemu import build, run, size
from firmware_export.targets.registry import targets
from kws_edge.errors import FirmwareError
from kws_edge.runtime.oracle import open_oracle
from kws_edge.spec import DetectionSettings, FeatureSpec
from kws_edge.tflite_file import summarize
from kws_edge.verification.memory import measure_memory

HERE = Path(__file__).parent
CPU = "cortex-m4"
KERNELS = ("reference kernels", "CMSIS-NN")
_VARIABLE = "TFLM_DIR"
_LIBRARY = "lib/libtensorflow-microlite.a"
_INVOKE = "_ZN6tflite16MicroInterpreter6InvokeEv"
_DOWNLOADS = Path("tensorflow/lite/micro/tools/make/downloads")
_HEADERS = (Path(), _DOWNLOADS / "flatbuffers" / "include", _DOWNLOADS / "gemmlowp", _DOWNLOADS / "ruy")
# TFLM's Makefile: GENDIR and BUILD_TYPE; its cortex_m_generic_makefile.inc: FLOAT
_FOLDER = re.compile(
    rf"cortex_m_generic_{CPU}(?P<fpu>(\+s?fp)?)_(?P<build>[a-z_]+?)(?P<cmsis_nn>(_cmsis_nn)?)_gcc", re.ASCII
)
_FLOAT_ABI = {"": "soft", "+fp": "hard", "+sfp": "softfp"}
_DEFINES = {
    "default": ("TF_LITE_STATIC_MEMORY",),
    "debug": ("TF_LITE_STATIC_MEMORY",),
    "release": ("TF_LITE_STATIC_MEMORY", "NDEBUG", "TF_LITE_STRIP_ERROR_STRINGS"),
    "release_with_logs": ("TF_LITE_STATIC_MEMORY", "NDEBUG"),
    "no_tf_lite_static_memory": (),
}
# the harness, and the network's own bytes
_NOT_TFLM = ("startup.c", "semihosting.c", "kws_model.c")
_SECONDS_TO_RUN = 300.0


@dataclass(frozen=True, kw_only=True)
class TflmCost:
    """One inference in TFLM on a Cortex-M4."""

    # one of KERNELS
    kernels: str
    # of MicroInterpreter::Invoke, callees included
    instructions: int
    # what the interpreter says that it took of its arena
    arena_bytes: int
    # code and constants with interpreter, kernels and C library, but the .tflite file and the harness
    flash_bytes: int
    # the folder of the build, or why these figures are of another day and on what they were measured
    source: str
    # on this model, in this run
    measured: bool


_BEFOREHAND = "MLPerf Tiny's keyword spotting model, of the default's shape, on tflite-micro 90b983c2, GCC 12.2 -O2"
BEFOREHAND = (
    TflmCost(
        kernels="reference kernels",
        instructions=43_090_000,
        arena_bytes=22_772,
        flash_bytes=44_108,
        source=_BEFOREHAND,
        measured=False,
    ),
    TflmCost(
        kernels="CMSIS-NN",
        instructions=7_700_000,
        arena_bytes=22_820,
        flash_bytes=56_180,
        source=_BEFOREHAND,
        measured=False,
    ),
)


@dataclass(frozen=True)
class TflmLibrary:
    """A library of TFLM for the core, and how it was compiled."""

    path: Path
    # one of KERNELS
    kernels: str
    # the compiler's -mfloat-abi
    float_abi: str
    # what changes the layout of its structs, its log, or which kernels are registered
    defines: tuple[str, ...]


def checkout() -> Path | None:
    """The checkout that TFLM_DIR names, None without one. Raises FirmwareError when it is none."""
    name = os.environ.get(_VARIABLE)
    if not name:
        return None
    folder = Path(name).resolve()
    for needed in (folder / "tensorflow" / "lite" / "micro", *(folder / headers for headers in _HEADERS)):
        if not needed.is_dir():
            raise FirmwareError(f"{_VARIABLE}={name} has no folder {needed}; name a checkout whose make has run")
    return folder


def libraries_in(folder: Path) -> list[TflmLibrary]:
    """The libraries for Cortex-M4 that arm-none-eabi-gcc made under gen/ of a checkout."""
    found = []
    for path in sorted(folder.glob(f"gen/*/{_LIBRARY}")):
        match = _FOLDER.fullmatch(path.parents[1].name)
        if match and match["build"] in _DEFINES:
            optimized = bool(match["cmsis_nn"])
            # without it the kernels' headers make every int8 registration the one for all types
            defines = (*_DEFINES[match["build"]], *(("CMSIS_NN",) if optimized else ()))
            found.append(TflmLibrary(path, KERNELS[optimized], _FLOAT_ABI[match["fpu"]], defines))
    return found


def _fitted(features: FeatureSpec | None, model: bytes) -> FeatureSpec | None:
    """The front end that the export wants beside a network, of which nothing runs here: its own, or a default's shape.

    None where the default's features have another shape than the model's input.
    """
    given = summarize(model).input
    if features is None and given.shape == (1, *FeatureSpec().shape, 1):
        return dataclasses.replace(FeatureSpec(), scale=given.scale, zero_point=given.zero_point)
    return features


def exported(model: bytes, features: FeatureSpec, folder: Path) -> Path:
    """The sources that `kws-edge export --target generic-tflm --engine tflm` writes for `model`, in `folder`.

    Raises ExportError for a model that TFLM does not run.
    """
    need = measure_memory(model)
    labels = tuple(f"label{index}" for index in range(summarize(model).output.shape[-1]))
    firmware = Firmware(
        model=FirmwareModel(
            model=model,
            labels=labels,
            features=features,
            arena=ArenaNeed(need.measured_bytes, need.margin_bytes),
        ),
        detection=DetectionSettings(),
        engine="tflm",
        inference=open_oracle(model).run,
        source="the benchmark's model",
    )
    write_export(folder, targets()["generic-tflm"].files(firmware), force=False)
    return folder / "src"


def cost(
    library: TflmLibrary,
    source: Path,
    values: npt.NDArray[np.int8],
    expected: npt.NDArray[np.int8],
    tflm: Path,
    folder: Path,
) -> TflmCost:
    """One inference of `source`, which `exported` wrote, on the emulated core with `library` of the checkout `tflm`.

    `values` is int8[input elements]; programs are built in `folder`. Raises FirmwareError when TFLM's output is not
    `expected`, int8[output elements].
    """
    name = library.path.parents[1].name
    given = folder / f"{name}.input"
    given.write_bytes(values.tobytes())
    elf = build(
        [HERE / "tflm_invoke.cc", source / "kws_model.c"],
        CPU,
        folder / f"{name}.elf",
        defines=library.defines,
        include=[source],
        flags=[
            *("-x", "c++", "-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"),
            *(f"-isystem{tflm / headers}" for headers in _HEADERS),
        ],
        archives=[library.path],
        # stubs of what newlib's standard streams ask of an operating system: some builds' log writes to them
        libraries=["m", "c", "nosys"],
        float_abi=library.float_abi,
    )
    result = run(elf, inputs=[given], count=[_INVOKE], timeout_s=_SECONDS_TO_RUN)
    if result.exit_code or result.output != expected.tobytes():
        raise FirmwareError(f"TFLM of {name} ended with {result.exit_code}, or with other outputs than the engine")
    told = size(elf)
    return TflmCost(
        kernels=library.kernels,
        instructions=result.instructions[_INVOKE][0],
        arena_bytes=int(result.stdout),
        flash_bytes=told.flash_bytes - sum(told.sources[part].flash_bytes for part in _NOT_TFLM),
        source=name,
        measured=True,
    )


def costs(
    tflm: Path | None,
    model: bytes,
    features: FeatureSpec | None,
    values: npt.NDArray[np.int8],
    expected: npt.NDArray[np.int8],
    folder: Path,
) -> list[TflmCost]:
    """What each library of the checkout `tflm` costs; for kernels that it has none of, what was measured beforehand.

    `features` are the front end of `model`, if that is known. `values` is int8[input elements], `expected`
    int8[output elements]; programs are built in `folder`.
    """
    fitted = _fitted(features, model)
    why = f"set {_VARIABLE}" if tflm is None else f"no such library under gen/ of {_VARIABLE}"
    rows = []
    if tflm is not None and fitted is None:
        why = "the input is of another shape than a default front end's; give the bundle"
    elif tflm is not None and fitted is not None and (libraries := libraries_in(tflm)):
        source = exported(model, fitted, folder / "tflm")
        rows = [cost(library, source, values, expected, tflm, folder) for library in libraries]
    missing = [row for row in BEFOREHAND if row.kernels not in {one.kernels for one in rows}]
    rows += [dataclasses.replace(row, source=f"not measured: {why}; beforehand: {row.source}") for row in missing]
    return sorted(rows, key=lambda row: KERNELS.index(row.kernels))
