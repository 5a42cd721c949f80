"""A network alone on an emulated core: what each of its kernel calls costs, and that it computes what it must."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_export.codegen import ir
from firmware_export.codegen.compiled import CompiledNetwork, write_network
from firmware_export.targets.qemu import build, run, size
from kws_edge.errors import FirmwareError

_MAIN = """
#include "kws_network.h"
#include "kws_qemu.h"

static uint32_t arena[KWS_NETWORK_ARENA_BYTES / 4u + 1u];
static int8_t input[KWS_NETWORK_INPUT_BYTES];
static int8_t output[KWS_NETWORK_OUTPUT_BYTES];

int main(void) {
  if (kws_qemu_read(kws_qemu_open(0), input, sizeof input) != sizeof input) return 1;
  kws_qemu_stack_paint();
  if (kws_network_run(input, output, arena) != KWS_NETWORK_OK) return 2;
  kws_qemu_print_int((int32_t)kws_qemu_stack_used());
  kws_qemu_write(output, sizeof output);
  return 0;
}
"""
_NETWORK = "kws_network_run"
# seconds of wall time for each million multiply-accumulates: a portable build under the counting plugin
_SECONDS_PER_MILLION = 3.0
_SECONDS_TO_BOOT = 60.0


@dataclass(frozen=True, kw_only=True)
class NetworkTrial:
    """One inference on one core. Instructions are exact and repeatable; they are not cycles."""

    cpu: str
    # of kws_network_run, callees included
    instructions: int
    # of each kernel call, in order
    calls: tuple[int, ...]
    # deepest stack below kws_network_run, in bytes
    stack_bytes: int
    # code of the kernels, in bytes
    code_bytes: int
    # kws_network.c: weights, biases, factors and calls, in bytes
    network_bytes: int


def try_network(
    network: CompiledNetwork, values: NDArray[np.int8], expected: NDArray[np.int8], cpu: str, folder: Path
) -> NetworkTrial:
    """Build `network` for `cpu`, one of `BOARDS`, in `folder`, which is made; boot it on one input and count.

    `values` is int8[input elements], `expected` int8[output elements]. Raises DependencyError for a missing toolchain,
    FirmwareError when the program does not fit the board or computes something other than `expected`.
    """
    folder.mkdir()
    write_network(network, folder)
    (folder / "main.c").write_text(_MAIN, encoding="utf-8")
    (folder / "input").write_bytes(np.ascontiguousarray(values).tobytes())
    elf = build(sorted(folder.glob("*.c")), cpu, folder / "program.elf", include=[folder])
    functions = sorted({call.function for call in network.program.calls})
    macs = sum(call.multiply_accumulates for call in network.program.calls)
    result = run(
        elf,
        inputs=[folder / "input"],
        count=[_NETWORK, *functions],
        timeout_s=_SECONDS_TO_BOOT + macs / 1e6 * _SECONDS_PER_MILLION,
    )
    if result.exit_code or result.output != np.ascontiguousarray(expected).tobytes():
        raise FirmwareError(f"the network on {cpu} ended with {result.exit_code}, or with other outputs than the host")
    left = {name: iter(result.instructions[name]) for name in functions}
    sources = {name: value for name, value in size(elf).sources.items() if name.startswith("kws_")}
    return NetworkTrial(
        cpu=cpu,
        instructions=result.instructions[_NETWORK][0],
        calls=tuple(next(left[call.function]) for call in network.program.calls),
        stack_bytes=int(result.stdout),
        code_bytes=sum(value.flash_bytes for name, value in sources.items() if name != "kws_network.c"),
        network_bytes=sources["kws_network.c"].flash_bytes,
    )


def calls_by_operator(network: CompiledNetwork) -> tuple[tuple[int, ...], ...]:
    """For each operator of the network the numbers of the kernel calls that compute it; none for a reshape.

    A fused activation can be a call of its own, and a concatenation is one for each input.
    """
    program = network.program
    owner = {
        tensor: number for number, operator in enumerate(program.network.operators) for tensor in ir.writes(operator)
    }
    groups: list[list[int]] = [[] for _ in program.network.operators]
    for number, call in enumerate(program.calls):
        groups[owner[call.output]].append(number)
    return tuple(map(tuple, groups))
