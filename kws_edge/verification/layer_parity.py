"""Where two interpreters of one network part: their outputs compared after every operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.bundle import Bundle
from kws_edge.verification.checks import device_of
from kws_edge.verification.interpreters import (
    AOT,
    KERAS_QAT,
    LITERT_REFERENCE,
    TFLITE_RUNTIME_REFERENCE,
    TFLM,
    candidates,
)
from kws_edge.verification.layer_outputs import layer_outputs

# these compute the same integers, so a single different one is a departure
EXACT = (LITERT_REFERENCE, TFLITE_RUNTIME_REFERENCE, TFLM, AOT)
_ROUNDING = (KERAS_QAT, "litert_xnnpack", "tflite_runtime")
# These round differently, which adds up from layer to layer. On average over a layer's outputs sound ones stay below so
# many int8 steps (measured on trained networks: docs/layers.md), or where a layer magnifies what reaches it, as a gate
# does, below this share of what it gives.
_ROUNDING_LSB = 2.0
_ROUNDING_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class LayerDifference:
    """One operator's outputs from two interpreters."""

    layer: str
    kind: str
    # that were compared: clips times elements
    outputs: int
    # that differ
    different: int
    # in int8 steps
    largest_lsb: int
    mean_lsb: float


@dataclass(frozen=True, kw_only=True)
class LayerComparison:
    """An interpreter against the device's, layer by layer."""

    interpreter: str
    layers: tuple[LayerDifference, ...]
    # the first layer that differs by more than the interpreter's rounding may; None if none does
    first_departure: str | None


@dataclass(frozen=True, kw_only=True)
class LayerParity:
    """Every interpreter that runs here against the device's."""

    # what all are compared with
    device: str
    # that were run
    clips: int
    comparisons: tuple[LayerComparison, ...]

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return asdict(self)


def measure_layer_parity(
    bundle: Bundle, features: NDArray[np.int8], *, progress: Callable[[int, int], None] | None = None
) -> LayerParity:
    """Compare every interpreter of the int8 network on `features`, int8[n, frames, columns]; dozens of clips do."""
    present = [each.name for each in candidates(bundle) if each.absence is None]
    device = device_of(present)
    compared = [name for name in present if name != device and name in (*EXACT, *_ROUNDING)]
    expected = {info.name: outputs for info, outputs in layer_outputs(bundle, device, features)}
    comparisons = []
    for number, name in enumerate(compared):
        comparisons.append(compare_layers(bundle, name, features, expected))
        if progress is not None:
            progress(number + 1, len(compared))
    return LayerParity(device=device, clips=len(features), comparisons=tuple(comparisons))


def compare_layers(
    bundle: Bundle, interpreter: str, features: NDArray[np.int8], expected: dict[str, NDArray[np.int64]]
) -> LayerComparison:
    """`interpreter` against `expected`, operator to its outputs int64[n, elements]."""
    layers = []
    departure = None
    for info, outputs in layer_outputs(bundle, interpreter, features):
        difference = np.abs(outputs - expected[info.name])
        layer = LayerDifference(
            layer=info.name,
            kind=info.kind,
            outputs=difference.size,
            different=int(np.count_nonzero(difference)),
            largest_lsb=int(difference.max()),
            mean_lsb=float(difference.mean()),
        )
        layers.append(layer)
        signal_lsb = float(np.abs(expected[info.name] - info.output.zero_point).mean())
        rounding_lsb = 0.0 if interpreter in EXACT else max(_ROUNDING_LSB, _ROUNDING_SHARE * signal_lsb)
        departs = layer.mean_lsb > rounding_lsb
        if departs and departure is None:
            departure = info.name
    return LayerComparison(interpreter=interpreter, layers=tuple(layers), first_departure=departure)


def first_departure(bundle: Bundle, interpreter: str, device: str, features: NDArray[np.int8]) -> str | None:
    """The first layer in which `interpreter` is not what `device` computes on these features; None if none is."""
    expected = {info.name: outputs for info, outputs in layer_outputs(bundle, device, features)}
    return compare_layers(bundle, interpreter, features, expected).first_departure
