"""Network families on shared blocks, each with a float and a quantized form of the same weights.

Importing this package does not import TensorFlow; calling anything in it does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kws_edge.errors import SettingsError
from kws_edge.settings import from_mapping
from kws_edge.spec import FeatureSpec, ModelSettings

if TYPE_CHECKING:
    import keras

FAMILIES = ("ds_cnn",)


def build_model(
    settings: ModelSettings,
    spec: FeatureSpec,
    labels: int,
    form: Literal["float", "quantized", "float_export", "int8_export"],
    *,
    learned_ranges: bool = True,
) -> keras.Model:
    """The network that `settings` names, in one form: features float32 [n, frames, columns, 1] to logits [n, labels].

    Raises SettingsError for an unknown family or option.
    """
    from kws_edge.models.network import Network

    if settings.arch not in FAMILIES:
        raise SettingsError(f"arch = {settings.arch!r}; choose one of {', '.join(FAMILIES)}")
    family = importlib.import_module(f"kws_edge.models.{settings.arch}")
    options = from_mapping(family.Settings, settings.options, source=f"options of {settings.arch}")
    network = Network(spec, labels, form, learned_ranges=learned_ranges)
    return network.model(family.build(network, options))


class KerasInterpreter:
    """A Keras model behind the same `run` that the TFLite interpreters have; float32 features in, logits out."""

    def __init__(self, name: str, model: keras.Model) -> None:
        self.name = name
        self._model = model

    def run(self, features: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Logits float32 [n, labels] of features float32 [n, frames, columns]."""
        import tensorflow as tf

        call = tf.function(lambda x: self._model(x, training=False))
        batches = [call(features[start : start + 250, ..., np.newaxis]) for start in range(0, len(features), 250)]
        return np.concatenate([np.asarray(batch) for batch in batches])


def keras_interpreter(
    name: str,
    settings: ModelSettings,
    spec: FeatureSpec,
    labels: int,
    weights: dict[str, np.ndarray[Any, Any]],
    form: Literal["float", "quantized"],
) -> KerasInterpreter:
    """A Keras model with `weights` (paths as `weights_of` gives them) behind `run`."""
    from kws_edge.models.network import load_weights

    model = build_model(settings, spec, labels, form)
    load_weights(model, weights)
    return KerasInterpreter(name, model)
