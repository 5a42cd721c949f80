"""BC-ResNet: most of a block works on one row in time, which is added to every frequency (arXiv:2106.04140).

Kim et al. 2021. A block is a depthwise convolution over frequency, the mean over frequency, a dilated depthwise
convolution over time, a 1x1 convolution, and the sum of that row, broadcast over frequency, with what the row was
made from. `width` is the paper's tau; frequencies are the feature columns.

Changed against the paper, because int8 kernels have no cheap form of it: ReLU for swish; batch normalisation for
sub-spectral normalisation (which has one scale per group of frequencies); dropout of single values, not of channels.
The last depthwise convolution covers whatever frequencies are left, up to five, and takes no padding in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws_edge.models.network import Network
from kws_edge.spec import require

# the paper's 40 bands and 10 ms; all 40 coefficients hold what the bands do
FEATURES: dict[str, Any] = {"mel_bands": 40, "coefficients": 40, "window_stride_ms": 10.0}
PRESETS: dict[str, dict[str, Any]] = {
    "bc_resnet-0.625": {"width": 0.625},
    "bc_resnet-1": {},
    "bc_resnet-2": {"width": 2.0},
}
BASE_CHANNELS = 8
# channels in units of BASE_CHANNELS * width, blocks, stride over frequency of the first block
STAGES = ((1.0, 2, 1), (1.5, 2, 2), (2.0, 4, 2), (2.5, 4, 1))
LAST_KERNEL = 5


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a BC-ResNet."""

    # the paper's tau: 0.625, 1, 1.5, 2, 3, 6 or 8
    width: float = 1.0
    # strides in (frames, columns) of the first convolution; (2, 2) halves time too, and with it nearly all work
    first_strides: tuple[int, ...] = (1, 2)
    # part of each block's row dropped in training
    dropout: float = 0.1

    def __post_init__(self) -> None:
        require(len(self.first_strides) == 2, f"first_strides = {list(self.first_strides)}; write [frames, columns]")


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a BC-ResNet on `network.input`."""
    base = BASE_CHANNELS * settings.width
    x = network.convolution(
        network.input, int(2 * base), 5, strides=(settings.first_strides[0], settings.first_strides[1])
    )
    for number, (factor, blocks, stride) in enumerate(STAGES):
        channels = int(factor * base)
        x = _transition(network, x, channels, stride, 2**number, settings.dropout)
        for _ in range(blocks - 1):
            x = _block(network, x, x, 1, 2**number, settings.dropout)
    x = network.depthwise(x, (min(LAST_KERNEL, x.shape[1]), min(LAST_KERNEL, x.shape[2])), padding="VALID", relu=False)
    x = network.convolution(x, int(4 * base), 1)
    return network.classifier(network.global_average_pool(x))


def _transition(network: Network, x: Any, channels: int, stride: int, dilation: int, dropout: float) -> Any:
    """The first block of a stage: another number of channels, so no shortcut around the whole."""
    return _block(network, network.convolution(x, channels, 1), None, stride, dilation, dropout)


def _block(network: Network, x: Any, shortcut: Any, stride: int, dilation: int, dropout: float) -> Any:
    plane = network.depthwise(x, (1, 3), strides=(1, stride), relu=False)
    row = network.pool(plane, "average", (1, plane.shape[2]))
    row = network.depthwise(row, (3, 1), dilation=(dilation, 1))
    row = network.convolution(row, x.shape[-1], 1, batch_norm=False, relu=False)
    row = network.dropout(row, dropout)
    if shortcut is not None:
        plane = network.add(plane, shortcut, relu=False)
    return network.add(plane, row)
