"""DS-ResNet: stages of depthwise-separable blocks, with residual adds wherever shapes allow; made to be searched over.

After MobileNet (Howard et al. 2017, arXiv:1704.04861) and DS-ResNet for keywords (Xu and Zhang 2020,
arXiv:2004.12200). Every number that trades accuracy for bytes, memory or time is a setting; lists hold one entry for
each stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from kws_edge.models.network import Network
from kws_edge.spec import require

T = TypeVar("T")


FEATURES: dict[str, Any] = {"mel_bands": 40, "coefficients": 28}
# networks in time alone: a convolution of all columns, then blocks over frames, of which M and L halve the number for
# wider ones
_IN_TIME: dict[str, Any] = {
    "columns_as_channels": True,
    "stem_kernel": [1, 1],
    "stem_strides": [1, 1],
    "strides": [[1, 1]],
    "blocks": [1],
    "depthwise_relu": False,
}
PRESETS: dict[str, dict[str, Any]] = {
    "ds_resnet-S": {
        **_IN_TIME,
        "stem_width": 32,
        "widths": [32] * 7,
        "kernels": [[5, 1], [7, 1], [9, 1], [9, 1], [11, 1], [11, 1], [13, 1]],
    },
    "ds_resnet-M": {
        **_IN_TIME,
        "stem_width": 64,
        "widths": [64] * 3 + [96] * 3,
        "strides": [[1, 1]] * 3 + [[2, 1]] + [[1, 1]] * 2,
        "kernels": [[5, 1], [7, 1]] + [[9, 1]] * 4,
    },
    "ds_resnet-L": {
        **_IN_TIME,
        "stem_width": 96,
        "stem_kernel": [3, 1],
        "widths": [96] * 3 + [144] * 4,
        "strides": [[1, 1]] * 3 + [[2, 1]] + [[1, 1]] * 3,
        "kernels": [[9, 1]] * 2 + [[11, 1]] * 5,
    },
    "ds_resnet-2d": {},
}
# how coefficients change is worth its columns to wide networks; S, with products for 28 columns, gains nothing
_DELTAS: dict[str, Any] = {"mel_bands": 32, "coefficients": 20, "deltas": 1}
PRESET_FEATURES: dict[str, dict[str, Any]] = {"ds_resnet-M": _DELTAS, "ds_resnet-L": _DELTAS}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a DS-ResNet; pairs are (frames, columns)."""

    # features as [frames, 1, columns] instead of [frames, columns, 1]: a network in time alone, columns are channels
    columns_as_channels: bool = False
    # channels, kernel and strides of the first convolution
    stem_width: int = 32
    stem_kernel: tuple[int, ...] = (10, 4)
    stem_strides: tuple[int, ...] = (2, 2)
    # maximum over windows of this size after it; empty is none
    stem_pool: tuple[int, ...] = ()
    # channels of each stage
    widths: tuple[int, ...] = (48, 64, 80)
    # blocks of each stage; one entry serves all
    blocks: tuple[int, ...] = (2, 2, 2)
    # strides of each stage's first block; one entry serves all
    strides: tuple[tuple[int, ...], ...] = ((1, 1), (2, 2), (1, 1))
    # depthwise kernel of each stage; one entry serves all
    kernels: tuple[tuple[int, ...], ...] = ((3, 3),)
    # add a block's input to its output where both have one shape
    residual: bool = True
    # ReLU between depthwise and 1x1 convolution
    depthwise_relu: bool = True
    # channels of a last 1x1 convolution before the mean over frames and columns; 0 is none
    head_width: int = 0
    # part of the last features dropped in training
    dropout: float = 0.2

    def __post_init__(self) -> None:
        stages = len(self.widths)
        require(
            all(len(each) in (1, stages) for each in (self.blocks, self.strides, self.kernels)),
            f"{stages} widths, {len(self.blocks)} blocks, {len(self.strides)} strides, {len(self.kernels)} kernels; "
            "give as many of each, or one",
        )
        require(min((*self.widths, *self.blocks, self.stem_width), default=1) >= 1, "widths and blocks start at 1")
        for name, pairs in (
            ("stem_kernel", (self.stem_kernel,)),
            ("stem_strides", (self.stem_strides,)),
            ("stem_pool", (self.stem_pool,) if self.stem_pool else ()),
            ("strides", self.strides),
            ("kernels", self.kernels),
        ):
            for pair in pairs:
                require(len(pair) == 2 and min(pair) >= 1, f"{name}: {list(pair)}; write [frames, columns]")


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a DS-ResNet on `network.input`."""
    x = network.columns_as_channels(network.input) if settings.columns_as_channels else network.input
    x = network.convolution(
        x, settings.stem_width, _fitting(settings.stem_kernel, x), strides=_pair(settings.stem_strides)
    )
    if settings.stem_pool:
        x = network.pool(x, "max", _fitting(settings.stem_pool, x))
    for stage, width in enumerate(settings.widths):
        strides, kernel = _entry(settings.strides, stage), _entry(settings.kernels, stage)
        for number in range(_entry(settings.blocks, stage)):
            x = _block(network, x, width, kernel, strides if number == 0 else (1, 1), settings)
    if settings.head_width:
        x = network.convolution(x, settings.head_width, 1)
    return network.classifier(network.dropout(network.global_average_pool(x), settings.dropout))


def _block(
    network: Network, x: Any, width: int, kernel: tuple[int, ...], strides: tuple[int, ...], settings: Settings
) -> Any:
    y = network.depthwise(x, _fitting(kernel, x), strides=_pair(strides), relu=settings.depthwise_relu)
    residual = settings.residual and strides[0] == strides[1] == 1 and x.shape[-1] == width
    y = network.convolution(y, width, 1, relu=not residual)
    return network.add(y, x) if residual else y


def _entry(values: tuple[T, ...], stage: int) -> T:
    return values[stage if len(values) > 1 else 0]


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return values[0], values[1]


def _fitting(size: tuple[int, ...], x: Any) -> tuple[int, int]:
    """A window no wider than what is left of the columns: (3, 3) on a single column is (3, 1)."""
    return min(size[0], x.shape[1]), min(size[1], x.shape[2])
