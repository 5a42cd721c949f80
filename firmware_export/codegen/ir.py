"""The network between importer and code: tensors and operators as frozen, typed values that have been validated.

Shapes are complete, every attribute is resolved (paddings in elements, slices as start and step, axes non-negative),
and what an operator refers to is the tensor itself. NHWC, batch 1 wherever a window slides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Quantization:
    """Affine quantization: real = scale * (stored - zero_point)."""

    scale: tuple[float, ...]  # one for the tensor, or one per index of `axis`; exactly float32 values
    zero_point: tuple[int, ...]  # as many as scales
    axis: int  # which axis has its own scales; 0 when there is one scale


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value in the network, constant when it has `data`. Compared by identity."""

    index: int  # its number in the .tflite file, for messages
    name: str
    shape: tuple[int, ...]
    dtype: Literal["int8", "int32"]
    quantization: Quantization | None
    data: npt.NDArray[Any] | None  # of `shape` and `dtype`

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def scale(self) -> float:
        """The scale of a tensor that has one."""
        assert self.quantization is not None
        return self.quantization.scale[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a tensor that has one."""
        assert self.quantization is not None
        return self.quantization.zero_point[0]


@dataclass(frozen=True, eq=False)
class Window:
    """How a kernel slides over an image; `pad` is what lies before the first row and column."""

    kernel: Pair  # height, width
    stride: Pair
    dilation: Pair
    pad: Pair


@dataclass(frozen=True, eq=False)
class Conv2D:
    input: Tensor  # [1, height, width, channels]
    output: Tensor
    weights: Tensor  # [output channels, height, width, channels of a group]
    bias: Tensor | None  # [output channels]
    window: Window
    clamp: Pair  # activation range, quantized


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D:
    input: Tensor
    output: Tensor
    weights: Tensor  # [1, height, width, output channels]
    bias: Tensor | None
    window: Window
    clamp: Pair


@dataclass(frozen=True, eq=False)
class FullyConnected:
    input: Tensor  # read as [batches, depth]
    output: Tensor  # [..., units]
    weights: Tensor  # [units, depth]
    bias: Tensor | None
    clamp: Pair


@dataclass(frozen=True, eq=False)
class Pool2D:
    kind: Literal["average", "max"]
    input: Tensor
    output: Tensor
    window: Window
    clamp: Pair


@dataclass(frozen=True, eq=False)
class Mean:
    input: Tensor
    output: Tensor
    axes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Binary:
    kind: Literal["add", "mul"]
    a: Tensor
    b: Tensor
    output: Tensor
    clamp: Pair


@dataclass(frozen=True, eq=False)
class Unary:
    kind: Literal["quantize", "logistic", "relu", "relu6"]
    input: Tensor
    output: Tensor


@dataclass(frozen=True, eq=False)
class Softmax:
    input: Tensor
    output: Tensor
    beta: float


@dataclass(frozen=True, eq=False)
class Reshape:
    input: Tensor
    output: Tensor


@dataclass(frozen=True, eq=False)
class Concatenation:
    inputs: tuple[Tensor, ...]
    output: Tensor
    axis: int


@dataclass(frozen=True, eq=False)
class Split:
    input: Tensor
    outputs: tuple[Tensor, ...]
    axis: int


@dataclass(frozen=True, eq=False)
class Pad:
    input: Tensor
    output: Tensor
    before: tuple[int, ...]  # elements before each axis
    value: int  # stored value of the padding


@dataclass(frozen=True, eq=False)
class StridedSlice:
    input: Tensor
    output: Tensor
    start: tuple[int, ...]  # first index of each axis of the input
    step: tuple[int, ...]  # may be negative
    size: tuple[int, ...]  # how many along each axis of the input


Operator: TypeAlias = (
    Conv2D
    | DepthwiseConv2D
    | FullyConnected
    | Pool2D
    | Mean
    | Binary
    | Unary
    | Softmax
    | Reshape
    | Concatenation
    | Split
    | Pad
    | StridedSlice
)


@dataclass(frozen=True, eq=False)
class Network:
    """One input, one output, operators in execution order."""

    input: Tensor
    output: Tensor
    operators: tuple[Operator, ...]


def reads(operator: Operator) -> tuple[Tensor, ...]:
    """The activations and constants that `operator` reads as values (weights and biases are its own)."""
    match operator:
        case Binary():
            return (operator.a, operator.b)
        case Concatenation():
            return operator.inputs
        case _:
            return (operator.input,)


def writes(operator: Operator) -> tuple[Tensor, ...]:
    """The tensors that `operator` computes."""
    return operator.outputs if isinstance(operator, Split) else (operator.output,)
