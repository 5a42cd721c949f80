"""Exported folders of a small firmware, in every layout and on every engine that it carries."""

from __future__ import annotations

import dataclasses
import sys
from functools import cache
from pathlib import Path

from firmware_export.codegen.firmware import Engine, Firmware
from firmware_export.codegen.firmware_model import ArenaNeed
from firmware_export.codegen.folder import write_export
from firmware_export.targets.registry import targets
from kws_edge.spec import FeatureSpec

sys.path.append(str(Path(__file__).parents[1] / "firmware"))
from small_firmware import small_firmware

# those that are made for somebody's SDK: target, engine
SDK_EXPORTS: tuple[tuple[str, Engine], ...] = (
    ("arduino", "aot"),
    ("arduino", "tflm"),
    ("esp-idf", "aot"),
    ("esp-idf", "tflm"),
    ("generic-tflm", "tflm"),
    ("platformio", "aot"),
    ("platformio", "tflm"),
    ("zephyr", "aot"),
    ("zephyr", "tflm"),
)
RATES_HZ = (8000, 16000)


@cache
def firmware_on(engine: Engine, sample_rate_hz: int = 8000) -> Firmware:
    """A small untrained network on `engine`; what TFLM needs for it is stated, not measured."""
    firmware = small_firmware(FeatureSpec(sample_rate_hz=sample_rate_hz))
    if engine == "aot":
        return firmware
    model = dataclasses.replace(firmware.model, arena=ArenaNeed(12_000, 1_024))
    return dataclasses.replace(firmware, engine=engine, model=model)


@cache
def exported_files(target: str, engine: Engine, sample_rate_hz: int = 8000) -> dict[str, str]:
    """Path to text, as `kws-edge export` would write."""
    return targets()[target].files(firmware_on(engine, sample_rate_hz))


def export_to(folder: Path, target: str, engine: Engine, sample_rate_hz: int = 8000) -> Path:
    """Write the export as `folder`, which must not exist."""
    write_export(folder, exported_files(target, engine, sample_rate_hz), force=False)
    return folder
