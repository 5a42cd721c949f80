"""From a .tflite file to the IR: types, shapes and attributes of every operator are checked against TFLM's."""

from __future__ import annotations

from firmware_export.codegen import import_arithmetic, import_shapes, import_windows, ir
from firmware_export.codegen.operands import TFLM_INSTEAD, Operands
from firmware_export.codegen.tflite_file import RawModel, RawOperator, malformed_is_an_error, read_model
from kws_edge.errors import ExportError

_READERS = {**import_windows.READERS, **import_arithmetic.READERS, **import_shapes.READERS}


def import_network(model: bytes, source: str) -> ir.Network:
    """The network in the .tflite file `model`; `source` names it in error messages.

    Raises ExportError for a malformed file and, with the way out, for an operator, type or attribute outside of what
    this engine computes.
    """
    raw = read_model(model, source)
    tensors = [entry.tensor for entry in raw.tensors]
    with malformed_is_an_error(source):
        operators = tuple(_operator(raw, operator, source) for operator in raw.operators)
    if len(raw.inputs) != 1 or len(raw.outputs) != 1:
        raise ExportError(
            f"{source}: {len(raw.inputs)} inputs and {len(raw.outputs)} outputs; this engine takes networks with "
            f"one of each; {TFLM_INSTEAD}"
        )
    graph_input, graph_output = tensors[raw.inputs[0]], tensors[raw.outputs[0]]
    if graph_input is None or graph_output is None or graph_input.dtype != "int8" or graph_output.dtype != "int8":
        raise ExportError(
            f"{source}: input and output must be int8; convert with inference_input_type=tf.int8 and output"
        )
    _check_order(graph_input, graph_output, operators, source)
    return ir.Network(input=graph_input, output=graph_output, operators=operators)


def _check_order(
    graph_input: ir.Tensor, graph_output: ir.Tensor, operators: tuple[ir.Operator, ...], source: str
) -> None:
    known: set[ir.Tensor] = {graph_input}
    if graph_input.data is not None:
        raise ExportError(f"{source}: its input is a constant")
    for number, operator in enumerate(operators):
        for tensor in ir.reads(operator):
            if tensor.data is None and tensor not in known:
                raise ExportError(f"{source}: operator {number} reads tensor {tensor.index} before it is computed")
        for tensor in ir.writes(operator):
            if tensor.data is not None or tensor in known:
                raise ExportError(
                    f"{source}: operator {number} writes tensor {tensor.index}, which has a value already"
                )
            known.add(tensor)
    if graph_output not in known or graph_output is graph_input:
        raise ExportError(f"{source}: no operator computes its output")


def _operator(raw: RawModel, operator: RawOperator, source: str) -> ir.Operator:
    operands = Operands(raw, operator, source)
    reader = _READERS.get(operator.kind)
    if reader is None:
        raise operands.error("this engine has no such operator")
    return reader(operands)
