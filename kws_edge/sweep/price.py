"""What a network costs on a device, known before it is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from firmware_export.codegen.compiled import compile_network
from kws_edge.errors import ExportError
from kws_edge.models import build_model
from kws_edge.spec import FeatureSpec, ModelSettings
from kws_edge.tflite_file import summarize
from kws_edge.tflite_schema import schema

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class Price:
    """Costs of one int8 network; none depends on what its weights are."""

    # weights and biases, batch normalisation folded
    parameters: int
    # multiply-accumulates of one inference, in convolutions and fully connected layers
    macs: int
    # the .tflite file
    file_bytes: int
    # of it, weights (one byte each) and biases (four): what a device keeps in flash beside code
    weight_bytes: int
    # what engine aot keeps in RAM while it infers: activations, scratch memory, input and output; None if the engine
    # does not take the network, being too large for any microcontroller
    ram_bytes: int | None


def price(settings: ModelSettings, spec: FeatureSpec, labels: int) -> Price:
    """Price the network that `settings` names, without training it; a few seconds.

    Raises SettingsError or ConversionError for a network that cannot be built or converted.
    """
    return price_of(convert_untrained(settings, spec, labels))


def convert_untrained(settings: ModelSettings, spec: FeatureSpec, labels: int) -> bytes:
    """The int8 .tflite file of a network with random weights. Raises SettingsError or ConversionError."""
    from kws_edge.conversion import convert_int8

    model = build_model(settings, spec, labels, "int8_export")
    return convert_int8(model, np.zeros((1, *spec.shape), np.int8), spec)


def price_of(model: bytes) -> Price:
    """What `model`, the bytes of an int8 .tflite file, costs. Raises ConversionError when it is no such file."""
    counts = [_count(kind, weights, bias, made) for kind, weights, bias, made in _weighted(model)]
    return Price(
        parameters=sum(weights + biases for weights, biases, _ in counts),
        macs=sum(products for _, _, products in counts),
        file_bytes=len(model),
        weight_bytes=sum(weights + 4 * biases for weights, biases, _ in counts),
        ram_bytes=_ram_bytes(model),
    )


def _ram_bytes(model: bytes) -> int | None:
    try:
        network = compile_network(model, source="the network")
    except ExportError:
        return None
    return network.arena_bytes + network.network.input.elements + network.network.output.elements


def _weighted(model: bytes) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...] | None, tuple[int, ...]]]:
    """Kind, and shapes of weights, biases (or None) and output, of every operator that has weights."""
    kinds = summarize(model).operators
    graph = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0)).subgraphs[0]

    def shape(index: int) -> tuple[int, ...]:
        return tuple(int(size) for size in graph.tensors[index].shape)

    for kind, operator in zip(kinds, graph.operators, strict=True):
        if kind in _WEIGHTED:
            inputs = [int(index) for index in operator.inputs]
            bias = shape(inputs[2]) if len(inputs) > 2 and inputs[2] >= 0 else None
            yield kind, shape(inputs[1]), bias, shape(operator.outputs[0])


def _count(
    kind: str, weights: tuple[int, ...], bias: tuple[int, ...] | None, made: tuple[int, ...]
) -> tuple[int, int, int]:
    """Weights, biases, and products that one inference sums, those with padding among them."""
    elements = math.prod(weights)
    # a depthwise kernel is [1, height, width, channels], all others have their outputs first
    products_per_output = math.prod(weights[1:3]) if kind == "DEPTHWISE_CONV_2D" else elements // weights[0]
    return elements, math.prod(bias) if bias is not None else 0, math.prod(made) * products_per_output
