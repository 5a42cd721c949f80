"""Functions of one int8 become tables at export: all 256 entries are TFLM's, for many scales and zero points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from network_builder import Affine, NetworkBuilder
from tflm import tflm_outputs

from firmware_export.codegen.compiled import compile_network
from firmware_export.codegen.host import HostNetwork

EVERY_VALUE = np.arange(-128, 128, dtype=np.int8)


@pytest.fixture(autouse=True)
def needs(tool: Callable[[str, str], str], package: Callable[[str, str], None]) -> None:
    tool("cc", "apt-get install gcc")
    package("tflite_micro", "pip install 'kws-edge[train]'")


@pytest.mark.parametrize("kind", ["LOGISTIC", "QUANTIZE", "RELU", "RELU6"])
@pytest.mark.parametrize("seed", range(12))
def test_every_entry(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder(rng)
    given = builder.value(
        np.zeros((1, 256)),
        (1, 256),
        Affine(float(np.float32(10 ** rng.uniform(-3, 0.5))), int(rng.integers(-128, 128))),
    )
    builder.graph.inputs = [given.index]
    scale = float(np.float32(given.affine.scale * 2 ** rng.uniform(-3, 3)))
    affine = Affine(1.0 / 256.0, -128) if kind == "LOGISTIC" else Affine(scale, int(rng.integers(-128, 128)))
    made = builder.value(np.zeros((1, 256)), (1, 256), affine)
    builder.operator(kind, [given.index], [made.index], schema.QuantizeOptionsT() if kind == "QUANTIZE" else None)
    model = builder.finish(made)
    network = compile_network(model, source=f"{kind} {seed}")
    with HostNetwork(network) as host:
        outputs = host.run(EVERY_VALUE)
    assert (outputs == tflm_outputs(model, EVERY_VALUE[None], (1, 256))).all()


@pytest.mark.parametrize("seed", range(20))
def test_softmax_rows(seed: int) -> None:
    """Rows of all lengths, with ties at the maximum, differences that TFLM leaves out, and any beta."""
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder(rng)
    depth = int(rng.choice([1, 2, 3, 12, 40, 200]))
    affine = Affine(float(np.float32(10 ** rng.uniform(-2.5, 0.5))), int(rng.integers(-128, 128)))
    given = builder.value(np.zeros((1, depth)), (1, depth), affine)
    builder.graph.inputs = [given.index]
    made = builder.value(np.zeros((1, depth)), (1, depth), Affine(1.0 / 256.0, -128))
    options = schema.SoftmaxOptionsT()
    options.beta = float(rng.choice([1.0, 0.25, 3.0]))
    builder.operator("SOFTMAX", [given.index], [made.index], options)
    model = builder.finish(made)
    rows = rng.integers(-128, 128, (40, depth)).astype(np.int8)
    rows[:10] = np.clip(rng.normal(size=(10, depth)) * 4, -128, 127).astype(np.int8)
    rows[10] = 127
    network = compile_network(model, source=f"softmax {seed}")
    with HostNetwork(network) as host:
        outputs = host.run(rows)
    assert (outputs == tflm_outputs(model, rows, (1, depth))).all()
