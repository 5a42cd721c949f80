"""The Zephyr sample, run on the host: it prints what Python detects, frees each block, and wants all of them queued."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_decimate import decimated, without_offset

from firmware_export.targets.registry import targets
from kws_edge.detection import detect, stream_windows
from kws_edge.frontend import reference_features
from kws_edge.spec import FeatureSpec

sys.path.append(str(Path(__file__).parents[1] / "firmware"))
from small_firmware import small_firmware, some_audio, write_sources

pytestmark = pytest.mark.slow

APT_GET = "apt-get install"
PCM_RATE_HZ = 16000
BLOCK_SAMPLES = 320
# of Zephyr what the sample takes, by the names of zephyr/audio/dmic.h, kernel.h, device.h and devicetree.h
ZEPHYR = {
    "zephyr/kernel.h": """
#pragma once
#include <stddef.h>
#include <stdint.h>
#define BUILD_ASSERT(condition, ...) _Static_assert(condition, "" __VA_ARGS__)
struct k_mem_slab { size_t block_bytes; int count, taken; char *memory; };
#define K_MEM_SLAB_DEFINE_STATIC(name, bytes, number, alignment) \\
  _Static_assert((bytes) % (alignment) == 0, "blocks are not aligned"); \\
  static char name##_memory[(bytes) * (number)] __attribute__((aligned(alignment))); \\
  static struct k_mem_slab name = {bytes, number, 0, name##_memory}
void k_mem_slab_free(struct k_mem_slab *slab, void *block);
""",
    "zephyr/device.h": """
#pragma once
#include <stdbool.h>
struct device { int number; };
extern const struct device dmic_dev;
bool device_is_ready(const struct device *dev);
#define DT_NODELABEL(label) label
#define DEVICE_DT_GET(node) (&node)
#ifdef QUEUE_SIZE
#define DT_PROP_OR(node, property, otherwise) (QUEUE_SIZE)
#else
#define DT_PROP_OR(node, property, otherwise) (otherwise)
#endif
""",
    "zephyr/sys/printk.h": "#include <stdio.h>\n#define printk printf\n",
    "zephyr/audio/dmic.h": """
#pragma once
#include <zephyr/device.h>
#include <zephyr/kernel.h>
enum dmic_trigger { DMIC_TRIGGER_STOP, DMIC_TRIGGER_START };
enum pdm_lr { PDM_CHAN_LEFT, PDM_CHAN_RIGHT };
struct pcm_stream_cfg { uint32_t pcm_rate; uint8_t pcm_width; uint16_t block_size; struct k_mem_slab *mem_slab; };
struct pdm_io_cfg { uint32_t min_pdm_clk_freq, max_pdm_clk_freq; uint8_t min_pdm_clk_dc, max_pdm_clk_dc; };
struct pdm_chan_cfg { uint32_t req_chan_map_lo, req_chan_map_hi; uint8_t req_num_chan, req_num_streams; };
struct dmic_cfg { struct pdm_io_cfg io; struct pcm_stream_cfg *streams; struct pdm_chan_cfg channel; };
static inline uint32_t dmic_build_channel_map(uint8_t channel, uint8_t pdm, enum pdm_lr lr) {
  return (uint32_t)((pdm << 1 | lr) << (channel * 4));
}
int dmic_configure(const struct device *dev, struct dmic_cfg *cfg);
int dmic_trigger(const struct device *dev, enum dmic_trigger cmd);
int dmic_read(const struct device *dev, uint8_t stream, void **buffer, size_t *size, int32_t timeout);
""",
}
# standard input as a microphone; its end is -EAGAIN, as when a driver has nothing to give in time
MICROPHONE = """
#include <stdio.h>
#include <zephyr/audio/dmic.h>
const struct device dmic_dev = {0};
static struct pcm_stream_cfg stream;
static int running;
bool device_is_ready(const struct device *dev) { return dev == &dmic_dev; }
int dmic_configure(const struct device *dev, struct dmic_cfg *cfg) {
  (void)dev;
  stream = cfg->streams[0];
  return stream.pcm_rate == 16000 && stream.pcm_width == 16 && cfg->channel.req_num_chan == 1 ? 0 : -22;
}
int dmic_trigger(const struct device *dev, enum dmic_trigger cmd) {
  (void)dev;
  running = cmd == DMIC_TRIGGER_START;
  return 0;
}
int dmic_read(const struct device *dev, uint8_t number, void **buffer, size_t *size, int32_t timeout) {
  struct k_mem_slab *slab = stream.mem_slab;
  (void)dev;
  (void)number;
  (void)timeout;
  if (!running || slab->taken != 0 || stream.block_size != slab->block_bytes) return -5;
  *buffer = slab->memory;
  *size = fread(*buffer, 1, stream.block_size, stdin);
  if (*size != stream.block_size) return -11;
  ++slab->taken;
  return 0;
}
void k_mem_slab_free(struct k_mem_slab *slab, void *block) { slab->taken -= block == slab->memory; }
"""


def build_sample(rate_hz: int, folder: Path, *flags: str, window_ms: float = 32.0) -> subprocess.CompletedProcess[str]:
    """The sample and its module as `folder`/program, a program of the host."""
    spec = FeatureSpec(sample_rate_hz=rate_hz, window_ms=window_ms)
    files = targets()["zephyr"].files(small_firmware(spec, seed=3))
    sample = {"main.c": files["samples/microphone/src/main.c"], "microphone.c": MICROPHONE}
    write_sources({**files, **ZEPHYR, **sample}, folder)
    command = ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{folder / 'src'}", *flags]
    sources = sorted(map(str, (folder / "src").glob("*.c")))
    return subprocess.run([*command, *sample, *sources, "-o", "program"], cwd=folder, capture_output=True, text=True)


@pytest.fixture(autouse=True)
def compiler(tool: Callable[[str, str], str]) -> None:
    tool("gcc", f"{APT_GET} gcc")


@pytest.mark.parametrize("rate_hz", [8000, PCM_RATE_HZ])
def test_it_prints_what_python_detects(rate_hz: int, tmp_path: Path) -> None:
    built = build_sample(rate_hz, tmp_path)
    assert built.returncode == 0, built.stderr
    firmware = small_firmware(FeatureSpec(sample_rate_hz=rate_hz), seed=3)
    spec = firmware.model.features
    pcm = some_audio(FeatureSpec(sample_rate_hz=PCM_RATE_HZ), 6)
    assert len(pcm) % BLOCK_SAMPLES == 0
    done = subprocess.run([tmp_path / "program"], input=pcm.tobytes(), capture_output=True, check=True)
    heard = without_offset(decimated(pcm) if rate_hz != PCM_RATE_HZ else pcm).astype(np.int16)
    windows = stream_windows(reference_features(heard[None], spec)[0], firmware.detection, spec)
    found = detect(firmware.inference(windows), firmware.detector)
    assert found, "nothing was detected: the sample is not shown to work"
    lines = [f"{firmware.model.labels[one.label]} {one.score * 100 // 32768} %" for one in found]
    assert done.stdout.decode().splitlines() == ["PASS", *lines, "the microphone stopped: -11"]


def test_blocks_are_words_at_any_rate(tmp_path: Path) -> None:
    """A fiftieth of 22,050 samples is an odd number of 16 bits each."""
    built = build_sample(22050, tmp_path, window_ms=40)
    assert built.returncode == 0, built.stderr


def test_a_board_whose_driver_queues_fewer_blocks_is_refused(tmp_path: Path) -> None:
    built = build_sample(8000, tmp_path, "-DQUEUE_SIZE=4")
    assert built.returncode != 0
    assert "dmic_dev needs a queue-size of BLOCK_COUNT in the devicetree" in built.stderr
