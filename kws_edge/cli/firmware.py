"""How the verbs that make firmware get from a bundle to it."""

from __future__ import annotations

import sys

from firmware_export.codegen.firmware import Engine, Firmware
from firmware_export.codegen.firmware_model import ArenaNeed, FirmwareModel
from kws_edge.bundle import Bundle
from kws_edge.runtime import available_interpreters
from kws_edge.runtime.oracle import open_oracle
from kws_edge.verification.memory import measure_memory


def firmware_of(bundle: Bundle, engine: Engine) -> Firmware:
    """`bundle` on `engine`, its arena measured if that is what the engine needs."""
    return Firmware(
        model=FirmwareModel.from_bundle(bundle, measured_arena(bundle) if engine == "tflm" else None),
        detection=bundle.detection,
        engine=engine,
        inference=open_oracle(bundle.int8_model).run,
        source=str(bundle.path),
    )


def measured_arena(bundle: Bundle) -> ArenaNeed | None:
    """What TFLM needs for the int8 model; None, and a line on stderr, where TFLM is not installed."""
    absence = available_interpreters()["tflm"]
    if absence is not None:
        print(f"kws-edge: the arena was not measured: {absence}", file=sys.stderr)
        return None
    memory = measure_memory(bundle.int8_model)
    return ArenaNeed(memory.measured_bytes, memory.margin_bytes)
