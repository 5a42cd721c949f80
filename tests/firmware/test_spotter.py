"""kws_spotter.h as its users call it: any chunks, any address, from C and from C++, and every documented error."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_firmware import SPECS, WARNINGS, build_program, small_firmware, some_audio, write_spotter

from firmware_export.codegen.firmware import Firmware
from kws_edge.detection import detect, end_sample, stream_windows
from kws_edge.frontend import reference_features

pytestmark = pytest.mark.slow

APT_GET = "apt-get install"
# program AUDIO CHUNK OFFSET: prints every inference; chunk 0 is random
STREAM = """
#include "kws_spotter.h"
#include <stdio.h>
#include <stdlib.h>
static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES + 16];
static int16_t audio[1 << 20];
int main(int count, char **arguments) {
  FILE *file = fopen(count == 4 ? arguments[1] : "", "rb");
  if (file == NULL) return 9;
  size_t left = fread(audio, sizeof audio[0], sizeof audio / sizeof audio[0], file);
  const size_t chunk = (size_t)atoi(arguments[2]);
  const int16_t *samples = audio;
  if (kws_spotter_init(&spotter, arena + atoi(arguments[3]), KWS_SPOTTER_ARENA_BYTES) != KWS_OK) return 8;
  srand(1);
  while (left != 0) {
    size_t given = chunk != 0 ? chunk : (size_t)rand() % 3000u;
    if (given > left) given = left;
    left -= given;
    while (given != 0) {
      size_t taken;
      kws_detection detection;
      const kws_status status = kws_spotter_push(&spotter, samples, given, &taken, &detection);
      if (status < KWS_OK) return 7;
      if (status != KWS_OK) {
        printf("%lu", (unsigned long)spotter.samples);
        for (int i = 0; i < KWS_CONFIG_LABELS; ++i) printf(" %d", spotter.logits[i]);
        puts("");
      }
      if (status == KWS_DETECTED) {
        printf("detected %s %u %lu\\n", kws_config_labels[detection.label], detection.score,
               (unsigned long)detection.end_sample);
      }
      if (status == KWS_OK && taken != given) return 6;
      samples += taken;
      given -= taken;
    }
  }
  return 0;
}
"""
# program AUDIO OTHER: a stream each, block by block in turn, the second begun anew in the middle of another stream
TWO_STREAMS = """
#include "kws_spotter.h"
#include <stdio.h>
enum { COUNT = 1 << 17 };
static kws_spotter spotters[2];
static uint8_t arenas[2][KWS_SPOTTER_ARENA_BYTES];
static int16_t audio[2][COUNT];
static size_t counts[2];
static int hear(int stream, size_t from, size_t count) {
  while (count != 0) {
    size_t taken;
    kws_detection detection;
    kws_spotter *spotter = &spotters[stream];
    const kws_status status = kws_spotter_push(spotter, audio[stream] + from, count, &taken, &detection);
    if (status < KWS_OK) return 0;
    if (status != KWS_OK) {
      printf("%d %lu", stream, (unsigned long)spotter->samples);
      for (int i = 0; i < KWS_CONFIG_LABELS; ++i) printf(" %d", spotter->logits[i]);
      puts("");
    }
    if (status == KWS_DETECTED) {
      printf("%d detected %s %u %lu\\n", stream, kws_config_labels[detection.label], detection.score,
             (unsigned long)detection.end_sample);
    }
    from += taken;
    count -= taken;
  }
  return 1;
}
int main(int count, char **arguments) {
  for (int i = 0; i < 2; ++i) {
    FILE *file = fopen(count == 3 ? arguments[1 + i] : "", "rb");
    if (file == NULL) return 9;
    counts[i] = fread(audio[i], sizeof audio[i][0], COUNT, file);
    if (kws_spotter_init(&spotters[i], arenas[i], sizeof arenas[i]) != KWS_OK) return 8;
  }
  if (!hear(1, 999, KWS_FEATURES_CLIP_SAMPLES + 333)) return 7;
  puts("again");
  if (kws_spotter_init(&spotters[1], arenas[1], sizeof arenas[1]) != KWS_OK) return 6;
  for (size_t done = 0; done < counts[0] || done < counts[1]; done += 160) {
    for (int i = 0; i < 2; ++i) {
      const size_t left = done < counts[i] ? counts[i] - done : 0;
      if (!hear(i, done, left < 160 ? left : 160)) return 5;
    }
  }
  return 0;
}
"""
ERRORS = """
#include "kws_spotter.h"
#include <stdio.h>
#define EXPECT(expected, call) do { const int got = (int)(call); \\
  if (got != (int)(expected)) { printf("%s is %d, not %d\\n", #call, got, (int)(expected)); failed = 1; } } while (0)
static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];
static int16_t silence[KWS_FEATURES_CLIP_SAMPLES];
int main(void) {
  int failed = 0;
  size_t taken = 5;
  kws_detection detection;
  EXPECT(KWS_ERROR_NOT_READY, kws_spotter_push(&spotter, silence, 1, &taken, &detection));
  EXPECT(0, taken);
  EXPECT(KWS_ERROR_NULL, kws_spotter_init(NULL, arena, sizeof arena));
  EXPECT(KWS_ERROR_NULL, kws_spotter_init(&spotter, NULL, sizeof arena));
  EXPECT(KWS_ERROR_ARENA_BYTES, kws_spotter_init(&spotter, arena, sizeof arena - 1));
  EXPECT(KWS_ERROR_NOT_READY, kws_spotter_push(&spotter, silence, 1, &taken, &detection));
  EXPECT(KWS_OK, kws_spotter_init(&spotter, arena, sizeof arena));
  EXPECT(KWS_ERROR_NULL, kws_spotter_push(NULL, silence, 1, &taken, &detection));
  EXPECT(KWS_ERROR_NULL, kws_spotter_push(&spotter, NULL, 1, &taken, &detection));
  EXPECT(KWS_ERROR_NULL, kws_spotter_push(&spotter, silence, 1, NULL, &detection));
  EXPECT(KWS_ERROR_NULL, kws_spotter_push(&spotter, silence, 1, &taken, NULL));
  EXPECT(KWS_OK, kws_spotter_push(&spotter, silence, 0, &taken, &detection));
  EXPECT(KWS_INFERRED, kws_spotter_push(&spotter, silence, KWS_FEATURES_CLIP_SAMPLES, &taken, &detection));
  EXPECT(KWS_ERROR_NULL, kws_engine_init(NULL));
  EXPECT(KWS_ERROR_NULL, kws_engine_run(NULL, spotter.logits, spotter.arena));
  EXPECT(KWS_ERROR_NULL, kws_spotter_init(&spotter, NULL, sizeof arena));
  EXPECT(KWS_ERROR_NOT_READY, kws_spotter_push(&spotter, silence, 1, &taken, &detection));
  EXPECT(KWS_OK, kws_spotter_init(&spotter, arena, sizeof arena));
  EXPECT(KWS_ERROR_ARENA_BYTES, kws_spotter_init(&spotter, arena, 0));
  EXPECT(KWS_ERROR_NOT_READY, kws_spotter_push(&spotter, silence, 1, &taken, &detection));
  return failed;
}
"""
CPLUSPLUS = """
#include "kws_selftest.h"
#include <cstdio>
static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];
int main() {
  const kws_selftest_stage stage = kws_selftest(&spotter, arena, sizeof arena);
  std::puts(kws_selftest_name(stage));
  return stage == KWS_SELFTEST_PASS && kws_spotter_init(&spotter, arena, sizeof arena) == KWS_OK ? 0 : 1;
}
"""


@pytest.fixture(autouse=True)
def gcc(tool: Callable[[str, str], str]) -> None:
    tool("gcc", f"{APT_GET} gcc")


@pytest.fixture(scope="module", params=SPECS)
def firmware(request: pytest.FixtureRequest) -> Firmware:
    return small_firmware(SPECS[request.param], seed=3)


@pytest.fixture(scope="module")
def program(firmware: Firmware, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program(write_spotter(firmware, tmp_path_factory.mktemp("spotter")), STREAM)


def expected_lines(firmware: Firmware, audio: np.ndarray) -> list[str]:
    """What the program must print, by the front end's specification, TFLM and the detector's twin."""
    spec = firmware.model.features
    windows = stream_windows(reference_features(audio[None], spec)[0], firmware.detection, spec)
    logits = firmware.inference(windows)
    detections = {found.inference: found for found in detect(logits, firmware.detector)}
    lines = []
    for number, row in enumerate(logits):
        end = end_sample(number, firmware.detection, spec)
        lines.append(" ".join(map(str, [end, *row])))
        if number in detections:
            found = detections[number]
            lines.append(f"detected {firmware.model.labels[found.label]} {found.score} {end}")
    return lines


@pytest.mark.parametrize(("chunk", "offset"), [(1, 0), (7, 1), (160, 2), (8000, 3), (0, 5), (1 << 20, 15)])
def test_any_chunks_and_any_address_give_what_python_computes(
    firmware: Firmware, program: Path, chunk: int, offset: int, tmp_path: Path
) -> None:
    spec = firmware.model.features
    audio = some_audio(spec, 4 * spec.clip_ms / 1000)
    (tmp_path / "audio").write_bytes(audio.tobytes())
    command = [program, tmp_path / "audio", str(chunk), str(offset)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    expected = expected_lines(firmware, audio)
    assert printed == expected
    assert len({line.split(" ", 1)[1] for line in expected}) > 5, "outputs that do not vary prove nothing"


def test_two_streams_do_not_touch_each_other_and_one_may_begin_anew(tmp_path: Path) -> None:
    firmware = small_firmware(SPECS["mfcc_with_deltas"], seed=3)
    program = build_program(write_spotter(firmware, tmp_path), TWO_STREAMS)
    spec = firmware.model.features
    streams = [some_audio(spec, (4 - seed) * spec.clip_ms / 1000, seed) for seed in range(2)]
    for number, audio in enumerate(streams):
        (tmp_path / f"audio{number}").write_bytes(audio.tobytes())
    command = [program, tmp_path / "audio0", tmp_path / "audio1"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    after = printed[printed.index("again") + 1 :]
    for number, audio in enumerate(streams):
        heard = [line.split(" ", 1)[1] for line in after if line.startswith(f"{number} ")]
        assert heard == expected_lines(firmware, audio)


def test_something_was_detected_at_all() -> None:
    firmware = small_firmware(SPECS["mfcc"], seed=3)
    lines = expected_lines(firmware, some_audio(firmware.model.features, 4))
    assert any(line.startswith("detected") for line in lines)


def test_every_documented_error_is_returned(tmp_path: Path) -> None:
    program = build_program(write_spotter(small_firmware(SPECS["mfcc"]), tmp_path), ERRORS)
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


def test_it_is_called_from_cplusplus(tool: Callable[[str, str], str], tmp_path: Path) -> None:
    compiler = tool("g++", f"{APT_GET} g++")
    folder = write_spotter(small_firmware(SPECS["mfcc"]), tmp_path)
    (folder / "main.cpp").write_text(CPLUSPLUS)
    objects = []
    for source in folder.glob("*.c"):
        objects.append(str(source.with_suffix(".o")))
        subprocess.run(["gcc", "-std=c99", "-c", str(source), "-o", objects[-1]], check=True)
    for standard in ("c++11", "c++17"):
        command = [compiler, f"-std={standard}", *WARNINGS, str(folder / "main.cpp"), *objects]
        subprocess.run([*command, "-o", str(folder / standard)], check=True)
        assert subprocess.run([folder / standard], capture_output=True, text=True).stdout == "PASS\n"
