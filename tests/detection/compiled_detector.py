"""The firmware's detector on this machine: kws_detector.c, built by the host's compiler, called from Python."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws_edge.detection import Detection, DetectorTables

CORE = Path(__file__).parents[2] / "firmware_export" / "core"
WIDEST_LABELS = 20
WIDEST_WINDOW = 64
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror")

_CONFIG = f"""
#define KWS_CONFIG_LABELS {WIDEST_LABELS}
#define KWS_CONFIG_SMOOTHING_WINDOW {WIDEST_WINDOW}
"""
# one call for a whole stream
_STREAM = """
#include "kws_detector.h"
#include <stddef.h>

int stream(const uint32_t *coarse, const uint32_t *fine, uint8_t coarse_count, const uint16_t *threshold,
           uint8_t labels, uint8_t smoothing_window, uint8_t minimum_count, uint16_t refractory,
           const int8_t *logits, int count, int32_t *found);

int stream(const uint32_t *coarse, const uint32_t *fine, uint8_t coarse_count, const uint16_t *threshold,
           uint8_t labels, uint8_t smoothing_window, uint8_t minimum_count, uint16_t refractory,
           const int8_t *logits, int count, int32_t *found) {
  const kws_detector_settings settings = {coarse, fine, coarse_count, threshold, labels,
                                          smoothing_window, minimum_count, refractory};
  kws_detector detector;
  int detections = 0;
  kws_detector_start(&detector, &settings);
  for (int i = 0; i < count; ++i) {
    uint8_t label;
    uint16_t score;
    if (kws_detector_push(&detector, logits + (size_t)i * labels, &label, &score)) {
      found[3 * detections] = label;
      found[3 * detections + 1] = score;
      found[3 * detections + 2] = i;
      ++detections;
    }
  }
  return detections;
}
"""


class CompiledDetector:
    """`detect` of kws_edge.detection, computed by the C."""

    def __init__(self, folder: Path, compiler: str) -> None:
        (folder / "kws_config.h").write_text(_CONFIG)
        (folder / "stream.c").write_text(_STREAM)
        library = folder / "detector.so"
        sources = [str(folder / "stream.c"), str(CORE / "kws_detector.c"), str(CORE / "kws_memory.c")]
        # undefined behaviour ends the process instead of passing
        command = [compiler, "-std=c99", "-O2", *WARNINGS, "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
        command += ["-shared", "-fPIC", f"-I{folder}", f"-I{CORE}", *sources, "-o", str(library)]
        subprocess.run(command, check=True)
        self._stream = ctypes.CDLL(str(library)).stream

    def detect(self, logits: NDArray[np.int8], tables: DetectorTables) -> list[Detection]:
        coarse, fine = np.array(tables.coarse, np.uint32), np.array(tables.fine, np.uint32)
        threshold = np.array(tables.threshold, np.uint16)
        rows = np.ascontiguousarray(logits)
        found = np.zeros((len(rows) + 1, 3), np.int32)
        pointer = ctypes.c_void_p
        count = self._stream(
            pointer(coarse.ctypes.data),
            pointer(fine.ctypes.data),
            ctypes.c_uint8(len(coarse)),
            pointer(threshold.ctypes.data),
            ctypes.c_uint8(len(threshold)),
            ctypes.c_uint8(tables.smoothing_window),
            ctypes.c_uint8(tables.minimum_count),
            ctypes.c_uint16(tables.refractory),
            pointer(rows.ctypes.data),
            ctypes.c_int(len(rows)),
            pointer(found.ctypes.data),
        )
        return [Detection(int(label), int(score), int(inference)) for label, score, inference in found[:count]]
