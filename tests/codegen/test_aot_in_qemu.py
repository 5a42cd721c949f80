"""The same integers on emulated cores: what the host cannot show is the assembly of the DSP form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from random_networks import random_network
from tflm import inputs_for

from firmware_export.codegen.compiled import CORE, KERNEL_SOURCES, CompiledNetwork, compile_network
from firmware_export.codegen.host import HostNetwork
from firmware_export.targets.qemu.emulator import run
from firmware_export.targets.qemu.toolchain import build

NETWORKS = 24
INPUTS = 4
MOST_ARENA = 16 << 10

_MAIN = """
#include "kws_qemu.h"

typedef int run_fn(const int8_t *input, int8_t *output, void *arena);
{declarations}
static run_fn *const networks[] = {{{names}}};
static const uint32_t input_bytes[] = {{{inputs}}};
static const uint32_t output_bytes[] = {{{outputs}}};
static uint32_t arena[{arena} / 4];
static int8_t input[{most_input}], output[{most_output}];

int main(void) {{
  const int32_t file = kws_qemu_open(0);
  for (uint32_t i = 0; i < {count}; ++i) {{
    for (uint32_t j = 0; j < {repeats}; ++j) {{
      if (kws_qemu_read(file, input, input_bytes[i]) != input_bytes[i]) return 1;
      if (networks[i](input, output, arena) != 0) return 2;
      kws_qemu_write(output, output_bytes[i]);
    }}
  }}
  return 0;
}}
"""


def firmware(networks: list[CompiledNetwork], folder: Path, *, cmsis_nn: bool = False) -> list[Path]:
    """Sources of one program that runs all `networks` one after the other, on our kernels or on CMSIS-NN's."""
    sources = [CORE / name for name in KERNEL_SOURCES]
    for number, network in enumerate(networks):
        place = folder / str(number)
        place.mkdir()
        (place / "kws_network.h").write_text(network.files["kws_network.h"])
        source = place / f"network_{number}.c"
        text = network.files["kws_network_cmsis_nn.c" if cmsis_nn else "kws_network.c"]
        source.write_text(f"#define kws_network_run run_{number}\n{text}")
        sources.append(source)
    names = [f"run_{number}" for number in range(len(networks))]
    main = folder / "main.c"
    main.write_text(
        _MAIN.format(
            declarations="\n".join(f"run_fn {name};" for name in names),
            names=", ".join(names),
            inputs=", ".join(str(one.network.input.elements) for one in networks),
            outputs=", ".join(str(one.network.output.elements) for one in networks),
            arena=max((one.cmsis_nn if cmsis_nn else one).arena_bytes for one in networks) + 4,
            most_input=max(one.network.input.elements for one in networks),
            most_output=max(one.network.output.elements for one in networks),
            count=len(networks),
            repeats=INPUTS,
        )
    )
    return [*sources, main]


@pytest.fixture(scope="module")
def networks() -> list[tuple[CompiledNetwork, npt.NDArray[np.int8], npt.NDArray[np.int8]]]:
    """Random networks small enough for every board, with inputs and the host's outputs."""
    found = []
    for seed in range(5000, 5200):
        network = compile_network(random_network(seed), source=f"random network {seed}")
        if network.arena_bytes <= MOST_ARENA:
            values = inputs_for(network.network, INPUTS, seed)
            with HostNetwork(network) as host:
                found.append((network, values, host.run(values)))
        if len(found) == NETWORKS:
            break
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "optimization"),
    [(cpu, "-O2") for cpu in ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")]
    + [("cortex-m4", "-Os"), ("cortex-m4", "-O0"), ("cortex-m0", "-Os")],
)
def test_random_networks_equal_the_host(
    cpu: str,
    optimization: str,
    tmp_path: Path,
    tool: Callable[[str, str], str],
    networks: list[tuple[CompiledNetwork, npt.NDArray[np.int8], npt.NDArray[np.int8]]],
) -> None:
    tool("qemu-system-arm", "apt-get install --no-install-recommends qemu-system-arm")
    tool("arm-none-eabi-gcc", "apt-get install --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi")
    (tmp_path / "inputs").write_bytes(b"".join(values.tobytes() for _, values, _ in networks))
    sources = firmware([network for network, _, _ in networks], tmp_path)
    elf = build(sources, cpu, tmp_path / "networks.elf", optimization=optimization, include=[CORE])
    result = run(elf, inputs=[tmp_path / "inputs"])
    assert result.exit_code == 0
    expected = np.concatenate([outputs.reshape(-1) for _, _, outputs in networks])
    assert (np.frombuffer(result.output, np.int8) == expected).all()
