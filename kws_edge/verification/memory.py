"""How much RAM TFLM's interpreter needs for a model, measured, and how much to reserve."""

from __future__ import annotations

from dataclasses import dataclass

from kws_edge.runtime.tflm import ARENA_ALIGNMENT_BYTES, measure_arena

# Kernels optimised for the target keep scratch buffers in the arena that the host's reference kernels have not
# (CMSIS-NN's were seen to take 48 bytes on a DS-CNN): a twentieth, and no less than a kilobyte, covers larger ones.
_MARGIN_DIVISOR = 20
_SMALLEST_MARGIN_BYTES = 1024


@dataclass(frozen=True)
class ArenaMeasurement:
    """TFLM's arena for one model, in bytes."""

    # the smallest arena in which TFLM ran the model on this host
    measured_bytes: int
    # to add on the device
    margin_bytes: int


def measure_memory(model: bytes) -> ArenaMeasurement:
    """Run `model`, the bytes of an int8 .tflite file, in TFLM and see what arena it needs.

    Needs tflite-micro. Raises ConversionError if TFLM cannot run the model.
    """
    measured_bytes = measure_arena(model)
    margin_bytes = max(_SMALLEST_MARGIN_BYTES, measured_bytes // _MARGIN_DIVISOR)
    return ArenaMeasurement(measured_bytes, margin_bytes + -margin_bytes % ARENA_ALIGNMENT_BYTES)
