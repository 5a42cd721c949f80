"""The keyword spotter of one bundle as C: the hand-written core and everything that is generated beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from firmware_export.codegen.compiled import CompiledNetwork, compile_network
from firmware_export.codegen.config import config_files
from firmware_export.codegen.firmware_model import FirmwareModel
from firmware_export.codegen.frontend import FRONTEND_CORE_FILES, frontend_files
from firmware_export.codegen.golden import golden_files
from firmware_export.codegen.tflm_engine import ALIGNMENT_BYTES, tflm_arena_bytes, tflm_engine_files
from kws_edge.detection import DetectorTables, detector_tables, inference_rows
from kws_edge.spec import DetectionSettings

CORE = Path(__file__).parents[1] / "core"

Engine: TypeAlias = Literal["aot", "tflm"]
ENGINES: tuple[Engine, ...] = ("aot", "tflm")
# int8[n, frames, columns] to int8[n, labels], by TFLM or what is bit-identical to it
Inference: TypeAlias = Callable[[NDArray[np.int8]], NDArray[np.int8]]

_SPOTTER = (
    "kws_detector.c",
    "kws_detector.h",
    "kws_engine.h",
    "kws_selftest.c",
    "kws_selftest.h",
    "kws_spotter.c",
    "kws_spotter.h",
)
_AOT_ENGINE = "kws_engine_aot.c"


@dataclass(frozen=True, kw_only=True)
class Firmware:
    """A bundle's model with its settings, on one engine: what every export target is made from."""

    model: FirmwareModel
    detection: DetectionSettings
    engine: Engine
    # computes the expected outputs of the self-test
    inference: Inference
    # names the model in errors
    source: str

    @cached_property
    def network(self) -> CompiledNetwork:
        """The network compiled ahead of time; raises ExportError for what engine aot does not compute."""
        return compile_network(self.model.model, source=self.source)

    @cached_property
    def detector(self) -> DetectorTables:
        """The detector's integers; raises SettingsError for settings that do not fit the model."""
        return detector_tables(self.detection, self.model.features, self.model.labels, self.model.summary.output.scale)

    @property
    def inference_rows(self) -> int:
        """Rows of features between two inferences."""
        return inference_rows(self.detection, self.model.features)

    @property
    def arena_bytes(self) -> int:
        """Bytes of the engine's arena; raises ExportError where TFLM did not measure its own."""
        if self.engine == "aot":
            return max(self.network.arena_bytes, 4)
        return tflm_arena_bytes(self.model)

    @property
    def arena_alignment(self) -> int:
        """Bytes; a power of two."""
        return 4 if self.engine == "aot" else ALIGNMENT_BYTES


def spotter_files(firmware: Firmware) -> dict[str, str]:
    """Every C and C++ file of the spotter by name, to be compiled together in one flat folder.

    With engine tflm these need TensorFlow Lite Micro's headers and library beside them. The same firmware gives the
    same text. Raises ExportError for a model that the engine cannot run, SettingsError for impossible settings.
    """
    return {**core_files(firmware), **engine_files(firmware)}


def license_files() -> dict[str, str]:
    """The terms of the core's files, by name: whoever hands these files on hands it on with them."""
    return _core(("LICENSE",))


def engine_files(firmware: Firmware) -> dict[str, str]:
    """What implements kws_engine.h with this model."""
    if firmware.engine == "tflm":
        return tflm_engine_files(firmware.model)
    core = [_AOT_ENGINE, *(path.name for path in firmware.network.core_files)]
    return {**_core(core), **firmware.network.files}


def core_files(firmware: Firmware) -> dict[str, str]:
    """The spotter without its engine: front end, detector, self-test, sizes and settings."""
    spec = firmware.model.features
    return {
        **_core((*FRONTEND_CORE_FILES, *_SPOTTER)),
        **frontend_files(spec),
        **config_files(
            firmware.model,
            firmware.detector,
            engine=firmware.engine,
            inference_rows=firmware.inference_rows,
            arena_bytes=firmware.arena_bytes,
            cmsis_nn_arena_bytes=firmware.network.cmsis_nn.arena_bytes if firmware.engine == "aot" else None,
            arena_alignment=firmware.arena_alignment,
        ),
        **golden_files(spec, firmware.detection, firmware.detector, firmware.inference),
    }


def _core(names: Iterable[str]) -> dict[str, str]:
    return {name: (CORE / name).read_text(encoding="utf-8") for name in names}
