"""Engine `tflm`: the model array and the glue that runs it in TensorFlow Lite Micro's interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from firmware_export.codegen.c_text import tflm_op_name
from firmware_export.codegen.firmware_model import FirmwareModel
from firmware_export.codegen.header import render_header
from firmware_export.codegen.tflite_file import RawOperator, read_model
from kws_edge.errors import ExportError

ALIGNMENT_BYTES = 16

# What the interpreter and the list of operators take beside TFLM's own arena, in pointers: measured 51 and 9 (+ 2) with
# TFLM 90b983c2 on 64 and on 32 bits; more is reserved for versions that came before or will come.
_INTERPRETER_POINTERS = 64
_OPERATOR_POINTERS = 14
_POINTER_BYTES = 8

# TFLM has a registration of its int8 kernels alone for these (its kernels' headers, unchanged since 2022)
_INT8_REGISTRATIONS = frozenset(
    {"ADD", "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "MUL", "SOFTMAX"}
)


@dataclass(frozen=True)
class Registration:
    """One operator of the resolver."""

    # name in TFLM's resolver: registered by Add<name>
    name: str
    # function that returns the kernels to register, or None for the resolver's default
    registration: str | None


def tflm_arena_bytes(model: FirmwareModel) -> int:
    """Bytes of KWS_ENGINE_ARENA_BYTES for engine tflm: TFLM's own arena, and its interpreter and resolver.

    Raises ExportError where the arena was not measured.
    """
    if model.arena is None:
        raise ExportError("engine tflm needs the arena measured; pip install 'kws-edge[train]', or use --engine aot")
    operators = len(model.summary.distinct_operators)
    beside = _POINTER_BYTES * (_INTERPRETER_POINTERS + _OPERATOR_POINTERS * operators)
    total = model.arena.total_bytes + beside
    return total + -total % ALIGNMENT_BYTES


def registrations(model: FirmwareModel) -> tuple[Registration, ...]:
    """The operators of `model`, each once, in order of first use; int8 kernels alone where every use is int8."""
    raw = read_model(model.model, "the bundle's model")
    uses: dict[str, list[RawOperator]] = {}
    for operator in raw.operators:
        uses.setdefault(operator.kind, []).append(operator)

    def types(operator: RawOperator) -> Iterator[str]:
        # what follows the second input is a bias
        return (raw.tensors[index].type_name for index in (*operator.inputs[:2], *operator.outputs) if index >= 0)

    def is_int8(operators: list[RawOperator]) -> bool:
        return all(name == "INT8" for operator in operators for name in types(operator))

    return tuple(
        Registration(
            tflm_op_name(kind),
            f"Register_{kind}_INT8" if kind in _INT8_REGISTRATIONS and is_int8(operators) else None,
        )
        for kind, operators in uses.items()
    )


def tflm_engine_files(model: FirmwareModel, *, arduino: bool = False) -> dict[str, str]:
    """``kws_model.h``, ``kws_model.c`` and ``kws_engine_tflm.cc``; for `arduino` .cpp, with its library's header.

    Raises ExportError where the arena was not measured.
    """
    tflm_arena_bytes(model)
    environment = Environment(
        loader=PackageLoader("firmware_export.codegen"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C++, not HTML
    )
    glue = environment.get_template("kws_engine_tflm.cc.jinja").render(
        arduino_header="Chirale_TensorFlowLite.h" if arduino else None,
        ops=registrations(model),
        input=model.summary.input,
        output=model.summary.output,
    )
    return {**render_header(model), "kws_engine_tflm.cpp" if arduino else "kws_engine_tflm.cc": glue}
