"""Layers that are written once and have a float and a quantized form with the same variables.

The float form trains with batch statistics. The quantized form folds batch normalisation with its moving statistics,
rounds kernels to 8 bits per channel and activations to 8 bits per tensor, as the int8 kernels will. Each also has an
export form, in which every parameter is evaluated to a constant: all that the TFLite converter understands.
Quantization follows Jacob et al. 2018 (arXiv:1712.05877): symmetric narrow-range kernels, affine activations.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

Form = Literal["float", "quantized", "float_export", "int8_export"]

EPSILON = 1e-3  # of batch normalisation, Keras' default
MOMENTUM = 0.98  # of its moving statistics: about 50 batches, more than half an epoch of a small corpus
RANGE_MOMENTUM = 0.98  # of the moving activation range, likewise


class ActivationRange(keras.layers.Layer):
    """The range `[minimum, maximum]` that an int8 tensor covers; both are float32 scalars with 0 in between.

    In the float form nothing is changed or tracked. In the quantized form the range is learned by gradient descent
    when `learned`, starting from what `observe` has seen, else it follows a moving average of the extremes.
    """

    def __init__(self, form: Form, *, non_negative: bool, learned: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form = form
        self.non_negative = non_negative
        self.learned = learned
        self.observing = False

    def build(self, input_shape: Any) -> None:
        trainable = self.learned and self.form == "quantized"
        self.minimum = self.add_weight(
            name="minimum", shape=(), initializer="zeros", trainable=trainable and not self.non_negative
        )
        self.maximum = self.add_weight(name="maximum", shape=(), initializer="ones", trainable=trainable)

    def observe(self, x: tf.Tensor) -> None:
        """Move the range towards the extremes of `x`."""
        step = 1 - RANGE_MOMENTUM
        if not self.non_negative:
            self.minimum.assign_add(step * (tf.minimum(tf.reduce_min(x), 0.0) - self.minimum))
        self.maximum.assign_add(step * (tf.maximum(tf.reduce_max(x), 1e-3) - self.maximum))

    def rounded(self, x: tf.Tensor) -> tf.Tensor:
        """`x` on the grid of this range, which it does not move: for what is computed from a tensor that moved it."""
        if self.form in ("float", "float_export") or self.observing:
            return x
        if self.form == "int8_export":
            with tf.init_scope():
                low, high = float(self.minimum), float(self.maximum)
            return tf.quantization.fake_quant_with_min_max_args(x, low, high, num_bits=8)
        return tf.quantization.fake_quant_with_min_max_vars(x, self.minimum.value, self.maximum.value, num_bits=8)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if self.form == "quantized" and (self.observing or (training and not self.learned)):
            self.observe(x)
        return self.rounded(x)


class FixedRange(keras.layers.Layer):
    """An int8 grid that is known beforehand: 256 values from `low` to `high`, 0 among them."""

    def __init__(self, form: Form, *, low: float, high: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form, self.low, self.high = form, low, high

    def rounded(self, x: tf.Tensor) -> tf.Tensor:
        """`x` on this grid."""
        if self.form in ("float", "float_export"):
            return x
        return tf.quantization.fake_quant_with_min_max_args(x, self.low, self.high, num_bits=8)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.rounded(x)


class InputQuantizer(FixedRange):
    """The grid of the front end's int8 features: values `(q - zero_point) * scale` for q in -128..127."""

    def __init__(self, form: Form, *, scale: float, zero_point: int, **kwargs: Any) -> None:
        super().__init__(form, low=(-128 - zero_point) * scale, high=(127 - zero_point) * scale, **kwargs)


class Convolution(keras.layers.Layer):
    """Convolution or depthwise convolution, batch normalisation or bias, ReLU or none, activation range.

    Input float32 [n, height, width, channels]; output [n, height', width', filters] (`channels` when depthwise).
    """

    def __init__(
        self,
        form: Form,
        *,
        filters: int,
        kernel: tuple[int, int],
        strides: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Literal["SAME", "VALID"] = "SAME",
        depthwise: bool = False,
        batch_norm: bool = True,
        relu: bool = True,
        output_range: bool = True,
        learned_range: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.form = form
        self.filters, self.kernel, self.strides, self.padding = filters, kernel, strides, padding
        self.dilation = dilation
        self.depthwise, self.batch_norm, self.relu = depthwise, batch_norm, relu
        self.range = (
            ActivationRange(form, non_negative=relu, learned=learned_range, name="range") if output_range else None
        )

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1]
        outputs = channels if self.depthwise else self.filters
        shape = (*self.kernel, channels, 1 if self.depthwise else outputs)
        # fan-in by hand: Keras would take a depthwise kernel's fan-in to be that of a full convolution
        fan_in = self.kernel[0] * self.kernel[1] * (1 if self.depthwise else channels)
        deviation = (2.0 / fan_in) ** 0.5
        self.weight = self.add_weight(
            name="kernel", shape=shape, initializer=keras.initializers.TruncatedNormal(stddev=deviation)
        )
        self.beta = self.add_weight(name="beta", shape=(outputs,), initializer="zeros")
        if self.batch_norm:
            self.gamma = self.add_weight(name="gamma", shape=(outputs,), initializer="ones")
            self.mean = self.add_weight(name="mean", shape=(outputs,), initializer="zeros", trainable=False)
            self.variance = self.add_weight(name="variance", shape=(outputs,), initializer="ones", trainable=False)
        if self.range is not None:
            self.range.build(None)

    def _convolve(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        if self.depthwise:
            return tf.nn.depthwise_conv2d(x, kernel, (1, *self.strides, 1), self.padding, dilations=self.dilation)
        return tf.nn.conv2d(x, kernel, self.strides, self.padding, dilations=self.dilation)

    def _folded(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Kernel and bias with batch normalisation's moving statistics folded in."""
        kernel, beta = tf.convert_to_tensor(self.weight), tf.convert_to_tensor(self.beta)
        if not self.batch_norm:
            return kernel, beta
        factor = self.gamma * tf.math.rsqrt(tf.convert_to_tensor(self.variance) + EPSILON)
        bias = beta - tf.convert_to_tensor(self.mean) * factor
        return kernel * (factor[:, tf.newaxis] if self.depthwise else factor), bias

    def _quantized(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Folded kernel on its 8-bit per-channel grid, and the bias (32 bits in the converted model: exact enough)."""
        kernel, bias = self._folded()
        if self.depthwise:
            kernel = tf.squeeze(kernel, -1)
        limit = tf.stop_gradient(tf.reduce_max(tf.abs(kernel), axis=[0, 1] if self.depthwise else [0, 1, 2])) + 1e-8
        kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            kernel, -limit, limit, num_bits=8, narrow_range=True
        )
        return (kernel[..., tf.newaxis] if self.depthwise else kernel), bias

    def _linear(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        if self.form in ("float_export", "int8_export"):
            with tf.init_scope():
                parameters = self._quantized() if self.form == "int8_export" else self._folded()
                kernel, bias = (value.numpy() for value in parameters)
            return self._convolve(x, tf.constant(kernel)) + tf.constant(bias)
        if self.form == "quantized":
            kernel, bias = self._quantized()
            return self._convolve(x, kernel) + bias
        if self.batch_norm and training:
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=self._convolve(x, self.weight.value),
                scale=self.gamma.value,
                offset=self.beta.value,
                mean=tf.zeros([0]),
                variance=tf.zeros([0]),
                epsilon=EPSILON,
                is_training=True,
            )
            self.mean.assign_add((1 - MOMENTUM) * (mean - self.mean))
            self.variance.assign_add((1 - MOMENTUM) * (variance - self.variance))
            return y
        kernel, bias = self._folded()
        return self._convolve(x, kernel) + bias

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        y = self._linear(x, training)
        if self.relu:
            y = tf.nn.relu(y)
        return y if self.range is None else self.range(y, training=training)


class Add(keras.layers.Layer):
    """Sum of two tensors, ReLU or none, activation range: a residual connection.

    A height or width of 1 is broadcast over the other tensor's, as the int8 kernels do it too.
    """

    def __init__(self, form: Form, *, relu: bool, learned_range: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.relu = relu
        self.range = ActivationRange(form, non_negative=relu, learned=learned_range, name="range")

    def build(self, input_shape: Any) -> None:
        self.range.build(None)

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        y = inputs[0] + inputs[1]
        return self.range(tf.nn.relu(y) if self.relu else y, training=training)


class Gate(keras.layers.Layer):
    """`clip(x + 1/2, 0, 1)`: open, shut or in between; its input must come from a convolution without a range.

    In int8 it costs nothing: a tensor whose range is [0, 1] saturates there, and the half joins the bias. In float
    training it is `clip(tanh(x) + 1/2 + e, 0, 1)` with e from N(0, noise^2), which drives gates to either end and keeps
    a gradient in those that have arrived (Svirsky et al. 2024, arXiv:2406.06634); tanh is within 0.04 of the line
    that replaces it. The quantized form trains what the device computes, without noise.
    """

    def __init__(self, form: Form, *, noise: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form, self.noise = form, noise
        self.range = FixedRange(form, low=0.0, high=1.0, name="range")
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if self.form == "float" and training:
            x = tf.tanh(x) + keras.random.normal(tf.shape(x), stddev=self.noise, seed=self.seed_generator)
        if self.form == "int8_export":
            return self.range(x + 0.5)
        return self.range(tf.clip_by_value(x + 0.5, 0.0, 1.0))


class Concatenate(keras.layers.Layer):
    """Channels side by side on one common range, so that the int8 kernel only copies.

    Its inputs must come from convolutions with ``output_range=False``; what they hold is rounded here.
    """

    def __init__(self, form: Form, *, non_negative: bool = True, learned_range: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form = form
        self.range = ActivationRange(form, non_negative=non_negative, learned=learned_range, name="range")

    def build(self, input_shape: Any) -> None:
        self.range.build(None)

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        if self.form == "int8_export":
            # the converter wants to see the range on every input, not only on the result
            return self.range(tf.concat([self.range(x) for x in inputs], axis=-1))
        return self.range(tf.concat(inputs, axis=-1), training=training)


class Pool(keras.layers.Layer):
    """Average or maximum over windows; the result keeps the range of its input, as the int8 kernels demand.

    `input_range` is the range that quantized the input.
    """

    def __init__(
        self,
        form: Form,
        *,
        kind: Literal["average", "max"],
        size: tuple[int, int],
        strides: tuple[int, int],
        padding: Literal["SAME", "VALID"],
        input_range: ActivationRange | FixedRange,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.form, self.kind = form, kind
        self.size, self.strides, self.padding = size, strides, padding
        self._input_range = input_range  # Keras counts its variables once, as those of the layer that owns it

    def call(self, x: tf.Tensor) -> tf.Tensor:
        if self.kind == "max":
            return tf.nn.max_pool2d(x, self.size, self.strides, self.padding)
        # means lie closer together than what they are means of: they must not shrink the range of their input
        return self._input_range.rounded(tf.nn.avg_pool2d(x, self.size, self.strides, self.padding))
