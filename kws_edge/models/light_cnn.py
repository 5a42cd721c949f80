"""Light CNN: small convolutions and pools on a log spectrogram, two wide layers, twelve words.

The "Light-Weight CNN" of the TensorFlow Speech Recognition Challenge (kaggle.com/alphasis/light-weight-cnn-lb-0-74):
99x81 features of 8 kHz speech; two 2x2 convolutions with 8 filters, two 3x3 with 16, one 3x3 with 32, each group
followed by a 2x2 maximum pool and dropout; two fully connected layers of 128.

Changed against the original: batch normalisation follows every layer before its ReLU, where it costs the device nothing
(there only the input and, behind its ReLU, each wide layer had one; the input's is in the front end here); fully
connected layers are 1x1 convolutions on flattened features; logits instead of softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws_edge.models.network import Network

FEATURES: dict[str, Any] = {"kind": "log_spectrogram", "window_ms": 20.0, "window_stride_ms": 10.0, "fft_length": 160}
PRESETS: dict[str, dict[str, Any]] = {"light_cnn": {}}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Shape of a light CNN."""

    # filters of the three groups of convolutions
    widths: tuple[int, ...] = (8, 16, 32)
    # units of the two wide layers
    dense: int = 128
    # part of each group's outputs dropped in training
    dropout: float = 0.2


def build(network: Network, settings: Settings) -> Any:
    """Logits [n, labels] of a light CNN on `network.input`."""
    x = network.input
    for number, width in enumerate(settings.widths):
        kernel = 2 if number == 0 else 3
        for _ in range(2 if number < 2 else 1):
            x = network.convolution(x, width, kernel, padding="VALID")
        x = network.dropout(network.pool(x, "max", 2), settings.dropout)
    x = network.flatten(x)
    for _ in range(2):
        x = network.convolution(x, settings.dense, 1)
    return network.classifier(x)
