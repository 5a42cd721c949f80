"""TC-ResNet: residual blocks of convolutions over time; coefficients are channels (Choi et al. 2019, arXiv:1904.03814).

Depth 8 is a convolution and three blocks of two, depth 14 six blocks; published with `width` 1.0 and 1.5. A shortcut
is the identity, or where its block changes the shape a strided 1x1 convolution.

Changed against the paper: convolutions are two-dimensional with (k, 1) kernels, which computes the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from kws_edge.models.network import Network
from kws_edge.spec import require

# the paper's 40 coefficients; its frames are 30 ms long and 10 ms apart
FEATURES: dict[str, Any] = {"mel_bands": 40, "coefficients": 40, "window_stride_ms": 10.0}
PRESETS: dict[str, dict[str, Any]] = {
    "tc_resnet8": {},
    "tc_resnet14": {"depth": 14},
    "tc_resnet8-0.5": {"width": 0.5},
}
FIRST_CHANNELS = 16
STAGE_CHANNELS = (24, 32, 48)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a TC-ResNet."""

    # layers that the paper counts
    depth: Literal[8, 14] = 8
    # times the paper's channels, rounded to whole ones
    width: float = 1.0
    # frames under the kernels of the blocks
    kernel: int = 9
    # part of the last features dropped in training
    dropout: float = 0.5

    def __post_init__(self) -> None:
        require(self.width > 0, f"width = {self.width}; use above 0")


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a TC-ResNet on `network.input`."""
    x = network.columns_as_channels(network.input)
    x = network.convolution(x, max(1, round(FIRST_CHANNELS * settings.width)), (3, 1))
    for channels in STAGE_CHANNELS:
        x = _block(network, x, max(1, round(channels * settings.width)), settings.kernel, stride=2)
        if settings.depth == 14:
            x = _block(network, x, x.shape[-1], settings.kernel, stride=1)
    return network.classifier(network.dropout(network.global_average_pool(x), settings.dropout))


def _block(network: Network, x: Any, channels: int, kernel: int, *, stride: int) -> Any:
    shortcut = x if stride == 1 else network.convolution(x, channels, 1, strides=(stride, 1))
    y = network.convolution(x, channels, (kernel, 1), strides=(stride, 1))
    return network.add(network.convolution(y, channels, (kernel, 1), relu=False), shortcut)
