"""Whether every activation of the int8 model lies on the grid that training settled on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kws_edge.bundle import Bundle
from kws_edge.runtime.operators import operators

# float32's rounding in TensorFlow and in the converter; a step that is really another differs by far more
_TOLERANCE = 1e-4
_LOW, _HIGH = "/range/minimum", "/range/maximum"


@dataclass(frozen=True)
class GridDeparture:
    """A layer whose output is not quantized as it was in training."""

    layer: str
    # real value of one step in training and in the int8 model
    trained_scale: float
    model_scale: float
    # the integer that stands for 0.0, likewise
    trained_zero_point: int
    model_zero_point: int

    def __str__(self) -> str:
        trained = f"{self.trained_scale:.6g}, zero point {self.trained_zero_point}"
        return (
            f"{self.layer} was trained with int8 steps of {trained}; the int8 model has {self.model_scale:.6g}, "
            f"zero point {self.model_zero_point}: a fake quantization was dropped or another one converted"
        )


def compare_grids(bundle: Bundle) -> tuple[tuple[str, ...], tuple[GridDeparture, ...]]:
    """The layers that the int8 model and the training both have, and those on another grid than the trained range says.

    A range [minimum, maximum] becomes a step of (maximum - minimum) / 255 and the nearest zero point (Jacob et al.
    2018, arXiv:1712.05877, section 3). Layers without a range of their own, such as a pool, keep that of their input
    and are not looked at. Needs no TensorFlow.
    """
    ranges = _ranges(bundle)
    compared, departures = [], []
    for info in operators(bundle.int8_model):
        span = ranges.get(info.name)
        if span is None:
            continue
        compared.append(info.name)
        low, high = span
        scale = (high - low) / 255
        zero_point = -128 - round(low / scale)
        same_scale = math.isclose(scale, info.output.scale, rel_tol=_TOLERANCE)
        if not same_scale or zero_point != info.output.zero_point:
            departures.append(GridDeparture(info.name, scale, info.output.scale, zero_point, info.output.zero_point))
    return tuple(compared), tuple(departures)


def _ranges(bundle: Bundle) -> dict[str, tuple[float, float]]:
    """Layer to the ends of the range that its output was trained with."""
    trained = bundle.variables("quantized")
    names = [path.removesuffix(_HIGH) for path in trained if path.endswith(_HIGH)]
    return {name: (float(trained[name + _LOW]), float(trained[name + _HIGH])) for name in names}
