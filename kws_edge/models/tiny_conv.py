"""Tiny conv: one convolution and one fully connected layer, TensorFlow Lite Micro's micro_speech example.

Eight 10x8 kernels with stride 2 on 49x40 features, ReLU, dropout, a linear layer on all that remains
(github.com/tensorflow/tflite-micro, tensorflow/lite/micro/examples/micro_speech).

Changed against the example: batch normalisation; the linear layer is a 1x1 convolution on flattened features, in which
all int8 interpreters agree; logits instead of softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws_edge.models.network import Network

# the example's shape; its own features are log mel energies, of which 40 coefficients hold as much
FEATURES: dict[str, Any] = {"mel_bands": 40, "coefficients": 40}
PRESETS: dict[str, dict[str, Any]] = {"tiny_conv": {}}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a tiny conv."""

    # filters of the one convolution
    width: int = 8
    # part of its outputs dropped in training
    dropout: float = 0.5


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a tiny conv on `network.input`."""
    x = network.convolution(network.input, settings.width, (10, 8), strides=2)
    return network.classifier(network.dropout(network.flatten(x), settings.dropout))
