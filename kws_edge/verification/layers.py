"""What each layer of a network costs: multiplications, weights, memory in both engines, instructions."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.codegen import ir
from firmware_export.codegen.compiled import CompiledNetwork, compile_network
from firmware_export.trial.network import calls_by_operator, try_network
from kws_edge.bundle import INT8_MODEL, Bundle
from kws_edge.errors import DependencyError, ExportError, FirmwareError
from kws_edge.runtime import available_interpreters
from kws_edge.runtime.operators import operators
from kws_edge.runtime.oracle import open_oracle
from kws_edge.runtime.tflm import ArenaSplit, arena_split

_TOOLS = ("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
_SEED = 1


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One operator of the int8 model."""

    # the layer that it was converted from, such as "depthwise_2"
    name: str
    # the schema's name, such as "DEPTHWISE_CONV_2D"
    kind: str
    output_shape: tuple[int, ...]
    # multiply-accumulates of one inference
    macs: int
    # weights and biases as the .tflite file holds them
    weight_bytes: int
    # its output
    output_bytes: int
    # all activations that must exist while it runs: what any planner needs at least, if nothing overlaps
    live_bytes: int
    # engine aot's kernels need this much beside
    scratch_bytes: int
    # up to where engine aot's arena is used while it runs; its output may overlap what it reads
    aot_arena_bytes: int
    # on `LayerCosts.core`; None where they were not counted
    instructions: int | None


@dataclass(frozen=True, kw_only=True)
class ArenaBlock:
    """A tensor, or a kernel's scratch memory, in engine aot's arena."""

    # the layer that writes it, and "scratch" if it is that
    name: str
    offset_bytes: int
    size_bytes: int
    # numbers of the layers that write it first and read it last
    first_layer: int
    last_layer: int


@dataclass(frozen=True, kw_only=True)
class LayerCosts:
    """All layers in order of execution, and what they share."""

    layers: tuple[LayerCost, ...]
    # engine aot's arena and what lies where in it
    aot_arena_bytes: int
    aot_blocks: tuple[ArenaBlock, ...]
    # None where TFLM is not installed
    tflm_arena: ArenaSplit | None
    # the emulated core that instructions were counted on
    core: str
    # why they were not, or None
    not_counted: str | None

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return asdict(self)


def measure_layers(bundle: Bundle, *, core: str = "cortex-m4", count: bool = True) -> LayerCosts:
    """Costs of every layer of `bundle`'s int8 model; instructions in QEMU if `count` and the tools are here.

    Raises ExportError if the ahead-of-time engine does not take the model.
    """
    model = bundle.int8_model
    network = compile_network(model, source=str(bundle.path / INT8_MODEL))
    groups = calls_by_operator(network)
    instructions, not_counted = _instructions(bundle, network, core) if count else (None, "not asked for")
    described = operators(model)
    blocks = _blocks(network, groups, [info.name for info in described])
    live = _live_bytes(network.network)
    layers = []
    for number, (info, operator, group) in enumerate(zip(described, network.network.operators, groups, strict=True)):
        calls = [network.program.calls[call] for call in group]
        layers.append(
            LayerCost(
                name=info.name,
                kind=info.kind,
                output_shape=info.output.shape,
                macs=sum(call.multiply_accumulates for call in calls),
                weight_bytes=weight_bytes(operator),
                output_bytes=sum(tensor.elements for tensor in ir.writes(operator)),
                live_bytes=live[number],
                scratch_bytes=max((call.scratch_bytes for call in calls), default=0),
                aot_arena_bytes=max(
                    (b.offset_bytes + b.size_bytes for b in blocks if b.first_layer <= number <= b.last_layer),
                    default=0,
                ),
                instructions=None if instructions is None else sum(instructions[call] for call in group),
            )
        )
    return LayerCosts(
        layers=tuple(layers),
        aot_arena_bytes=network.arena_bytes,
        aot_blocks=blocks,
        tflm_arena=arena_split(model) if available_interpreters()["tflm"] is None else None,
        core=core,
        not_counted=not_counted,
    )


def weight_bytes(operator: ir.Operator) -> int:
    """Weights and biases of an operator as the .tflite file holds them."""
    if not isinstance(operator, ir.Conv2D | ir.DepthwiseConv2D | ir.FullyConnected):
        return 0
    tensors = [tensor for tensor in (operator.weights, operator.bias) if tensor is not None]
    return sum(tensor.elements * (1 if tensor.dtype == "int8" else 4) for tensor in tensors)


def _instructions(bundle: Bundle, network: CompiledNetwork, core: str) -> tuple[tuple[int, ...] | None, str | None]:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return None, f"{', '.join(missing)} not installed"
    values = np.random.default_rng(_SEED).integers(-128, 128, network.network.input.elements).astype(np.int8)
    try:
        expected = open_oracle(bundle.int8_model).run(values.reshape(1, *bundle.features.shape))
        with tempfile.TemporaryDirectory(prefix="kws-edge-layers-") as folder:
            return try_network(network, values, expected[0], core, Path(folder) / core).calls, None
    except (FirmwareError, DependencyError, ExportError) as error:
        return None, str(error)


def _live_bytes(network: ir.Network) -> list[int]:
    """Bytes of all activations alive while each operator runs, its output and the network's own ends included."""
    spans: dict[ir.Tensor, tuple[int, int]] = {network.input: (0, 0)}
    for number, operator in enumerate(network.operators):
        for tensor in (*ir.reads(operator), *ir.writes(operator)):
            if tensor.data is None:
                spans[tensor] = (spans.get(tensor, (number, number))[0], number)
    return [
        sum(tensor.elements for tensor, (first, last) in spans.items() if first <= number <= last)
        for number in range(len(network.operators))
    ]


def _blocks(
    network: CompiledNetwork, groups: Sequence[tuple[int, ...]], names: Sequence[str]
) -> tuple[ArenaBlock, ...]:
    program, plan = network.program, network.plan
    layer_of = {call: layer for layer, group in enumerate(groups) for call in group}
    uses: dict[ir.Tensor, list[int]] = {}
    for number, call in enumerate(program.calls):
        for tensor in (call.output, *call.inputs):
            uses.setdefault(program.same_memory[tensor], []).append(layer_of[number])
    tensors = [
        ArenaBlock(
            name=names[min(uses[tensor])],
            offset_bytes=offset,
            size_bytes=tensor.elements,
            first_layer=min(uses[tensor]),
            last_layer=max(uses[tensor]),
        )
        for tensor, offset in plan.offsets.items()
    ]
    scratch = [
        ArenaBlock(
            name=f"{names[layer_of[number]]} scratch",
            offset_bytes=plan.scratch[call],
            size_bytes=call.scratch_bytes,
            first_layer=layer_of[number],
            last_layer=layer_of[number],
        )
        for number, call in enumerate(program.calls)
        if call in plan.scratch
    ]
    return tuple(sorted((*tensors, *scratch), key=lambda block: (block.first_layer, block.offset_bytes)))
