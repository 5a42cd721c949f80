"""Network families on shared blocks, each with a float and a quantized form of the same weights.

Importing this package does not import TensorFlow; calling anything in it does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kws_edge.errors import SettingsError
from kws_edge.models.own import build_own, is_own
from kws_edge.native_notices import without_native_notices
from kws_edge.settings import from_mapping
from kws_edge.spec import FeatureSpec, ModelSettings

if TYPE_CHECKING:
    import keras

    from kws_edge.bundle import Bundle


FAMILIES = (
    "ds_cnn",
    "sparknet",
    "tc_resnet",
    "bc_resnet",
    "ds_resnet",
    "tiny_conv",
    "light_cnn",
    "wavception",
)


def build_model(
    settings: ModelSettings,
    spec: FeatureSpec,
    labels: int,
    form: Literal["float", "quantized", "float_export", "int8_export"],
    *,
    learned_ranges: bool = True,
) -> keras.Model:
    """The network that `settings` names, in one form: features float32 [n, frames, columns, 1] to logits [n, labels].

    Raises SettingsError for an unknown family or option, for features that leave a layer nothing to compute on, and for
    a network of the user's own that gives anything but logits.
    """
    from kws_edge.models.network import Network

    check_arch(settings.arch)
    network = Network(spec, labels, form, learned_ranges=learned_ranges)
    try:
        model = network.model(_logits(network, settings))
    except ValueError as error:
        # Keras wraps the reason in advice to its own developers
        reason = str(error).split("Error encountered:")[-1].split(" for '{{node")[0].strip()
        raise SettingsError(f"{settings.arch} does not fit features of shape {spec.shape}: {reason}") from error
    if [tuple(output.shape) for output in model.outputs] != [(None, labels)]:
        given = ", ".join(str(tuple(output.shape)) for output in model.outputs)
        raise SettingsError(
            f"{settings.arch} gives {given}; logits of {labels} labels are wanted: return network.classifier(x), "
            "x with height and width 1"
        )
    return model


def check_arch(arch: str) -> None:
    """Raise SettingsError unless `arch` is a family or ``path/to/file.py:function``."""
    if arch not in FAMILIES and not is_own(arch):
        raise SettingsError(f"arch = {arch!r}; choose one of {', '.join(FAMILIES)}, or path/to/file.py:function")


def check_options(settings: ModelSettings) -> None:
    """Raise SettingsError for options that a family does not have; those of a network of the user's own are its own.

    Imports TensorFlow.
    """
    if not is_own(settings.arch):
        _family_options(settings)


def family_module(arch: str) -> Any:
    """The module of a family: `Settings`, `build`, `FEATURES` and `PRESETS`, where wanted `PRESET_FEATURES`."""
    return importlib.import_module(f"kws_edge.models.{arch}")


def preset_features(arch: str, preset: str) -> dict[str, Any]:
    """What a preset changes in the default FeatureSpec: its family's `FEATURES`, and its own `PRESET_FEATURES`."""
    module = family_module(arch)
    return {**module.FEATURES, **getattr(module, "PRESET_FEATURES", {}).get(preset, {})}


def _logits(network: Any, settings: ModelSettings) -> Any:
    if is_own(settings.arch):
        return build_own(settings.arch, network, settings.options, settings.source_sha256)
    return family_module(settings.arch).build(network, _family_options(settings))


def _family_options(settings: ModelSettings) -> Any:
    family = family_module(settings.arch)
    return from_mapping(family.Settings, settings.options, source=f"options of {settings.arch}")


class KerasInterpreter:
    """A Keras model behind the same `run` that the TFLite interpreters have; float32 features in, logits out."""

    def __init__(self, name: str, model: keras.Model) -> None:
        import tensorflow as tf

        self.name = name
        # one trace for every batch size
        signature = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)
        self._call = tf.function(lambda x: model(x, training=False), input_signature=[signature])

    def run(self, features: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Logits float32 [n, labels] of features float32 [n, frames, columns]."""
        return np.asarray(self._call(features[..., np.newaxis]))


def keras_interpreter(bundle: Bundle, *, quantized: bool) -> KerasInterpreter:
    """The Keras network of `bundle` behind `run`: the quantized form, whose weights became int8, or the float one."""
    with without_native_notices():  # TensorFlow says on import which GPU it lacks
        from kws_edge.models.network import load_weights

    form: Literal["float", "quantized"] = "quantized" if quantized else "float"
    model = build_model(
        bundle.model,
        bundle.features,
        len(bundle.labels),
        form,
        learned_ranges=bundle.training.learned_ranges,
    )
    load_weights(model, bundle.variables(form))
    return KerasInterpreter("keras_qat" if quantized else "keras_float", model)
