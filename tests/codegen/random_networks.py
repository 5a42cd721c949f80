"""Random int8 networks of this field's building blocks: filters of all kinds, residual adds, inception branches,
squeeze-and-excite, pooling, slicing and the classifiers that end them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from network_builder import Affine, NetworkBuilder, Value, windows

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
MOST_ELEMENTS = 6000


def random_network(seed: int) -> bytes:
    """The .tflite file of network number `seed`."""
    rng = np.random.default_rng(seed)
    return NetworkGenerator(rng).network()


class NetworkGenerator:
    """Layers with random settings where none are given, on a builder."""

    def __init__(self, rng: np.random.Generator, activation: int | None = None) -> None:
        self.rng = rng
        self.b = NetworkBuilder(rng)
        self._activation = activation  # of every layer; random ones when None

    def network(self) -> bytes:
        rng = self.rng
        shape = (1, int(rng.integers(1, 16)), int(rng.integers(1, 12)), int(rng.choice([1, 1, 2, 3, 4, 8, 12])))
        x = self.b.input(shape)
        layers: list[Callable[[Value], Value]] = [
            self.conv,
            self.conv,
            self.pointwise,
            self.pointwise,
            self.depthwise,
            self.depthwise_3x3,
            self.depthwise_3x3,
            self.separable,
            self.pool,
            self.residual,
            self.residual,
            self.inception,
            self.squeeze_excite,
            self.scaled,
            self.pad,
            self.strided_slice,
            self.split,
            self.unary,
        ]
        for _ in range(int(rng.integers(1, 8))):
            x = layers[int(rng.integers(len(layers)))](x)
        return self.b.finish(self.head(x) if rng.random() < 0.7 else self.something(x))

    def something(self, x: Value) -> Value:
        """At least one layer before the output."""
        return self.unary(x)

    def activation(self) -> int:
        if self._activation is not None:
            return self._activation
        kinds = schema.ActivationFunctionType
        return int(self.rng.choice([kinds.NONE, kinds.RELU, kinds.RELU, kinds.RELU6, kinds.RELU_N1_TO_1]))

    def filters(
        self,
        x: Value,
        channels: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        groups: int = 1,
        *,
        same: bool | None = None,
        dilation: tuple[int, int] | None = None,
    ) -> Value:
        rng = self.rng
        if dilation is None:
            dilation = (1, 1) if max(stride) > 1 else (int(rng.choice([1, 1, 2])), int(rng.choice([1, 1, 1, 2, 3])))
        if same is None:
            same = bool(rng.random() < 0.6) or self.too_small(x, kernel, dilation)
        depth = x.shape[3] // groups
        shape = (channels, *kernel, depth)
        operands, w, bias = self.b.weights(shape, 0, x, bias=rng.random() < 0.8, per_channel=rng.random() < 0.7)
        patches = windows(x.samples, kernel, stride, dilation, same, 0.0)
        per_group = channels // groups
        parts = [
            np.einsum(
                "nrcijd,oijd->nrco",
                patches[..., g * depth : (g + 1) * depth],
                w[g * per_group : (g + 1) * per_group],
                optimize=True,
            )
            for g in range(groups)
        ]
        made = np.concatenate(parts, axis=-1) + bias
        options = schema.Conv2DOptionsT()
        options.padding = SAME if same else VALID
        options.strideH, options.strideW = stride
        options.dilationHFactor, options.dilationWFactor = dilation
        options.fusedActivationFunction = self.activation()
        y = self.b.activated(made, (1, *made.shape[1:]), options.fusedActivationFunction)
        self.b.operator("CONV_2D", [x.index, *operands], [y.index], options)
        return y

    def too_small(self, x: Value, kernel: tuple[int, int], dilation: tuple[int, int]) -> bool:
        return any((kernel[a] - 1) * dilation[a] + 1 > x.shape[1 + a] for a in range(2))

    def conv(self, x: Value) -> Value:
        rng = self.rng
        groups = 1
        if rng.random() < 0.1:
            groups = int(rng.choice([g for g in range(1, x.shape[3] + 1) if x.shape[3] % g == 0]))
        channels = groups * int(rng.integers(1, max(2, 14 // groups)))
        kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 5)))
        return self.filters(x, channels, kernel, (int(rng.integers(1, 4)), int(rng.integers(1, 3))), groups)

    def pointwise(self, x: Value) -> Value:
        return self.filters(x, int(self.rng.integers(1, 20)), (1, 1))

    def depthwise(self, x: Value) -> Value:
        rng = self.rng
        kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 5)))
        stride = (int(rng.integers(1, 4)),) * 2
        dilation = (1, 1) if stride[0] > 1 else (int(rng.choice([1, 1, 2])),) * 2
        multiplier = int(rng.choice([1, 1, 1, 2, 3]))
        same = bool(rng.random() < 0.6) or self.too_small(x, kernel, dilation)
        return self.per_channel_filters(x, kernel, stride, dilation, multiplier, same)

    def depthwise_3x3(self, x: Value) -> Value:
        return self.per_channel_filters(x, (3, 3), (1, 1), (1, 1), 1, True)

    def separable(self, x: Value) -> Value:
        return self.pointwise(self.depthwise_3x3(x))

    def per_channel_filters(
        self,
        x: Value,
        kernel: tuple[int, int],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        multiplier: int,
        same: bool,
    ) -> Value:
        rng = self.rng
        channels = x.shape[3] * multiplier
        shape = (1, *kernel, channels)
        operands, w, bias = self.b.weights(shape, 3, x, bias=rng.random() < 0.8, per_channel=rng.random() < 0.7)
        patches = np.repeat(windows(x.samples, kernel, stride, dilation, same, 0.0), multiplier, axis=-1)
        made = np.einsum("nrcijd,ijd->nrcd", patches, w[0], optimize=True) + bias
        options = schema.DepthwiseConv2DOptionsT()
        options.padding = SAME if same else VALID
        options.strideH, options.strideW = stride
        options.dilationHFactor, options.dilationWFactor = dilation
        options.depthMultiplier = multiplier
        options.fusedActivationFunction = self.activation()
        y = self.b.activated(made, (1, *made.shape[1:]), options.fusedActivationFunction)
        self.b.operator("DEPTHWISE_CONV_2D", [x.index, *operands], [y.index], options)
        return y

    def pool(self, x: Value) -> Value:
        rng = self.rng
        kernel = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
        return self.pooled(x, kernel, (int(rng.integers(1, 4)), int(rng.integers(1, 3))), bool(rng.random() < 0.5))

    def pooled(self, x: Value, kernel: tuple[int, int], stride: tuple[int, int], same: bool) -> Value:
        same = same or self.too_small(x, kernel, (1, 1))
        average = bool(self.rng.random() < 0.5)
        patches = windows(x.samples, kernel, stride, (1, 1), same, np.nan)
        made = np.nanmean(patches, axis=(3, 4)) if average else np.nanmax(patches, axis=(3, 4))
        options = schema.Pool2DOptionsT()
        options.padding = SAME if same else VALID
        options.strideH, options.strideW = stride
        options.filterHeight, options.filterWidth = kernel
        options.fusedActivationFunction = self.activation()
        y = self.b.value(made, (1, *made.shape[1:]), x.affine)
        self.b.operator("AVERAGE_POOL_2D" if average else "MAX_POOL_2D", [x.index], [y.index], options)
        return y

    def binary(self, kind: str, a: Value, b: Value) -> Value:
        options = schema.AddOptionsT() if kind == "ADD" else schema.MulOptionsT()
        options.fusedActivationFunction = self.activation()
        made = a.samples + b.samples if kind == "ADD" else a.samples * b.samples
        y = self.b.activated(made, (1, *made.shape[1:]), options.fusedActivationFunction)
        self.b.operator(kind, [a.index, b.index], [y.index], options)
        return y

    def residual(self, x: Value) -> Value:
        inner = self.depthwise_3x3(x) if self.rng.random() < 0.6 else x
        inner = self.filters_same(inner, x.shape[3])
        if self.rng.random() < 0.5:
            return self.binary("ADD", x, inner)
        return self.binary("ADD", inner, x)

    def filters_same(self, x: Value, channels: int) -> Value:
        """1x1, so that the image keeps its size whatever the padding."""
        return self.filters(x, channels, (1, 1))

    def scaled(self, x: Value) -> Value:
        """A sum or product with a constant per channel, a whole constant image, or one number."""
        shape = [x.shape, (1, 1, 1, x.shape[3]), (1, 1, 1, 1)][int(self.rng.integers(3))]
        constant = self.b.constant(self.rng.normal(size=shape))
        pair = (x, constant) if self.rng.random() < 0.5 else (constant, x)
        return self.binary(str(self.rng.choice(["ADD", "MUL"])), *pair)

    def squeeze_excite(self, x: Value) -> Value:
        squeezed = self.mean(x, (1, 2), True)
        hidden = self.filters(squeezed, max(1, x.shape[3] // 2), (1, 1))
        gate = self.logistic(self.filters(hidden, x.shape[3], (1, 1)))
        return self.binary("MUL", x, gate)

    def logistic(self, x: Value) -> Value:
        y = self.b.value(1.0 / (1.0 + np.exp(-x.samples)), x.shape, Affine(1.0 / 256.0, -128))
        self.b.operator("LOGISTIC", [x.index], [y.index])
        return y

    def quantize(self, x: Value, affine: Affine | None = None) -> Value:
        y = self.b.value(x.samples, x.shape, affine)
        self.b.operator("QUANTIZE", [x.index], [y.index], schema.QuantizeOptionsT())
        return y

    def unary(self, x: Value) -> Value:
        kind = int(self.rng.integers(4))
        if kind == 0:
            return self.logistic(x)
        if kind == 1:
            return self.quantize(x)
        if kind == 2:
            y = self.b.value(np.maximum(x.samples, 0.0), x.shape)
            self.b.operator("RELU", [x.index], [y.index])
            return y
        y = self.b.value(np.clip(x.samples, 0.0, 6.0), x.shape, x.affine)
        self.b.operator("RELU6", [x.index], [y.index])
        return y

    def inception(self, x: Value) -> Value:
        branches = [self.filters_same(x, int(self.rng.integers(1, 6)))]
        branches.append(self.depthwise_3x3(branches[0]) if self.rng.random() < 0.5 else x)
        if self.rng.random() < 0.5:
            branches.append(self.pooled(x, (3, 3), (1, 1), True))
        return self.concatenated(branches, 3)

    def concatenated(self, branches: list[Value], axis: int) -> Value:
        """Branches brought to one scale by QUANTIZE, as the converter does, and joined."""
        samples = np.concatenate([branch.samples for branch in branches], axis=axis)
        affine = self.b.affine_for(samples)
        joined = [self.quantize(branch, affine) for branch in branches]
        y = self.b.value(samples, (1, *samples.shape[1:]), affine)
        options = schema.ConcatenationOptionsT()
        options.axis = axis if self.rng.random() < 0.5 else axis - 4
        self.b.operator("CONCATENATION", [one.index for one in joined], [y.index], options)
        return y

    def pad(self, x: Value) -> Value:
        amounts = [(0, 0), *((int(a), int(b)) for a, b in self.rng.integers(0, 3, (3, 2)))]
        if self.rng.random() < 0.7:
            amounts[3] = (0, 0)
        made = np.pad(x.samples, amounts)
        y = self.b.value(made, (1, *made.shape[1:]), x.affine)
        paddings = self.b.integers([n for pair in amounts for n in pair])
        self.b.graph.tensors[paddings].shape = [4, 2]
        self.b.operator("PAD", [x.index, paddings], [y.index], schema.PadOptionsT())
        return y

    def strided_slice(self, x: Value) -> Value:
        slices = [slice(0, 1, 1)]
        for size in x.shape[1:]:
            first = int(self.rng.integers(0, size))
            last = int(self.rng.integers(first + 1, size + 1))
            step = int(self.rng.choice([1, 1, 2, 3]))
            slices.append(slice(first, last, step))
        made = x.samples[(slice(None), *slices[1:])]
        begin = [
            one.start - size if self.rng.random() < 0.3 else one.start
            for one, size in zip(slices, x.shape, strict=True)
        ]
        options = schema.StridedSliceOptionsT()
        mask = int(self.rng.integers(0, 16))
        options.beginMask = sum(1 << i for i in range(4) if mask >> i & 1 and slices[i].start == 0)
        options.endMask = sum(1 << i for i in range(4) if mask >> i & 1 and slices[i].stop == x.shape[i])
        y = self.b.value(made, (1, *made.shape[1:]), x.affine)
        bounds = [begin, [one.stop for one in slices], [one.step for one in slices]]
        self.b.operator("STRIDED_SLICE", [x.index, *(self.b.integers(one) for one in bounds)], [y.index], options)
        return y

    def split(self, x: Value) -> Value:
        """Split, work on one part, and join or add the parts."""
        axis = int(self.rng.integers(1, 4))
        divisors = [n for n in range(2, 5) if x.shape[axis] % n == 0]
        if not divisors:
            return self.quantize(x)
        parts = int(self.rng.choice(divisors))
        made = [self.b.value(one, (1, *one.shape[1:]), x.affine) for one in np.split(x.samples, parts, axis=axis)]
        number = self.b.integers([axis if self.rng.random() < 0.5 else axis - 4])
        self.b.graph.tensors[number].shape = []
        options = schema.SplitOptionsT()
        options.numSplits = parts
        self.b.operator("SPLIT", [number, x.index], [one.index for one in made], options)
        if self.rng.random() < 0.5:
            return self.binary("ADD", made[0], made[-1])
        return self.concatenated(made, axis)

    def mean(self, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
        made = x.samples.mean(axis=axes, keepdims=keep)
        y = self.b.value(made, (1, *made.shape[1:]))
        options = schema.ReducerOptionsT()
        options.keepDims = keep
        self.b.operator("MEAN", [x.index, self.b.integers(axes)], [y.index], options)
        return y

    def head(self, x: Value) -> Value:
        kind = int(self.rng.integers(4))
        if kind == 0:
            x = self.mean(x, ((1, 2), (2,), (1,), (3,))[int(self.rng.integers(4))], bool(self.rng.random() < 0.5))
        elif kind == 1:
            x = self.pooled(x, (x.shape[1], x.shape[2]), (1, 1), False)
        x = self.flat(x)
        for _ in range(int(self.rng.integers(1, 3))):
            x = self.dense(x, int(self.rng.integers(1, 13)))
        return self.softmax(x) if self.rng.random() < 0.3 else x

    def flat(self, x: Value) -> Value:
        made = x.samples.reshape(len(x.samples), -1)
        y = self.b.value(made, (1, made.shape[1]), x.affine)
        options = schema.ReshapeOptionsT()
        options.newShape = [1, made.shape[1]]
        self.b.operator("RESHAPE", [x.index, self.b.integers([1, made.shape[1]])], [y.index], options)
        return y

    def dense(self, x: Value, units: int) -> Value:
        depth = x.shape[1]
        per_channel = self.rng.random() < 0.5
        operands, w, bias = self.b.weights((units, depth), 0, x, bias=self.rng.random() < 0.8, per_channel=per_channel)
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = self.activation()
        y = self.b.activated(x.samples @ w.T + bias, (1, units), options.fusedActivationFunction)
        self.b.operator("FULLY_CONNECTED", [x.index, *operands], [y.index], options)
        return y

    def softmax(self, x: Value) -> Value:
        options = schema.SoftmaxOptionsT()
        options.beta = float(self.rng.choice([1.0, 1.0, 0.5, 2.0]))
        exponentials = np.exp(options.beta * (x.samples - x.samples.max(axis=-1, keepdims=True)))
        y = self.b.value(exponentials / exponentials.sum(axis=-1, keepdims=True), x.shape, Affine(1.0 / 256.0, -128))
        self.b.operator("SOFTMAX", [x.index], [y.index], options)
        return y
