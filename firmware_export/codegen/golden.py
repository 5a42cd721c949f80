"""`kws_golden.h` and `kws_golden.c`: what every stage must compute in the self-test of a board.

The inputs are made of integers, here and in `kws_selftest.c` alike, so firmware carries only the expected results.
These come from the front end's specification, from TFLM (or what equals it) and from the detector's Python twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from kws_edge.detection import Detector, DetectorTables, end_sample, stream_windows
from kws_edge.frontend.mfcc_fixed import floored_log2, log16, mel_energies, reference_features, windowed
from kws_edge.frontend.tables import frontend_tables
from kws_edge.frontend.transform_fixed import real_transform
from kws_edge.spec import DetectionSettings, FeatureSpec

SEED = 0x2545F491
_WINDOWS = 4
_INFERENCES = 256
_STREAM_INFERENCES = 4
_CHUNK = 37
_CHECKSUM_START = 2166136261
_CHECKSUM_PRIME = 16777619
_MASK = 0xFFFFFFFF


def golden_files(
    spec: FeatureSpec,
    settings: DetectionSettings,
    detector: DetectorTables,
    inference: Callable[[NDArray[np.int8]], NDArray[np.int8]],
) -> dict[str, str]:
    """The two files by name; `inference` computes int8[n, labels] of int8[n, frames, columns] as TFLM does."""
    ends = [end_sample(number, settings, spec) for number in range(_STREAM_INFERENCES)]
    signal = np.fromiter(islice(signal_samples(), ends[-1]), np.int16, ends[-1])
    rows = reference_features(signal[None], spec)[0]
    clip = rows[: spec.frames]
    outputs = inference(np.concatenate([clip[None], _random_windows(spec)]))
    spectrum, logarithms, bands = _frontend_checksums(signal, spec)
    values = {
        "kws_golden_spectrum": spectrum,
        "kws_golden_logarithms": logarithms,
        "kws_golden_features": checksum(clip.ravel()),
        "kws_golden_detector": _detector_checksum(detector),
        "kws_golden_stream": _stream_checksum(inference(stream_windows(rows, settings, spec)), ends, detector),
    }
    return {"kws_golden.h": _header(bands, values), "kws_golden.c": _source(outputs, values)}


def checksum(values: Iterable[int], start: int = _CHECKSUM_START) -> int:
    """FNV-1a over whole 32-bit words, two's complement where negative."""
    total = start
    for value in values:
        total = ((total ^ (int(value) & _MASK)) * _CHECKSUM_PRIME) & _MASK
    return total


def random_numbers() -> Iterator[int]:
    """Marsaglia's xorshift32 (Journal of Statistical Software 8(14), 2003), from the self-test's seed."""
    state = SEED
    while True:
        state ^= (state << 13) & _MASK
        state ^= state >> 17
        state ^= (state << 5) & _MASK
        yield state


def signal_samples() -> Iterator[int]:
    """Samples of the self-test: two gliding triangle waves in bursts, over noise of changing loudness."""
    low = high = 0
    for position, number in enumerate(random_numbers()):
        glide = 600 + 3 * (position & 4095)
        loudness = 5 * (position >> 9) & 7
        low = (low + glide) & 0xFFFF
        high = (high + 5 * glide) & 0xFFFF
        waves = _truncated((_triangle(low) + _truncated(_triangle(high), 2)) * loudness, 8)
        yield waves + _truncated((number >> 20) - 2048, 1 << (position >> 11 & 7))


def _triangle(phase: int) -> int:
    return min(phase, 65536 - phase) - 16384


def _truncated(value: int, divisor: int) -> int:
    """Division as C does it, towards zero."""
    return -(-value // divisor) if value < 0 else value // divisor


def _random_windows(spec: FeatureSpec) -> NDArray[np.int8]:
    count = (_WINDOWS - 1) * spec.frames * spec.columns
    values = np.fromiter(((number >> 24) - 128 for number in random_numbers()), np.int8, count)
    return values.reshape(-1, *spec.shape)


def _frontend_checksums(signal: NDArray[np.int16], spec: FeatureSpec) -> tuple[int, int, int]:
    """Checksums of a clip's spectrum and logarithms, and how many logarithms a row has."""
    tables = frontend_tables(spec)
    if tables.spectrum is None or tables.logarithm is None:
        return _CHECKSUM_START, _CHECKSUM_START, 0
    samples = windowed(signal[None].astype(np.int64), tables)[0, : spec.frames]
    re, im = real_transform(samples, tables.spectrum.plan)
    bins = checksum(np.stack([re, im], axis=-1).ravel())
    if spec.kind != "mfcc":
        return bins, _CHECKSUM_START, 0
    energies = mel_energies(re, im, tables)
    logs = log16(floored_log2(energies, tables.spectrum, tables.logarithm), tables.logarithm)
    return bins, checksum(logs.ravel()), logs.shape[1]


def _detector_checksum(tables: DetectorTables) -> int:
    numbers = random_numbers()
    detector = Detector(tables)
    labels = len(tables.threshold)
    total = _CHECKSUM_START
    leader = 0
    for inference in range(_INFERENCES):
        if inference % 16 == 0:
            leader = next(numbers) % labels
        noise = [next(numbers) >> 26 for _ in range(labels)]
        row = [127 - value if label == leader else value - 128 for label, value in enumerate(noise)]
        for detection in detector.push(np.array([row], np.int8)):
            total = checksum((detection.label, detection.score), total)
        total = checksum(detector.sums, total)
    return total


def _stream_checksum(logits: NDArray[np.int8], ends: list[int], tables: DetectorTables) -> int:
    detector = Detector(tables)
    total = _CHECKSUM_START
    for end, row in zip(ends, logits, strict=True):
        total = checksum((end, *row), total)
        total = checksum((detection.label for detection in detector.push(row[None])), total)
    return total


def _header(logarithms: int, values: dict[str, int]) -> str:
    declarations = "\n".join(f"extern const uint32_t {name};" for name in values)
    return f"""/* Generated by kws-edge: what the self-test expects. */
#ifndef KWS_GOLDEN_H
#define KWS_GOLDEN_H

#include <stdint.h>

#include "kws_config.h"

#define KWS_GOLDEN_SEED 0x{SEED:08x}u
#define KWS_GOLDEN_LOGARITHMS {logarithms}
#define KWS_GOLDEN_WINDOWS {_WINDOWS}
#define KWS_GOLDEN_INFERENCES {_INFERENCES}
#define KWS_GOLDEN_STREAM_INFERENCES {_STREAM_INFERENCES}
#define KWS_GOLDEN_CHUNK {_CHUNK}

#ifdef __cplusplus
extern "C" {{
#endif

/* checksums, one of each stage */
{declarations}
/* of the features of the test signal, then of windows of random numbers */
extern const int8_t kws_golden_logits[KWS_GOLDEN_WINDOWS][KWS_CONFIG_LABELS];

#ifdef __cplusplus
}}
#endif

#endif
"""


def _source(logits: NDArray[np.int8], values: dict[str, int]) -> str:
    sums = "\n".join(f"const uint32_t {name} = 0x{value:08x}u;" for name, value in values.items())
    rows = "\n".join(f"    {{{', '.join(map(str, row))}}}," for row in logits)
    return f"""/* Generated by kws-edge: what the self-test expects. */
#include "kws_golden.h"

{sums}

const int8_t kws_golden_logits[KWS_GOLDEN_WINDOWS][KWS_CONFIG_LABELS] = {{
{rows}
}};
"""
