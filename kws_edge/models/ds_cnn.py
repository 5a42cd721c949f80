"""DS-CNN: a convolution, then depthwise-separable blocks of equal width (Zhang et al. 2017, arXiv:1711.07128).

The defaults are MLPerf Tiny's keyword-spotting reference: 64 channels, four blocks, 10x4 first kernel with stride 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws_edge.models.network import Network


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a DS-CNN."""

    # channels of every layer
    width: int = 64
    # depthwise-separable blocks
    blocks: int = 4
    # part of the last features dropped in training
    dropout: float = 0.2


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a DS-CNN on `network.input`."""
    x = network.convolution(network.input, settings.width, (10, 4), strides=2)
    for _ in range(settings.blocks):
        x = network.depthwise(x, 3)
        x = network.convolution(x, settings.width, 1)
    x = network.global_average_pool(x)
    return network.classifier(network.dropout(x, settings.dropout))
