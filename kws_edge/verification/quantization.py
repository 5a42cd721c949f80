"""What quantization costs in each layer: noise, saturation, range left unused, and what to do about it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.bundle import Bundle
from kws_edge.runtime import TensorInfo
from kws_edge.verification.interpreters import LITERT_REFERENCE, dequantized, keras_absence
from kws_edge.verification.layer_outputs import layer_outputs

# above this share of outputs beyond the range it is too narrow, whatever else
_MUCH_SATURATION = 0.01
# above this share of a layer's own noise, clipping and not rounding is what costs ...
_MUCH_CLIPPING = 0.5
# ... unless that noise is far below that of eight bits well used, some 40 dB
_GOOD_DB = 30.0
# these give what they take: on the grid of their input
_RANGE_OF_INPUT = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
# below this share of the 256 codes a range is too wide
_LITTLE_RANGE = 0.5
# half of the channels below this share of the codes: one loud channel sets the step for all
_LITTLE_CHANNEL_RANGE = 0.15
_LOWEST, _HIGHEST = -128, 127

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LayerQuantization:
    """One layer's int8 outputs beside what it would give without any rounding, in float with the same weights."""

    layer: str
    kind: str
    # real value of one int8 step
    scale: float
    zero_point: int
    # signal to all noise that has gathered up to here, weights' included; None without TensorFlow
    sqnr_db: float | None
    # signal to the noise that putting this output alone on its grid makes; None without TensorFlow
    own_sqnr_db: float | None
    # share of the outputs that lie beyond the range and were clipped, 0 to 1; without TensorFlow, that are at its end
    saturated_share: float
    # share of the power of that noise which clipping makes, 0 to 1, the rest is rounding's; None without TensorFlow
    clipping_noise_share: float | None
    # share of the 256 codes from the smallest to the largest output
    range_used: float
    # the same within one channel, half of the channels below
    channel_range_used: float
    # a sentence, or empty if all is well
    advice: str


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """All layers in order."""

    clips: int
    layers: tuple[LayerQuantization, ...]
    # why there are no ratios, or None
    not_measured: str | None
    # what to widen first, a sentence
    advice: str

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return asdict(self)


def measure_quantization(bundle: Bundle, features: NDArray[np.int8]) -> Quantization:
    """Look at every layer of the int8 model on `features`, int8[n, frames, columns]; dozens of clips suffice.

    The signal-to-quantization-noise ratio is 10 log10(sum of squares of the float outputs / sum of squares of the
    differences), as in Lin et al. 2016 (arXiv:1511.06393), section 3. The float outputs are those of the network with
    the very weights that became int8, without any rounding; they need TensorFlow, and of a network of the user's own
    the file that it was trained with.
    """
    absence = keras_absence(bundle)
    real: dict[str, NDArray[np.float32]] = {}
    if absence is None:
        from kws_edge.models.activations import keras_activations

        inputs = dequantized(features, bundle.features)
        real = keras_activations(bundle, inputs, form="float", weights="quantized")
    layers = []
    for info, steps in layer_outputs(bundle, LITERT_REFERENCE, features):
        if info.kind == "RESHAPE":
            continue
        floats = real.get(info.name)
        if floats is not None and floats.size != steps.size:
            floats = None  # folded by the converter into another operator
        outputs = None if floats is None else floats.reshape(len(features), -1).astype(np.float64)
        layers.append(_layer(info.name, info.kind, info.output, steps, outputs))
    return Quantization(clips=len(features), layers=tuple(layers), not_measured=absence, advice=_first_to_widen(layers))


def _layer(
    name: str, kind: str, grid: TensorInfo, steps: NDArray[np.int64], real: FloatArray | None
) -> LayerQuantization:
    channels = steps.reshape(-1, grid.shape[-1])
    spread = (channels.max(axis=0) - channels.min(axis=0) + 1) / 256
    sqnr_db = own_sqnr_db = clipping = None
    if real is None:
        saturated = float(np.mean((steps == _HIGHEST) | ((steps == _LOWEST) & (grid.zero_point != _LOWEST))))
    else:
        exact = real / grid.scale + grid.zero_point
        beyond = (exact > _HIGHEST + 0.5) | (exact < _LOWEST - 0.5)
        saturated = float(np.mean(beyond))
        own = np.clip(np.rint(exact), _LOWEST, _HIGHEST)
        noise = (own - exact) ** 2
        clipping = float(noise[beyond].sum() / max(noise.sum(), np.finfo(float).tiny))
        sqnr_db = _ratio_db(real, (steps - grid.zero_point) * grid.scale)
        own_sqnr_db = _ratio_db(real, (own - grid.zero_point) * grid.scale)
    layer = LayerQuantization(
        layer=name,
        kind=kind,
        scale=grid.scale,
        zero_point=grid.zero_point,
        sqnr_db=sqnr_db,
        own_sqnr_db=own_sqnr_db,
        saturated_share=saturated,
        clipping_noise_share=clipping,
        range_used=float((steps.max() - steps.min() + 1) / 256),
        channel_range_used=float(np.median(spread)),
        advice="",
    )
    return replace(layer, advice=_advice(layer))


def _ratio_db(signal: FloatArray, noisy: NDArray[Any]) -> float | None:
    """None where there is no signal; infinite noise-free signals are given as 200 dB, which JSON can hold."""
    power, noise = float(np.sum(signal**2)), float(np.sum((signal - noisy) ** 2))
    if not power:
        return None
    return 200.0 if not noise else min(10 * math.log10(power / noise), 200.0)


def _advice(layer: LayerQuantization) -> str:
    if layer.kind in _RANGE_OF_INPUT:
        return ""
    clipping, own_db = layer.clipping_noise_share, layer.own_sqnr_db
    costly = clipping is not None and own_db is not None and clipping > _MUCH_CLIPPING and own_db < _GOOD_DB
    if costly or layer.saturated_share > _MUCH_SATURATION:
        much = "" if clipping is None else f", which makes {100 * clipping:.0f} % of its own noise"
        return (
            f"{100 * layer.saturated_share:.2f} % of its outputs are clipped{much}: widen its range "
            "(more epochs of quantization-aware training, or learned_ranges = false)"
        )
    if layer.range_used < _LITTLE_RANGE:
        return (
            f"only {100 * layer.range_used:.0f} % of the int8 codes occur: its range is too wide "
            "(more epochs of quantization-aware training)"
        )
    if layer.channel_range_used < _LITTLE_CHANNEL_RANGE:
        return (
            f"half of its channels use less than {100 * layer.channel_range_used:.0f} % of the int8 codes: a few loud "
            "channels set the step for all"
        )
    return ""


def _first_to_widen(layers: list[LayerQuantization]) -> str:
    measured = [(layer, layer.sqnr_db) for layer in layers if layer.sqnr_db is not None]
    if not measured:
        clipped = max(layers, key=lambda layer: layer.saturated_share)
        return f"{clipped.layer} saturates most: {100 * clipped.saturated_share:.2f} % of its outputs are at the end"
    drops = [before - after for (_, before), (_, after) in pairwise(measured)]
    number = int(np.argmax(drops)) + 1 if drops else 0
    worst, after = measured[number]
    lost = f"loses most, {drops[number - 1]:.1f} dB, and is at {after:.1f} dB" if drops else f"is at {after:.1f} dB"
    cause = worst.advice or "its range is well used, so width is what helps: more channels there, or longer training"
    return f"{worst.layer} {lost}: {cause}. The network's outputs are at {measured[-1][1]:.1f} dB."
