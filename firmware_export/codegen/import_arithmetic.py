"""Operators that compute with values, one by one or along an axis: from a checked .tflite operator to the IR."""

from __future__ import annotations

from firmware_export.codegen import ir
from firmware_export.codegen.operands import Operands, Reader


def _mean(op: Operands) -> ir.Operator:
    op.counts((2,), (1,))
    options = op.options("ReducerOptions")
    given, made = op.input(0), op.output()
    rank = len(given.shape)
    op.require(rank <= 4, f"it reduces a tensor of {rank} axes")
    given_axes = op.integers(1)
    op.require(
        all(-rank <= axis < rank for axis in given_axes), f"axes {given_axes} are not those of {list(given.shape)}"
    )
    axes = tuple(sorted({axis % rank for axis in given_axes}))
    keep = bool(options.KeepDims())
    shape = tuple(1 if i in axes else size for i, size in enumerate(given.shape) if keep or i not in axes)
    op.require(made.shape == shape, f"its output is {list(made.shape)}, not {list(shape)}")
    return ir.Mean(given, made, axes)


def _binary(op: Operands) -> ir.Operator:
    op.counts((2,), (1,))
    options = op.options("AddOptions" if op.kind == "ADD" else "MulOptions")
    a, b, made = op.input(0), op.input(1), op.output()
    rank = max(len(a.shape), len(b.shape))
    op.require(rank <= 4, f"it broadcasts {rank} axes")
    extended = [(1,) * (rank - len(tensor.shape)) + tensor.shape for tensor in (a, b)]
    shape = tuple(max(sizes) for sizes in zip(*extended, strict=True))
    fits = all(size in (1, full) for one in extended for size, full in zip(one, shape, strict=True))
    op.require(fits and made.shape == shape, f"{list(a.shape)} and {list(b.shape)} do not make {list(made.shape)}")
    op.require(max(shape, default=1) < 1 << 16, f"its output is {list(made.shape)}")
    clamp = op.clamp(options.FusedActivationFunction(), made)
    return ir.Binary("add" if op.kind == "ADD" else "mul", a, b, made, clamp)


def _unary(op: Operands) -> ir.Operator:
    op.counts((1,), (1,))
    given, made = op.input(0), op.output()
    op.require(given.shape == made.shape, f"it changes {list(given.shape)} to {list(made.shape)}")
    match op.kind:
        case "QUANTIZE":
            return ir.Unary("quantize", given, made)
        case "LOGISTIC":
            op.require(made.zero_point == -128, f"its output has zero point {made.zero_point}, not -128")
            return ir.Unary("logistic", given, made)
        case "RELU":
            return ir.Unary("relu", given, made)
        case _:
            return ir.Unary("relu6", given, made)


def _softmax(op: Operands) -> ir.Operator:
    op.counts((1,), (1,))
    options = op.options("SoftmaxOptions")
    given, made = op.input(0), op.output()
    beta = float(options.Beta())
    op.require(bool(given.shape) and given.shape == made.shape, f"it changes {list(given.shape)} to {list(made.shape)}")
    op.require(made.scale == 1.0 / 256.0 and made.zero_point == -128, "its output is not in units of 1/256 from -128")
    op.require(given.shape[-1] < 1 << 9, f"it sums {given.shape[-1]} values; 511 are the most")
    op.require(given.elements // given.shape[-1] < 1 << 16, f"its input is {list(given.shape)}")
    op.require(1.0 < beta * given.scale * (1 << 26) < float("inf"), f"beta {beta} does not fit its input's scale")
    return ir.Softmax(given, made, beta)


READERS: dict[str, Reader] = {
    "MEAN": _mean,
    "ADD": _binary,
    "MUL": _binary,
    "QUANTIZE": _unary,
    "LOGISTIC": _unary,
    "RELU": _unary,
    "RELU6": _unary,
    "SOFTMAX": _softmax,
}
