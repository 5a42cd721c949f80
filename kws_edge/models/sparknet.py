"""SparkNet: temporal convolutions decide when each of some gates is open; a linear classifier reads how often.

Svirsky, Shaham and Lindenbaum 2024, arXiv:2406.06634: cepstral coefficients are channels, four time-channel-separable
blocks (depthwise over time, then 1x1) with kernels 11, 15, 19 and 29, residual branches around the last three, a 1x1
convolution to the gates, their mean over time, a linear layer.

Changed against the paper: batch normalisation after each depthwise convolution too, because an int8 tensor there wants
a range of its own; a gate's tanh is a straight line between its ends (see `blocks.Gate`), which int8 computes for
nothing; no loss on the number of open gates, which saves no time on a device that computes them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws_edge.models.network import Network
from kws_edge.spec import require

# what the paper trains on; its frames are 10 ms apart
FEATURES: dict[str, Any] = {"mel_bands": 32, "coefficients": 32, "window_stride_ms": 10.0}
PRESETS: dict[str, dict[str, Any]] = {"sparknet": {}, "sparknet-32": {"width": 32}}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a SparkNet."""

    # channels of the four blocks, the paper's C: 16 or 32
    width: int = 16
    # gates between the blocks and the classifier
    gates: int = 32
    # frames under each block's depthwise kernel
    kernels: tuple[int, ...] = (11, 15, 19, 29)
    # frames from one output of the first block to the next; 2 halves the work and memory of all that follows
    first_stride: int = 1
    # standard deviation of what is added to the gates in float training; a gate is 0 to 1
    noise: float = 0.5

    def __post_init__(self) -> None:
        require(self.noise >= 0, f"noise = {self.noise}; use 0 or more")


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a SparkNet on `network.input`."""
    x = network.columns_as_channels(network.input)
    for number, kernel in enumerate(settings.kernels):
        stride = settings.first_stride if number == 0 else 1
        y = network.depthwise(x, (kernel, 1), strides=(stride, 1), relu=False)
        y = network.convolution(y, settings.width, 1, relu=number == 0)
        if number > 0:
            y = network.add(y, network.convolution(x, settings.width, 1, relu=False))
        x = y
    x = network.convolution(x, settings.gates, 1, relu=False, into_gate=True)
    x = network.gate(x, noise=settings.noise)
    return network.classifier(network.global_average_pool(x))
