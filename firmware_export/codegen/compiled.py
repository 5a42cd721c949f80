"""From a .tflite file to C: the ahead-of-time engine's one entrance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from firmware_export.codegen.emit import Origin, Planned, emit
from firmware_export.codegen.importer import import_network
from firmware_export.codegen.ir import Network
from firmware_export.codegen.lowering import Program, lower
from firmware_export.codegen.planner import Plan, plan
from kws_edge import __version__

CORE = Path(__file__).parents[1] / "core"
KERNEL_HEADERS = (
    "kws_cmsis_nn.h",
    "kws_columns.h",
    "kws_depthwise_line.h",
    "kws_gather.h",
    "kws_kernels.h",
    "kws_memory.h",
    "kws_multiply_block.h",
    "kws_requantize.h",
    "kws_simd.h",
)
KERNEL_SOURCES = (
    "kws_cmsis_nn.c",
    "kws_columns.c",
    "kws_conv.c",
    "kws_conv_any.c",
    "kws_conv_deep.c",
    "kws_copy.c",
    "kws_depthwise.c",
    "kws_depthwise_3x3.c",
    "kws_depthwise_lanes.c",
    "kws_depthwise_line.c",
    "kws_elementwise.c",
    "kws_gather.c",
    "kws_lookup.c",
    "kws_mean.c",
    "kws_memory.c",
    "kws_multiply_block.c",
    "kws_pool.c",
    "kws_softmax.c",
)
_SOURCE_OF = {
    "kws_add": "kws_elementwise.c",
    "kws_average_pool": "kws_pool.c",
    "kws_clamp": "kws_lookup.c",
    "kws_cmsis_nn_average_pool": "kws_cmsis_nn.c",
    "kws_cmsis_nn_conv": "kws_cmsis_nn.c",
    "kws_cmsis_nn_depthwise": "kws_cmsis_nn.c",
    "kws_cmsis_nn_max_pool": "kws_cmsis_nn.c",
    "kws_fill": "kws_copy.c",
    "kws_max_pool": "kws_pool.c",
    "kws_mul": "kws_elementwise.c",
}
_PARTS = {
    "kws_conv.c": {"kws_columns.c", "kws_gather.c", "kws_memory.c", "kws_multiply_block.c"},
    "kws_conv_deep.c": {"kws_gather.c", "kws_memory.c"},
    "kws_copy.c": {"kws_memory.c"},
    "kws_depthwise_3x3.c": {"kws_depthwise_line.c"},
}


@dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """A network ready to be written out, and what is known of it without running it."""

    program: Program
    plan: Plan
    cmsis_nn: Planned  # the same network for builds with -DKWS_USE_CMSIS_NN
    files: dict[str, str]  # kws_network.h, kws_network.c and kws_network_cmsis_nn.c

    @property
    def network(self) -> Network:
        return self.program.network

    @property
    def arena_bytes(self) -> int:
        """What kws_network_run needs of the caller beside input and output, on our kernels."""
        return self.plan.arena_bytes

    @property
    def core_files(self) -> tuple[Path, ...]:
        """The hand-written headers and the kernels that this network calls."""
        calls = (*self.program.calls, *self.cmsis_nn.program.calls)
        sources = {_SOURCE_OF.get(call.function, f"{call.function}.c") for call in calls}
        for source, parts in _PARTS.items():
            if source in sources:
                sources |= parts
        return tuple(CORE / name for name in (*KERNEL_HEADERS, *sorted(sources)))


def compile_network(model: bytes, *, source: str) -> CompiledNetwork:
    """The int8 .tflite file `model` as C for the kernels in firmware_export/core; `source` names it in errors.

    The same model gives the same text, always. Raises ExportError for a malformed file, and with the way out for what
    this engine does not compute.
    """
    network = import_network(model, source)
    ours, cmsis_nn = (
        Planned(program, plan(program, source))
        for program in (lower(network, source), lower(network, source, cmsis_nn=True))
    )
    origin = Origin(version=__version__, digest=hashlib.sha256(model).hexdigest())
    files = emit(ours, cmsis_nn, origin)
    return CompiledNetwork(program=ours.program, plan=ours.plan, cmsis_nn=cmsis_nn, files=files)


def write_network(network: CompiledNetwork, folder: Path) -> None:
    """Write the generated files and copies of the kernels and headers that they need into an existing `folder`."""
    for name, text in network.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for path in network.core_files:
        (folder / path.name).write_bytes(path.read_bytes())
