"""What a .tflite file says, read through the schema's own classes with every offset checked."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from firmware_export.codegen.flatbuffer import MalformedError, checked
from firmware_export.codegen.ir import Quantization, Tensor
from kws_edge.errors import ExportError
from kws_edge.tflite_schema import schema

IDENTIFIER = b"TFL3"
MOST_ITEMS = 2000  # operators or tensors; this field's networks have tens
MOST_ELEMENTS = 1 << 22  # of all tensors; a microcontroller has fewer bytes than that
MOST_AXES = 6

_DTYPES: dict[int, Literal["int8", "int32"]] = {schema.TensorType.INT8: "int8", schema.TensorType.INT32: "int32"}


@dataclass(frozen=True)
class RawTensor:
    """A tensor as the file has it, whatever its type."""

    index: int
    name: str
    shape: tuple[int, ...]
    type_name: str  # the schema's name, such as FLOAT32
    tensor: Tensor | None  # None when the type is not one that the engine computes with


@dataclass(frozen=True)
class RawOperator:
    """An operator as the file has it: its kind, tensor indices (-1 for an omitted input), and its options table."""

    number: int  # its place in the execution order
    kind: str  # the schema's name, such as CONV_2D
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any  # the generated options class, or None


@dataclass(frozen=True)
class RawModel:
    """The only subgraph of a file."""

    tensors: tuple[RawTensor, ...]
    operators: tuple[RawOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_model(content: bytes, source: str) -> RawModel:
    """Everything that the engine needs to know of the .tflite file `content`; `source` opens error messages.

    Raises ExportError when the file is malformed or larger than any network for a microcontroller.
    """
    with malformed_is_an_error(source):
        if len(content) < 8 or content[4:8] != IDENTIFIER:
            raise MalformedError("it has no TFL3 identifier; is it a .tflite file?")
        model = checked(schema.Model.GetRootAs(content, 0))
        if model.SubgraphsLength() != 1:
            raise MalformedError(f"it has {model.SubgraphsLength()} subgraphs; export a model with one")
        graph = checked(model.Subgraphs(0))
        codes = [_kind(checked(code)) for code in _items(model.OperatorCodes, model.OperatorCodesLength())]
        tensors = tuple(
            _tensor(model, checked(tensor), index)
            for index, tensor in enumerate(_items(graph.Tensors, graph.TensorsLength()))
        )
        elements = sum(math.prod(tensor.shape) for tensor in tensors)
        if elements > MOST_ELEMENTS:
            raise MalformedError(f"its tensors have {elements} elements; {MOST_ELEMENTS} are the most")
        operators = tuple(
            _operator(checked(operator), number, codes, len(tensors))
            for number, operator in enumerate(_items(graph.Operators, graph.OperatorsLength()))
        )
        return RawModel(
            tensors=tensors,
            operators=operators,
            inputs=_indices(graph.InputsAsNumpy(), graph.InputsLength(), len(tensors)),
            outputs=_indices(graph.OutputsAsNumpy(), graph.OutputsLength(), len(tensors)),
        )


@contextmanager
def malformed_is_an_error(source: str) -> Iterator[None]:
    """Around everything that reads the file's tables: what they cannot give becomes an ExportError."""
    try:
        yield
    except (MalformedError, struct.error, TypeError, OverflowError) as error:
        # the last three are what flatbuffers itself raises for numbers outside their field's range
        raise ExportError(f"{source}: not a usable .tflite file: {error}") from error


def _items(item: Callable[[int], Any], count: int) -> Iterator[Any]:
    if count > MOST_ITEMS:
        raise MalformedError(f"it lists {count} items where {MOST_ITEMS} are the most")
    return (item(i) for i in range(count))


def _indices(values: Any, count: int, tensors: int) -> tuple[int, ...]:
    if count > MOST_ITEMS:
        raise MalformedError(f"it lists {count} tensors where {MOST_ITEMS} are the most")
    if count == 0:
        return ()
    indices = tuple(int(value) for value in values)
    if not all(-1 <= index < tensors for index in indices):
        raise MalformedError(f"an operator or the graph refers to tensors {indices} of {tensors}")
    return indices


@cache
def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _kind(code: Any) -> str:
    # files from before schema 3a keep the number in the older, one-byte field
    number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    return _names(schema.BuiltinOperator).get(number, f"operator {number}")


def _operator(operator: Any, number: int, codes: list[str], tensors: int) -> RawOperator:
    index = operator.OpcodeIndex()
    if index >= len(codes):
        raise MalformedError(f"operator {number} has kind {index} of {len(codes)}")
    options = None
    class_name = _names(schema.BuiltinOptions).get(operator.BuiltinOptionsType(), "NONE")
    table = operator.BuiltinOptions()
    if class_name != "NONE" and table is not None:
        options = getattr(schema, class_name)()
        options.Init(table.Bytes, table.Pos)
        checked(options)
    return RawOperator(
        number=number,
        kind=codes[index],
        inputs=_indices(operator.InputsAsNumpy(), operator.InputsLength(), tensors),
        outputs=_indices(operator.OutputsAsNumpy(), operator.OutputsLength(), tensors),
        options=options,
    )


def _tensor(model: Any, tensor: Any, index: int) -> RawTensor:
    axes = tensor.ShapeLength()
    if axes > MOST_AXES:
        raise MalformedError(f"tensor {index} has {axes} axes; {MOST_AXES} are the most")
    shape = tuple(int(size) for size in tensor.ShapeAsNumpy()) if axes else ()
    if not all(size >= 1 for size in shape) or math.prod(shape) > MOST_ELEMENTS:
        raise MalformedError(f"tensor {index} has shape {list(shape)}; sizes go from 1 to {MOST_ELEMENTS} in all")
    name = (tensor.Name() or b"").decode("utf-8", "replace")
    number = tensor.Type()
    type_name = _names(schema.TensorType).get(number, f"type {number}")
    known = None
    dtype = _DTYPES.get(number)
    if dtype is not None:
        if tensor.Sparsity() is not None:
            raise MalformedError(f"tensor {index} is sparse; export dense weights")
        if tensor.IsVariable():
            raise MalformedError(f"tensor {index} keeps state between inferences, which this engine does not")
        known = Tensor(
            index=index,
            name=name,
            shape=shape,
            dtype=dtype,
            quantization=_quantization(tensor, index, shape),
            data=_data(model, tensor, index, shape, np.dtype(dtype)),
        )
    return RawTensor(index=index, name=name, shape=shape, type_name=type_name, tensor=known)


def _quantization(tensor: Any, index: int, shape: tuple[int, ...]) -> Quantization | None:
    table = tensor.Quantization()
    if table is None:
        return None
    checked(table)
    scales, zero_points = table.ScaleLength(), table.ZeroPointLength()
    if scales == 0 or zero_points == 0:
        return None
    axis = table.QuantizedDimension() if scales > 1 else 0
    if scales > 1 and not (0 <= axis < len(shape) and shape[axis] == scales):
        raise MalformedError(f"tensor {index} of shape {list(shape)} has {scales} scales along axis {axis}")
    if zero_points not in (1, scales):
        raise MalformedError(f"tensor {index} has {scales} scales and {zero_points} zero points")
    scale = tuple(float(value) for value in table.ScaleAsNumpy())
    zero_point = tuple(int(value) for value in table.ZeroPointAsNumpy())
    if not all(math.isfinite(value) and value >= 0.0 for value in scale):
        raise MalformedError(f"tensor {index} has a scale that is negative or no number")
    return Quantization(scale=scale, zero_point=zero_point * (scales // zero_points), axis=axis)


def _data(model: Any, tensor: Any, index: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    number = tensor.Buffer()
    if number >= model.BuffersLength():
        raise MalformedError(f"tensor {index} refers to buffer {number} of {model.BuffersLength()}")
    buffer = checked(model.Buffers(number))
    if buffer.Size() > 1:
        raise MalformedError(f"tensor {index} keeps its data outside the file")
    length = buffer.DataLength()
    if length == 0:
        return None
    needed = math.prod(shape) * dtype.itemsize
    if length != needed:
        raise MalformedError(f"tensor {index} of shape {list(shape)} needs {needed} bytes and has {length}")
    return buffer.DataAsNumpy().view(dtype.newbyteorder("<")).astype(dtype).reshape(shape)
