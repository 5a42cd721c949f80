"""The operators of a .tflite file one by one: what each is called, what it gives, and the model cut short after it."""

from __future__ import annotations

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


def constant_bytes(model: bytes) -> int:
    """Bytes of all weights, biases and other constants that the operators of `model` read. Raises ConversionError."""
    parsed = _parse(model)
    graph = parsed.subgraphs[0]
    read = {int(index) for operator in graph.operators for index in operator.inputs if index >= 0}
    buffers = {graph.tensors[index].buffer for index in read}
    return sum(len(parsed.buffers[index].data) for index in buffers if parsed.buffers[index].data is not None)


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
