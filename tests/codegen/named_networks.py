"""The networks that this field compares itself by, in their published shapes, with random weights."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from network_builder import Value
from random_networks import NetworkGenerator


def generator(seed: int) -> NetworkGenerator:
    """ReLU everywhere, and biases so small that many layers of random weights still tell inputs apart."""
    generator = NetworkGenerator(np.random.default_rng(seed), schema.ActivationFunctionType.RELU)
    generator.b.bias_spread = 0.02
    return generator


def mlperf_tiny_kws() -> bytes:
    """MLPerf Tiny's keyword-spotting reference: DS-CNN with a dense head and softmax."""
    g = generator(100)
    x = g.filters(g.b.input((1, 49, 10, 1)), 64, (10, 4), (2, 2), same=True)
    for _ in range(4):
        x = g.filters_same(g.depthwise_3x3(x), 64)
    x = g.pooled(x, (x.shape[1], x.shape[2]), (1, 1), False)
    return g.b.finish(g.softmax(g.dense(g.flat(x), 12)))


def micro_speech() -> bytes:
    """TFLM's example: a flat input, eight 10x8 filters as a depthwise convolution, four classes."""
    g = generator(101)
    flat = g.b.input((1, 1960))
    image = g.b.value(flat.samples.reshape(-1, 49, 40, 1), (1, 49, 40, 1), flat.affine)
    options = schema.ReshapeOptionsT()
    options.newShape = [1, 49, 40, 1]
    g.b.operator("RESHAPE", [flat.index, g.b.integers([1, 49, 40, 1])], [image.index], options)
    x = g.per_channel_filters(image, (10, 8), (2, 2), (1, 1), 8, True)
    return g.b.finish(g.softmax(g.dense(g.flat(x), 4)))


def tc_resnet() -> bytes:
    """Temporal convolutions with residual adds: TC-ResNet8's plan at half its width, features as channels."""
    g = generator(102)
    x = g.filters(g.b.input((1, 49, 1, 10)), 8, (3, 1), same=True, dilation=(1, 1))
    for channels in (12, 16, 24):
        x = temporal_block(g, x, channels)
    return g.b.finish(g.dense(g.flat(g.mean(x, (1, 2), True)), 12))


def temporal_block(g: NetworkGenerator, x: Value, channels: int) -> Value:
    """Two 9x1 convolutions, the first with stride 2, beside a strided 1x1."""
    shortcut = g.filters(x, channels, (1, 1), (2, 1), same=True)
    x = g.filters(x, channels, (9, 1), (2, 1), same=True)
    x = g.filters(x, channels, (9, 1), same=True, dilation=(1, 1))
    return g.binary("ADD", x, shortcut)


def squeeze_and_excite() -> bytes:
    """Depthwise-separable blocks with gates and residuals, MobileNetV3-like."""
    g = generator(103)
    x = g.filters(g.b.input((1, 49, 10, 1)), 16, (3, 3), (2, 2), same=True)
    for kernel in ((3, 3), (5, 5)):
        inner = g.per_channel_filters(g.filters_same(x, 32), kernel, (1, 1), (1, 1), 1, True)
        x = g.binary("ADD", x, g.filters_same(g.squeeze_excite(inner), 16))
    return g.b.finish(g.dense(g.flat(g.mean(x, (1, 2), False)), 12))


def inception() -> bytes:
    """Branches of several kernels, joined channel by channel."""
    g = generator(104)
    x = g.filters(g.b.input((1, 49, 10, 1)), 16, (5, 5), (2, 2), same=True)
    for _ in range(2):
        branches = [
            g.filters_same(x, 8),
            g.filters(g.filters_same(x, 8), 8, (3, 3), same=True, dilation=(1, 1)),
            g.filters(g.filters_same(x, 4), 8, (5, 1), same=True, dilation=(1, 1)),
            g.filters_same(g.pooled(x, (3, 3), (1, 1), True), 8),
        ]
        x = g.concatenated(branches, 3)
    return g.b.finish(g.dense(g.flat(g.mean(x, (1, 2), True)), 12))


NETWORKS = {
    "mlperf_tiny_kws": mlperf_tiny_kws,
    "micro_speech": micro_speech,
    "tc_resnet": tc_resnet,
    "squeeze_and_excite": squeeze_and_excite,
    "inception": inception,
}
