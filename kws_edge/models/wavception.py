"""WavCeption: a one-dimensional inception network on the raw waveform.

"WavCeption V1" of the TensorFlow Speech Recognition Challenge (kaggle.com/ivallesp). A module joins four branches: 1;
1 then 3; 1 then 5; maximum pool then 1. Two modules and a maximum pool by 2 are a level; nine levels with more
filters the deeper, then a fully connected layer of 128. In full it is for a Raspberry Pi; `width`, `levels` and a
stem that strides over samples bring it down to a microcontroller.

Changed against the original: convolutions are two-dimensional with (k, 1) kernels, which computes the same; no second
batch normalisation in front of each module, which the one inside every branch makes redundant; the fully connected
layers are 1x1 convolutions on flattened features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws_edge.models.network import Network
from kws_edge.spec import require

FEATURES: dict[str, Any] = {"kind": "waveform"}
PRESETS: dict[str, dict[str, Any]] = {
    "wavception": {},
    "wavception-mcu": {"width": 0.25, "levels": 5, "stem_stride": 16, "dense": 64},
}
# filters of a level's branches, in units of 16 for the first branch and 32 for the others
DEPTHS = (1, 1, 2, 2, 3, 3, 4, 4, 4)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a WavCeption."""

    # times the original's filters, rounded to whole ones
    width: float = 1.0
    # levels, 1 to 9; each halves the number of steps in time
    levels: int = 9
    # samples from one output of a first convolution to the next, its kernel twice as long; 1 leaves it out
    stem_stride: int = 1
    # units of the fully connected layer
    dense: int = 128

    def __post_init__(self) -> None:
        require(1 <= self.levels <= len(DEPTHS), f"levels = {self.levels}; use 1 to {len(DEPTHS)}")
        require(self.width > 0, f"width = {self.width}; use above 0")
        require(self.stem_stride >= 1, f"stem_stride = {self.stem_stride}; use 1 for none, or more")


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a WavCeption on `network.input`."""
    x = network.columns_as_channels(network.input)
    narrow, wide = max(1, round(16 * settings.width)), max(1, round(32 * settings.width))
    if settings.stem_stride > 1:
        x = network.convolution(x, wide, (2 * settings.stem_stride, 1), strides=(settings.stem_stride, 1))
    for depth in DEPTHS[: settings.levels]:
        for _ in range(2):
            x = _module(network, x, narrow, narrow * depth, wide * depth)
        x = network.pool(x, "max", (2, 1))
    return network.classifier(network.convolution(network.flatten(x), settings.dense, 1))


def _module(network: Network, x: Any, bottleneck: int, narrow: int, wide: int) -> Any:
    pooled = network.pool(x, "max", (3, 1), strides=1, padding="SAME")
    branches = [network.convolution(x, narrow, 1, into_concatenation=True)]
    for kernel in (3, 5):
        inner = network.convolution(x, bottleneck, 1)
        branches.append(network.convolution(inner, wide, (kernel, 1), into_concatenation=True))
    branches.append(network.convolution(pooled, wide, 1, into_concatenation=True))
    return network.concatenate(branches)
