"""`Network`: the vocabulary in which every family is written, one call per block."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np

from kws_edge.models.blocks import (
    ActivationRange,
    Add,
    Concatenate,
    Convolution,
    FixedRange,
    Form,
    Gate,
    InputQuantizer,
    Pool,
)
from kws_edge.spec import FeatureSpec, require

Pair = tuple[int, int]
# part of the paths of the variables that hold a generator's state
_GENERATOR = "seed_generator"


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value


class Network:
    """One network under construction, in one form; tensors are Keras tensors float32 [n, height, width, channels]."""

    def __init__(self, spec: FeatureSpec, labels: int, form: Form, *, learned_ranges: bool = True) -> None:
        self.form: Form = form
        self.labels = labels
        self._learned = learned_ranges
        self._names: dict[str, int] = {}
        self._ranges: dict[int, ActivationRange | FixedRange] = {}
        self._input = keras.Input((*spec.shape, 1), name="features")
        quantizer = InputQuantizer(form, scale=spec.scale, zero_point=spec.zero_point, name="input_quantizer")
        self.input = self._remember(quantizer(self._input), quantizer)

    def _remember(self, tensor: Any, made_by: ActivationRange | FixedRange | None) -> Any:
        if made_by is not None:
            self._ranges[id(tensor)] = made_by
        return tensor

    def _name(self, kind: str) -> str:
        self._names[kind] = self._names.get(kind, 0) + 1
        return f"{kind}_{self._names[kind]}"

    def convolution(
        self,
        x: Any,
        filters: int,
        kernel: int | Pair,
        *,
        strides: int | Pair = 1,
        dilation: int | Pair = 1,
        padding: Literal["SAME", "VALID"] = "SAME",
        batch_norm: bool = True,
        relu: bool = True,
        into_concatenation: bool = False,
        into_gate: bool = False,
        depthwise: bool = False,
    ) -> Any:
        """Convolution, batch normalisation, ReLU.

        `into_concatenation` and `into_gate` leave the rounding to `concatenate` or `gate`, which must follow.
        Raises SettingsError where there is nothing to compute: no channels, or a kernel or strides below 1.
        """
        name = self._name("depthwise" if depthwise else "convolution")
        require(
            min(filters, x.shape[-1], *_pair(kernel), *_pair(strides), *_pair(dilation)) >= 1,
            f"{name}: {x.shape[-1]} channels to {filters}, kernel {kernel}, strides {strides}, dilation {dilation}; "
            "each must be 1 or more",
        )
        layer = Convolution(
            self.form,
            filters=filters,
            kernel=_pair(kernel),
            strides=_pair(strides),
            dilation=_pair(dilation),
            padding=padding,
            depthwise=depthwise,
            batch_norm=batch_norm,
            relu=relu,
            output_range=not (into_concatenation or into_gate),
            learned_range=self._learned,
            name=name,
        )
        return self._remember(layer(x), layer.range)

    def depthwise(
        self,
        x: Any,
        kernel: int | Pair,
        *,
        strides: int | Pair = 1,
        dilation: int | Pair = 1,
        padding: Literal["SAME", "VALID"] = "SAME",
        relu: bool = True,
    ) -> Any:
        """Depthwise convolution with multiplier 1, batch normalisation, ReLU."""
        return self.convolution(
            x,
            x.shape[-1],
            kernel,
            strides=strides,
            dilation=dilation,
            padding=padding,
            relu=relu,
            depthwise=True,
        )

    def gate(self, x: Any, *, noise: float) -> Any:
        """0 to 1 from a convolution made with ``relu=False, into_gate=True``; `noise` is its deviation in training."""
        layer = Gate(self.form, noise=noise, name=self._name("gate"))
        return self._remember(layer(x), layer.range)

    def reshape(self, x: Any, height: int, width: int) -> Any:
        """The same values in the same order as [n, height, width, channels]; channels take what is left."""
        channels = x.shape[1] * x.shape[2] * x.shape[3] // (height * width)
        layer = keras.layers.Reshape((height, width, channels), name=self._name("reshape"))
        return self._remember(layer(x), self._ranges.get(id(x)))

    def columns_as_channels(self, x: Any) -> Any:
        """[n, frames, columns, 1] as [n, frames, 1, columns]: a network in time alone, with (k, 1) kernels."""
        return self.reshape(x, x.shape[1], 1)

    def flatten(self, x: Any) -> Any:
        """[n, 1, 1, height * width * channels]: what a fully connected layer, as a 1x1 convolution, reads."""
        return self.reshape(x, 1, 1)

    def add(self, a: Any, b: Any, *, relu: bool = True) -> Any:
        """Residual connection: the sum of two tensors of one shape, or with a height or width of 1 broadcast."""
        layer = Add(self.form, relu=relu, learned_range=self._learned, name=self._name("add"))
        return self._remember(layer([a, b]), layer.range)

    def concatenate(self, tensors: list[Any], *, non_negative: bool = True) -> Any:
        """Channels of convolutions made with `into_concatenation=True`, side by side."""
        layer = Concatenate(
            self.form, non_negative=non_negative, learned_range=self._learned, name=self._name("concatenate")
        )
        return self._remember(layer(tensors), layer.range)

    def pool(
        self,
        x: Any,
        kind: Literal["average", "max"],
        size: int | Pair,
        *,
        strides: int | Pair | None = None,
        padding: Literal["SAME", "VALID"] = "VALID",
    ) -> Any:
        """Windowed pooling; strides default to the window's size.

        Raises SettingsError for a tensor that has no int8 range of its own for the result to keep.
        """
        require(id(x) in self._ranges, f"{kind} pool: its input has no int8 range; pool what concatenate or gate gave")
        layer = Pool(
            self.form,
            kind=kind,
            size=_pair(size),
            strides=_pair(size if strides is None else strides),
            padding=padding,
            input_range=self._ranges[id(x)],
            name=self._name(f"{kind}_pool"),
        )
        return self._remember(layer(x), self._ranges[id(x)])

    def global_average_pool(self, x: Any) -> Any:
        """Mean over height and width: [n, 1, 1, channels]."""
        return self.pool(x, "average", (x.shape[1], x.shape[2]))

    def dropout(self, x: Any, rate: float) -> Any:
        """Dropout in training; nothing on the device."""
        layer = keras.layers.Dropout(rate, name=self._name("dropout"))
        y = layer(x)
        return self._remember(y, self._ranges.get(id(x)))

    def classifier(self, x: Any) -> Any:
        """Logits [n, labels] by a 1x1 convolution, the one form in which all int8 interpreters agree bit for bit."""
        logits = self.convolution(x, self.labels, 1, batch_norm=False, relu=False)
        return keras.layers.Reshape((self.labels,), name="logits")(logits)

    def model(self, logits: Any) -> keras.Model:
        """The finished Keras model: features [n, frames, columns, 1] to logits [n, labels]."""
        return keras.Model(self._input, logits)


def parameters(model: keras.Model, *, random_state: bool = False) -> list[Any]:
    """The variables of a model in a fixed order, without the state of dropout's generators unless `random_state`."""
    return [variable for variable in model.variables if random_state or _GENERATOR not in variable.path]


def weights_of(model: keras.Model, *, random_state: bool = False) -> dict[str, np.ndarray[Any, Any]]:
    """Every variable of a model by its path, such as ``convolution_1/kernel``; equal in all forms of a network."""
    return {variable.path: variable.numpy() for variable in parameters(model, random_state=random_state)}


def load_weights(model: keras.Model, weights: dict[str, np.ndarray[Any, Any]], *, random_state: bool = False) -> None:
    """Put `weights` (from `weights_of` any form of the same network) into `model`; raises KeyError for a stranger.

    With `random_state` the generators get their states in order: Keras numbers them through a whole process, so their
    paths are others in another one.
    """
    for variable in parameters(model):
        variable.assign(weights[variable.path])
    if random_state:
        states = [state for path, state in weights.items() if _GENERATOR in path]
        generators = [variable for variable in model.variables if _GENERATOR in variable.path]
        for variable, state in zip(generators, states, strict=True):
            variable.assign(state)
