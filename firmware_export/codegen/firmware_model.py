"""What firmware is generated from: a model, and what the firmware must know about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from kws_edge.bundle import Bundle
from kws_edge.errors import ExportError
from kws_edge.spec import FeatureSpec
from kws_edge.tflite_file import ModelSummary, summarize


@dataclass(frozen=True)
class ArenaNeed:
    """RAM that TFLM's interpreter needs for a model."""

    # bytes, as TFLM measured them on the host
    measured_bytes: int
    # bytes added for what the target's own kernels may need beyond that
    margin_bytes: int

    @property
    def total_bytes(self) -> int:
        """Bytes to reserve on the device."""
        return self.measured_bytes + self.margin_bytes


@dataclass(frozen=True, kw_only=True)
class FirmwareModel:
    """An int8 model whose input is on its front end's own grid; raises ExportError if it is not."""

    # the .tflite file
    model: bytes
    # one per output, in order
    labels: tuple[str, ...]
    features: FeatureSpec
    # None where TFLM is not installed and nothing was measured
    arena: ArenaNeed | None = None

    def __post_init__(self) -> None:
        summary = self.summary
        for role, tensor, shape in (
            ("input", summary.input, (1, *self.features.shape, 1)),
            ("output", summary.output, (1, len(self.labels))),
        ):
            if tensor.dtype != "int8" or tensor.shape != shape:
                raise ExportError(
                    f"the model's {role} is {tensor.dtype}{list(tensor.shape)}; it must be int8{list(shape)}"
                )
        grid = summary.input.scale, summary.input.zero_point
        if grid != (float(np.float32(self.features.scale)), self.features.zero_point):
            raise ExportError(
                f"the model's input has scale and zero point {grid}, the front end "
                f"{(self.features.scale, self.features.zero_point)}; convert the model again with this spec"
            )

    @classmethod
    def from_bundle(cls, bundle: Bundle, arena: ArenaNeed | None) -> FirmwareModel:
        """The int8 model of `bundle`."""
        return cls(model=bundle.int8_model, labels=bundle.labels, features=bundle.features, arena=arena)

    @property
    def summary(self) -> ModelSummary:
        """Operators and quantization of the model."""
        return summarize(self.model)

    @property
    def model_sha256(self) -> str:
        """Hash of the .tflite file."""
        return hashlib.sha256(self.model).hexdigest()
