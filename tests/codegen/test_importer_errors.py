"""What the engine does not compute is refused by name, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from network_builder import NetworkBuilder

from firmware_export.codegen.compiled import compile_network
from firmware_export.targets.generic.network import network_files
from kws_edge.errors import ExportError


def small_model(change: Callable[[Any], None] = lambda model: None) -> bytes:
    """QUANTIZE of a [1, 8] tensor, after `change` had its way with the parsed model."""
    builder = NetworkBuilder(np.random.default_rng(0))
    given = builder.input((1, 8))
    made = builder.value(given.samples * 0.5, (1, 8))
    builder.operator("QUANTIZE", [given.index], [made.index], schema.QuantizeOptionsT())
    builder.finish(made)
    change(builder.model)
    packer = flatbuffers.Builder(1024)
    packer.Finish(builder.model.Pack(packer), b"TFL3")
    return bytes(packer.Output())


def refusal(model: bytes) -> str:
    with pytest.raises(ExportError) as caught:
        compile_network(model, source="net.tflite")
    message = str(caught.value)
    assert message.startswith("net.tflite: ")
    return message


def test_the_model_itself_is_accepted() -> None:
    assert compile_network(small_model(), source="net.tflite").files


def test_not_a_model() -> None:
    assert "is it a .tflite file?" in refusal(b"RIFF....WAVEfmt and so on")
    assert "is it a .tflite file?" in refusal(b"")


def test_an_unknown_operator() -> None:
    def change(model: Any) -> None:
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.TANH
        model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.TANH

    message = refusal(small_model(change))
    assert "operator 0 (TANH)" in message and "--engine tflm" in message


def test_a_float_tensor() -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].tensors[0].type = schema.TensorType.FLOAT32

    message = refusal(small_model(change))
    assert "FLOAT32" in message and "--engine tflm" in message


def test_a_tensor_without_scale() -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].tensors[1].quantization = None

    assert "has no single positive scale" in refusal(small_model(change))


def test_a_wrong_shape() -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].tensors[1].shape = [1, 9]

    assert "it changes [1, 8] to [1, 9]" in refusal(small_model(change))


def test_a_tensor_of_two_to_the_31() -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].tensors[1].shape = [1 << 15, 1 << 15, 2]

    assert "sizes go from 1 to" in refusal(small_model(change))


def test_two_outputs() -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].outputs = [0, 1]

    assert "one of each" in refusal(small_model(change))


def test_an_output_that_nothing_computes() -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].operators = []

    assert "no operator computes its output" in refusal(small_model(change))


def test_an_output_that_is_the_input() -> None:
    def change(model: Any) -> None:
        model.subgraphs[0].outputs = model.subgraphs[0].inputs

    assert "no operator computes its output" in refusal(small_model(change))


def test_a_file_of_several_examples_has_no_selftest() -> None:
    builder = NetworkBuilder(np.random.default_rng(0))
    given = builder.input((2, 8))
    made = builder.value(given.samples * 0.5, (2, 8))
    builder.operator("QUANTIZE", [given.index], [made.index], schema.QuantizeOptionsT())
    with pytest.raises(ExportError, match=r"net\.tflite: its input is \[2, 8\]"):
        network_files(builder.finish(made), name="net.tflite", inference=lambda rows: rows)


def test_a_vector_longer_than_the_file() -> None:
    model = small_model()
    shape = np.array([2, 1, 8], np.int32).tobytes()  # a vector's length, then its values
    at = model.index(shape)
    broken = model[:at] + (1 << 30).to_bytes(4, "little") + model[at + 4 :]
    assert "not a usable .tflite file" in refusal(broken)
