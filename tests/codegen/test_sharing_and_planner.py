"""Overlapping memory is safe where the rules allow it, tight where it can be, and the same every time."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from random_networks import random_network

from firmware_export.codegen import ir
from firmware_export.codegen.compiled import compile_network, write_network
from firmware_export.codegen.lower_convolution import row_blocks
from firmware_export.codegen.sharing import Blocks, share


def survives(blocks: Blocks, distance: int, *, buffered: bool, backwards: bool) -> bool:
    """Whether every block still reads its whole input when the output starts `distance` bytes behind the input."""
    order = range(len(blocks.read_start))
    overwritten: set[int] = set()
    for i in reversed(order) if backwards else order:
        needed = set(range(int(blocks.read_start[i]), int(blocks.read_end[i])))
        written = set(range(int(blocks.write_start[i]) + distance, int(blocks.write_end[i]) + distance))
        if not buffered and needed & written:
            return False
        if needed & overwritten:
            return False
        overwritten |= written
    return True


@pytest.mark.parametrize("seed", range(60))
def test_the_smallest_safe_distances(seed: int) -> None:
    rng = np.random.default_rng(seed)
    given = (int(rng.integers(1, 9)), int(rng.integers(1, 5)), int(rng.integers(1, 4)))
    kernel, stride, pad = int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(0, 3))
    rows = max(1, (given[0] + 2 * pad - kernel) // stride + 1)
    made = (rows, int(rng.integers(1, 5)), int(rng.integers(1, 4)))
    window = ir.Window(kernel=(kernel, 1), stride=(stride, 1), dilation=(1, 1), pad=(pad, 0))
    blocks = row_blocks(given, made, window)
    for buffered in (False, True):
        rule = share(blocks, buffered=buffered, reversible=True)
        assert rule.below is not None and rule.above is not None
        assert survives(blocks, -rule.below, buffered=buffered, backwards=False)
        assert survives(blocks, rule.above, buffered=buffered, backwards=True)


def test_one_byte_less_is_not_safe() -> None:
    """For a 3x3 window at stride 1, rows of 10 bytes: an output row may not reach into the row above its own."""
    window = ir.Window(kernel=(3, 3), stride=(1, 1), dilation=(1, 1), pad=(1, 1))
    blocks = row_blocks((6, 5, 2), (6, 5, 2), window)
    rule = share(blocks, buffered=False, reversible=True)
    assert (rule.below, rule.above) == (20, 20)
    assert not survives(blocks, -19, buffered=False, backwards=False)
    assert not survives(blocks, 19, buffered=False, backwards=True)


def test_the_same_model_gives_the_same_text() -> None:
    for seed in (3, 16, 40):
        model = random_network(seed)
        first, second = (compile_network(model, source="a model") for _ in range(2))
        assert first.files == second.files


def test_a_written_network_needs_nothing_else(tmp_path: Path) -> None:
    network = compile_network(random_network(8), source="a model")
    write_network(network, tmp_path)
    names = {path.name for path in tmp_path.iterdir()} | {"arm_nnfunctions.h"}  # CMSIS-NN's, only where it is asked for
    for path in tmp_path.iterdir():
        assert set(re.findall(r'#include "([^"]+)"', path.read_text())) <= names
    calls = {call.function for call in network.program.calls}
    text = "".join(path.read_text() for path in tmp_path.glob("*.c"))
    assert all(re.search(rf"^(void|int) {name}\(", text, re.MULTILINE) for name in calls)


@pytest.mark.parametrize("seed", range(30))
def test_live_buffers_never_overlap_unasked(seed: int) -> None:
    """At every call all that is alive is disjoint, but for what the rules allow between an input and the output."""
    network = compile_network(random_network(seed), source="a model")
    program, plan = network.program, network.plan
    same = program.same_memory
    last = {
        same[tensor]: number
        for number, call in enumerate(program.calls)
        for tensor in (*call.inputs, call.output)
        if same[tensor] in plan.offsets
    }
    alive: dict[ir.Tensor, tuple[int, int]] = {}
    for number, call in enumerate(program.calls):
        output = same[call.output]
        spans = dict(alive)
        if call in plan.scratch:
            at = plan.scratch[call]
            for start, end in spans.values():
                assert at + call.scratch_bytes <= start or end <= at
        if output in plan.offsets:
            at = plan.offsets[output]
            end = at + output.elements
            for tensor, (start, stop) in spans.items():
                if tensor is output or end <= start or stop <= at:
                    continue
                positions = [i for i, given in enumerate(call.inputs) if same[given] is tensor]
                assert positions and last[tensor] == number
                for position in positions:
                    rule = call.sharing[position]
                    assert (
                        (rule.same and at == start)
                        or (rule.below is not None and at <= start - rule.below)
                        or (rule.above is not None and at >= start + rule.above and call in plan.reversed_calls)
                    )
            alive[output] = (at, end)
        for tensor in [tensor for tensor in alive if last[tensor] <= number]:
            del alive[tensor]
