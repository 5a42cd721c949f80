"""The Arduino sketch, run on the host: it prints what Python detects, and says when samples were lost."""

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
from small_firmware import small_firmware, some_audio, write_sources

pytestmark = pytest.mark.slow

APT_GET = "apt-get install"
PCM_RATE_HZ = 16000
BLOCK_SAMPLES = 256
LOST = "samples were lost: inference is slower than speech"
# what the sketch takes of Arduino, with standard output as the serial monitor
ARDUINO = """
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
struct SerialMonitor {
  void begin(unsigned long) {}
  explicit operator bool() const { return true; }
  void print(const char *text) { std::fputs(text, stdout); }
  void print(char letter) { std::putchar(letter); }
  void print(unsigned long number) { std::printf("%lu", number); }
  void println(const char *text) { std::puts(text); }
};
static SerialMonitor Serial;
inline unsigned long millis() { return 0; }
inline void delay(unsigned long) { std::exit(3); }  // only stop() waits here
"""
# a driver that calls back with what it was given
PDM = """
#pragma once
#include "Arduino.h"
#include <cstring>
struct Microphone {
  void (*receive)() = nullptr;
  const int16_t *pending = nullptr;
  int bytes = 0;
  bool interrupted = false;
  void onReceive(void (*callback)()) { receive = callback; }
  int begin(int channels, int rate) { return channels == 1 && rate == 16000; }
  int available() const { return bytes; }
  int read(void *to, int most) {
    const int count = most < bytes ? most : bytes;
    std::memcpy(to, pending, (std::size_t)count);
    pending += count / 2;
    bytes -= count;
    return count;
  }
  void deliver(const int16_t *samples, int count) {
    pending = samples;
    bytes = count * 2;
    interrupted = true;
    receive();
    interrupted = false;
  }
};
static Microphone PDM;
"""
# program AUDIO: every block is heard at once; without AUDIO an interrupt comes while the buffer is full
MAIN = """
#include <PDM.h>
/* in the place of the sketch's volatile counter: right after the next read an interrupt may come */
struct Counter {
  uint32_t value = 0;
  bool interrupt_next = false;
  operator uint32_t() {
    const uint32_t read = value;
    if (interrupt_next && !PDM.interrupted) {
      interrupt_next = false;
      static const int16_t block[256] = {};
      PDM.deliver(block, 256);
    }
    return read;
  }
  Counter &operator=(uint32_t next) { value = next; return *this; }
};
#include "sketch.h"
static int16_t audio[1 << 18];
int main(int count, char **arguments) {
  setup();
  if (count == 1) {
    for (int block = 0; block < 16; ++block) PDM.deliver(audio, 256);
    arrived.interrupt_next = true;
    loop();
    return 0;
  }
  FILE *file = std::fopen(arguments[1], "rb");
  if (file == nullptr) return 9;
  const size_t samples = std::fread(audio, 2, sizeof audio / 2, file);
  for (size_t done = 0; done < samples; done += 256) {
    PDM.deliver(audio + done, 256);
    loop();
  }
  return 0;
}
"""


def sketch_program(firmware: Firmware, folder: Path) -> Path:
    """The sketch and its library as a program of the host."""
    files = targets()["arduino"].files(firmware)
    sketch = files["examples/Microphone/Microphone.ino"]
    counter = "static volatile uint32_t arrived = 0;"
    assert sketch.count(counter) == 1
    own = {"sketch.h": sketch.replace(counter, "static Counter arrived;"), "main.cpp": MAIN}
    write_sources({**files, **own, "Arduino.h": ARDUINO, "PDM.h": PDM}, folder)
    sources = sorted(map(str, (folder / "src").glob("*.c")))
    subprocess.run(["gcc", "-std=c99", "-O1", f"-I{folder / 'src'}", "-c", *sources], cwd=folder, check=True)
    command = ["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{folder / 'src'}", "main.cpp"]
    objects = sorted(map(str, folder.glob("*.o")))
    subprocess.run([*command, *objects, "-o", "program"], cwd=folder, check=True)
    return folder / "program"


@pytest.fixture(autouse=True)
def compiler(tool: Callable[[str, str], str]) -> None:
    tool("g++", f"{APT_GET} g++")


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_it_prints_what_python_detects(rate_hz: int, tmp_path: Path) -> None:
    firmware = small_firmware(FeatureSpec(sample_rate_hz=rate_hz), seed=3)
    spec = firmware.model.features
    program = sketch_program(firmware, tmp_path)
    pcm = some_audio(FeatureSpec(sample_rate_hz=PCM_RATE_HZ), 6)
    pcm = pcm[: len(pcm) // BLOCK_SAMPLES * BLOCK_SAMPLES]
    (tmp_path / "audio").write_bytes(pcm.tobytes())
    printed = subprocess.run([program, tmp_path / "audio"], capture_output=True, text=True, check=True).stdout
    heard = without_offset(decimated(pcm) if rate_hz != PCM_RATE_HZ else pcm).astype(np.int16)
    windows = stream_windows(reference_features(heard[None], spec)[0], firmware.detection, spec)
    found = detect(firmware.inference(windows), firmware.detector)
    assert found, "nothing was detected: the sketch is not shown to work"
    lines = [f"{firmware.model.labels[one.label]} {one.score * 100 // 32768} %" for one in found]
    assert printed.splitlines() == ["PASS", *lines]


def test_it_says_that_samples_were_lost_while_it_took_them(tmp_path: Path) -> None:
    program = sketch_program(small_firmware(FeatureSpec()), tmp_path)
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == ["PASS", LOST]
