"""The operators of a .tflite file one by one: what each is called, what it gives, and the model cut short after it."""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws_edge.errors import ConversionError
from kws_edge.tflite_file import TensorInfo, summarize, tensor_info

# "functional_4_1/convolution_1_1/Relu;..." is layer convolution_1: TensorFlow appends a number to every scope that it
# enters a second time
_LAYER = re.compile(r"/([a-z]+(?:_[a-z]+)*_\d+)(?:_\d+)?/")


@dataclass(frozen=True)
class OperatorInfo:
    """One operator in order of execution."""

    # the layer of ours that it was converted from, such as "convolution_1"; else its kind and number, "reshape_12"
    name: str
    # the schema's name, such as "CONV_2D"
    kind: str
    # number of its first output in the file's list of tensors
    tensor: int
    output: TensorInfo


def operators(model: bytes) -> tuple[OperatorInfo, ...]:
    """The operators of `model`, the bytes of a .tflite file; no two have one name. Raises ConversionError."""
    kinds = summarize(model).operators
    graph = _parse(model).subgraphs[0]
    names = []
    for number, (operator, kind) in enumerate(zip(graph.operators, kinds, strict=True)):
        found = _LAYER.search(graph.tensors[operator.outputs[0]].name.decode())
        names.append(found[1] if found else f"{kind.lower()}_{number}")
    left = Counter(names)
    described = []
    for number, (operator, kind) in enumerate(zip(graph.operators, kinds, strict=True)):
        # of several operators that one layer became the last is the layer
        left[names[number]] -= 1
        name = f"{names[number]}/{kind.lower()}_{number}" if left[names[number]] else names[number]
        tensor = int(operator.outputs[0])
        described.append(OperatorInfo(name, kind, tensor, tensor_info(graph.tensors[tensor])))
    return tuple(described)


@dataclass(frozen=True)
class LeastCosts:
    """What no engine can go below, read off a model without building or running anything."""

    # weights, biases and other constants that operators read
    constant_bytes: int
    # the largest single activation: an engine may let an output overlap its input, but must hold one of them
    activation_bytes: int
    # products of convolutions and fully connected layers in one inference
    multiply_accumulates: int


def least_costs(model: bytes) -> LeastCosts:
    """See `LeastCosts`; `model` is the bytes of a .tflite file with int8 activations. Raises ConversionError."""
    kinds = summarize(model).operators
    parsed = _parse(model)
    graph = parsed.subgraphs[0]

    def constant(index: int) -> bool:
        data = parsed.buffers[graph.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def elements(index: int) -> int:
        return math.prod(int(size) for size in graph.tensors[index].shape)

    buffers, activations, products = set(), [0], 0
    for operator, kind in zip(graph.operators, kinds, strict=True):
        read = [int(index) for index in operator.inputs if index >= 0]
        buffers |= {graph.tensors[index].buffer for index in read if constant(index)}
        activations += [elements(int(index)) for index in operator.outputs]
        if kind in ("CONV_2D", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D"):
            # each output takes one filter: filters lie along the first axis, a depthwise kernel's along the last
            filters = int(graph.tensors[read[1]].shape[-1 if kind == "DEPTHWISE_CONV_2D" else 0])
            products += elements(int(operator.outputs[0])) * elements(read[1]) // filters
    constants = sum(len(parsed.buffers[index].data) for index in buffers)
    return LeastCosts(constants, max(activations), products)


def cut_after(model: bytes, number: int) -> bytes:
    """`model` that ends with its operator `number`, from 0: its output is that operator's.

    Every interpreter then tells what it computes in the middle of a network, with the kernels that it would use there.
    """
    from flatbuffers import Builder

    parsed = _parse(model)
    graph = parsed.subgraphs[0]
    graph.operators = graph.operators[: number + 1]
    graph.outputs = np.array([graph.operators[number].outputs[0]], np.int32)
    # names its outputs too, and need not
    parsed.signatureDefs = []
    builder = Builder(len(model))
    builder.Finish(parsed.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _parse(model: bytes) -> Any:
    from kws_edge.tflite_schema import schema

    try:
        return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ConversionError(f"the TFLite model is damaged ({type(error).__name__}: {error})") from error
