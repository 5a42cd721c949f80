"""The ESP-IDF example, run on the host: it prints what Python detects, and says when samples were lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_decimate import decimated, without_offset

from firmware_export.codegen.firmware import Firmware
from firmware_export.targets.registry import targets
from kws_edge.detection import detect, stream_windows
from kws_edge.frontend import reference_features
from kws_edge.spec import FeatureSpec

sys.path.append(str(Path(__file__).parents[1] / "firmware"))
from small_firmware import WARNINGS, small_firmware, some_audio, write_sources

pytestmark = pytest.mark.slow

APT_GET = "apt-get install"
PCM_RATE_HZ = 16000
BLOCK_SAMPLES = 256
SHIFT = 14
LOST = "W samples were lost: inference is slower than speech"
# of ESP-IDF 5 what the example takes, by the names of driver/i2s_common.h, i2s_std.h and i2s_types.h
IDF = {
    "esp_attr.h": "#define IRAM_ATTR\n",
    "esp_err.h": """
#include <stdlib.h>
typedef int esp_err_t;
#define ESP_OK 0
#define ESP_ERROR_CHECK(call) do { if ((call) != ESP_OK) exit(4); } while (0)
""",
    "esp_log.h": """
#include <stdio.h>
#define LOG(letter, tag, ...) ((void)(tag), fputs(letter " ", stdout), printf(__VA_ARGS__), puts(""))
#define ESP_LOGI(tag, ...) LOG("I", tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) LOG("W", tag, __VA_ARGS__)
#define ESP_LOGE(tag, ...) LOG("E", tag, __VA_ARGS__)
""",
    "sdkconfig.h": f"""
#define CONFIG_KWS_I2S_BCLK_GPIO 5
#define CONFIG_KWS_I2S_WS_GPIO 6
#define CONFIG_KWS_I2S_DIN_GPIO 7
#define CONFIG_KWS_MICROPHONE_SHIFT {SHIFT}
""",
    "driver/i2s_std.h": """
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "esp_err.h"
enum { I2S_NUM_AUTO, I2S_ROLE_MASTER, I2S_GPIO_UNUSED = -1, I2S_STD_SLOT_LEFT = 1, I2S_STD_SLOT_RIGHT = 2 };
enum { I2S_DATA_BIT_WIDTH_32BIT = 32, I2S_SLOT_MODE_MONO = 1 };
typedef struct i2s_channel_obj_t *i2s_chan_handle_t;
typedef struct { void *data; size_t size; } i2s_event_data_t;
typedef bool (*i2s_isr_callback_t)(i2s_chan_handle_t handle, i2s_event_data_t *event, void *user_ctx);
typedef struct { i2s_isr_callback_t on_recv, on_recv_q_ovf, on_sent, on_send_q_ovf; } i2s_event_callbacks_t;
typedef struct { int id, role; uint32_t dma_desc_num, dma_frame_num; } i2s_chan_config_t;
typedef struct { uint32_t sample_rate_hz; } i2s_std_clk_config_t;
typedef struct { int data_bit_width, slot_mode, slot_mask; } i2s_std_slot_config_t;
typedef struct { int mclk, bclk, ws, dout, din; } i2s_std_gpio_config_t;
typedef struct {
  i2s_std_clk_config_t clk_cfg;
  i2s_std_slot_config_t slot_cfg;
  i2s_std_gpio_config_t gpio_cfg;
} i2s_std_config_t;
#define I2S_CHANNEL_DEFAULT_CONFIG(id, role) {id, role, 6, 240}
#define I2S_STD_CLK_DEFAULT_CONFIG(rate) {rate}
#define I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(bits, mode) {bits, mode, 0}
esp_err_t i2s_new_channel(const i2s_chan_config_t *, i2s_chan_handle_t *, i2s_chan_handle_t *);
esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t, const i2s_std_config_t *);
esp_err_t i2s_channel_register_event_callback(i2s_chan_handle_t, const i2s_event_callbacks_t *, void *);
esp_err_t i2s_channel_enable(i2s_chan_handle_t);
esp_err_t i2s_channel_read(i2s_chan_handle_t, void *, size_t, size_t *, uint32_t);
""",
}
# program SLOTS [BLOCK]: a microphone that delivers a file, and says after BLOCK blocks that others were overwritten
MICROPHONE = """
#include "driver/i2s_std.h"
#include <stdio.h>
void app_main(void);
static FILE *file;
static int blocks_until_overflow = -1;
static i2s_event_callbacks_t callbacks;
static enum { NONE, MADE, READY, RUNNING } state;
esp_err_t i2s_new_channel(const i2s_chan_config_t *config, i2s_chan_handle_t *sends, i2s_chan_handle_t *receives) {
  if (sends != NULL || config->dma_frame_num != 256 || state != NONE) return 1;
  *receives = NULL;
  state = MADE;
  return ESP_OK;
}
esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t channel, const i2s_std_config_t *config) {
  (void)channel;
  if (state != MADE || config->clk_cfg.sample_rate_hz != 16000 || config->gpio_cfg.din != 7) return 1;
  state = config->slot_cfg.slot_mask == I2S_STD_SLOT_LEFT ? READY : NONE;
  return ESP_OK;
}
esp_err_t i2s_channel_register_event_callback(i2s_chan_handle_t channel, const i2s_event_callbacks_t *given,
                                              void *user) {
  (void)channel;
  (void)user;
  callbacks = *given;
  return state == READY ? ESP_OK : 1;
}
esp_err_t i2s_channel_enable(i2s_chan_handle_t channel) {
  (void)channel;
  if (state != READY) return 1;
  state = RUNNING;
  return ESP_OK;
}
esp_err_t i2s_channel_read(i2s_chan_handle_t channel, void *to, size_t size, size_t *bytes, uint32_t timeout_ms) {
  (void)timeout_ms;
  if (state != RUNNING) return 1;
  if (blocks_until_overflow-- == 0) callbacks.on_recv_q_ovf(channel, NULL, NULL);
  *bytes = fread(to, 1, size, file);
  if (*bytes == 0) exit(0);
  return ESP_OK;
}
int main(int count, char **arguments) {
  file = count > 1 ? fopen(arguments[1], "rb") : NULL;
  if (file == NULL) return 9;
  if (count > 2) blocks_until_overflow = atoi(arguments[2]);
  app_main();
  return 3;
}
"""


def example_program(firmware: Firmware, folder: Path) -> Path:
    """The example and its component as a program of the host."""
    files = targets()["esp-idf"].files(firmware)
    example = {"main.c": files["examples/i2s_microphone/main/main.c"], "microphone.c": MICROPHONE}
    write_sources({**files, **IDF, **example}, folder)
    sources = sorted(map(str, (folder / "src").glob("*.c")))
    command = ["gcc", "-std=gnu11", "-O1", *WARNINGS[:2], "-Werror", f"-I{folder}", f"-I{folder / 'src'}"]
    subprocess.run([*command, *example, *sources, "-o", "program"], cwd=folder, check=True)
    return folder / "program"


def expected_lines(firmware: Firmware, pcm: np.ndarray) -> list[str]:
    """What the example must print of this PCM."""
    spec = firmware.model.features
    decimates = spec.sample_rate_hz != PCM_RATE_HZ
    heard = without_offset(decimated(pcm) if decimates else pcm).astype(np.int16)
    windows = stream_windows(reference_features(heard[None], spec)[0], firmware.detection, spec)
    found = detect(firmware.inference(windows), firmware.detector)
    return [f"I {firmware.model.labels[one.label]} {one.score * 100 // 32768} %" for one in found]


@pytest.fixture(autouse=True)
def compiler(tool: Callable[[str, str], str]) -> None:
    tool("gcc", f"{APT_GET} gcc")


@pytest.mark.parametrize("rate_hz", [8000, PCM_RATE_HZ])
def test_it_prints_what_python_detects_and_begins_anew_after_a_loss(rate_hz: int, tmp_path: Path) -> None:
    firmware = small_firmware(FeatureSpec(sample_rate_hz=rate_hz), seed=3)
    program = example_program(firmware, tmp_path)
    pcm = some_audio(FeatureSpec(sample_rate_hz=PCM_RATE_HZ), 6)
    (tmp_path / "slots").write_bytes((pcm.astype(np.int32) << SHIFT).tobytes())

    def printed(*arguments: str) -> list[str]:
        command = [program, tmp_path / "slots", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    whole = expected_lines(firmware, pcm)
    assert whole, "nothing was detected: the example is not shown to work"
    assert printed() == ["I self-test: PASS", *whole]
    blocks = 120
    before, after = pcm[: blocks * BLOCK_SAMPLES], pcm[blocks * BLOCK_SAMPLES :]
    apart = [*expected_lines(firmware, before), LOST, *expected_lines(firmware, after)]
    assert printed(str(blocks)) == ["I self-test: PASS", *apart]
