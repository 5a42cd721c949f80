"""DS-CNN: a convolution, then depthwise-separable blocks of equal width (Zhang et al. 2017, arXiv:1711.07128).

S, M and L are that paper's sizes ("Hello Edge"). S has 64 channels and four blocks after a 10x4 kernel with stride 2;
MLPerf Tiny's keyword-spotting reference is that network, and it is the default. M and L stride by two over time in the
first kernel, and in both directions in the first block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from kws_edge.models.network import Network
from kws_edge.spec import require

FEATURES: dict[str, Any] = {}
PRESETS: dict[str, dict[str, Any]] = {"ds_cnn-S": {}, "ds_cnn-M": {"size": "M"}, "ds_cnn-L": {"size": "L"}}


@dataclass(frozen=True)
class _Size:
    width: int
    blocks: int
    # (frames, columns) of the first convolution and of the first block
    first_strides: tuple[int, int]
    second_strides: tuple[int, int]


_SIZES = {
    "S": _Size(64, 4, (2, 2), (1, 1)),
    "M": _Size(172, 4, (2, 1), (2, 2)),
    "L": _Size(276, 5, (2, 1), (2, 2)),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a DS-CNN."""

    # the paper's size: width, blocks and strides
    size: Literal["S", "M", "L"] = "S"
    # channels of every layer; 0 takes the size's
    width: int = 0
    # depthwise-separable blocks; 0 takes the size's
    blocks: int = 0
    # part of the last features dropped in training
    dropout: float = 0.2

    def __post_init__(self) -> None:
        require(self.blocks >= 0, f"blocks = {self.blocks}; use 1 or more, 0 for the size's")


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a DS-CNN on `network.input`."""
    size = _SIZES[settings.size]
    width = settings.width or size.width
    x = network.convolution(network.input, width, (10, 4), strides=size.first_strides)
    for number in range(settings.blocks or size.blocks):
        x = network.depthwise(x, 3, strides=size.second_strides if number == 0 else 1)
        x = network.convolution(x, width, 1)
    x = network.global_average_pool(x)
    return network.classifier(network.dropout(x, settings.dropout))
