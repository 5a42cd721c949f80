"""What every layer of a bundle's Keras network gives, in the middle of the network."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from kws_edge.bundle import Bundle
from kws_edge.models import build_model
from kws_edge.native_notices import without_native_notices


def keras_activations(
    bundle: Bundle,
    features: np.ndarray[Any, Any],
    *,
    form: Literal["float", "quantized"],
    weights: Literal["float", "quantized"],
) -> dict[str, np.ndarray[Any, Any]]:
    """Layer to its output, float32 [n, ...], for `features` float32 [n, frames, columns].

    `form` says whether activations and kernels are rounded as in quantization-aware training, `weights` after which
    phase. The float form with the quantized weights is what int8 would compute if it had no noise.
    """
    with without_native_notices():  # TensorFlow says on import which GPU it lacks
        import keras

        from kws_edge.models.network import load_weights

    learned = bundle.training.learned_ranges
    model = build_model(bundle.model, bundle.features, len(bundle.labels), form, learned_ranges=learned)
    load_weights(model, bundle.variables(weights))
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    taps = keras.Model(model.inputs[0], [layer.output for layer in layers])
    outputs = taps(features[..., np.newaxis], training=False)
    return {layer.name: np.asarray(output) for layer, output in zip(layers, outputs, strict=True)}
