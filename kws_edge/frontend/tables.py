"""Every integer that the fixed-point front end needs, derived once: Python and firmware share the arrays.

Scales are chosen here, so that no stage can overflow and none wastes bits: see `docs/frontend.md` for the derivation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kws_edge.errors import SettingsError
from kws_edge.frontend.quantization_tables import ColumnTables, column_tables
from kws_edge.frontend.real_tables import Float64Array, mel_edges, window
from kws_edge.frontend.transform_plan import TransformPlan, transform_plan
from kws_edge.spec import FeatureSpec

# fractional bits of a base 2 logarithm
LOG2_BITS = 20
# segments of the chord table of log2(1 + t); the chords are at most 4.4e-5 below the curve
LOG2_SEGMENTS = 64
# a bound stays this far below a power of two, which covers the roundings of all passes
ROUNDING_SLACK = 1 - 2.0**-10
MAX_WINDOW_SAMPLES = 2048


@dataclass(frozen=True)
class SpectrumTables:
    """From samples to energies; empty for a waveform."""

    # y[t] = sample_gain * x[t] - previous_gain * x[t - 1]; their ratio is the pre-emphasis, |y| < 2^31
    sample_gain: int
    previous_gain: int
    # int16[fft_length], Q15, zero beyond the window
    window: NDArray[np.int16]
    plan: TransformPlan
    # int16[mel_bands + 2] bins between which the triangles lie; empty for a spectrogram
    mel_edges: NDArray[np.int16]
    # int16[fft_length // 2 + 1], Q15: how far a bin lies between the edge at or below it and the next
    mel_rising: NDArray[np.int16]
    # integer energy of one unit of the float power spectrum |X|^2 / fft_length
    energy_gain: float
    # an energy below this has the logarithm of the floor
    energy_floor: int
    # Q20 base 2 logarithm that stands for the floor
    floor_log2: int
    # no energy exceeds this
    energy_bound: float


@dataclass(frozen=True)
class LogTables:
    """The base 2 logarithm, and how it becomes 16 bits for the cepstrum."""

    # uint16[LOG2_SEGMENTS + 1], Q15: log2(1 + i / LOG2_SEGMENTS)
    chords: NDArray[np.uint16]
    # log16 = ((log2 - centre) * gain) >> 16
    centre: int
    gain: int


@dataclass(frozen=True)
class FrontendTables:
    """All tables of one spec."""

    spec: FeatureSpec
    spectrum: SpectrumTables | None
    logarithm: LogTables | None
    columns: ColumnTables


@lru_cache(maxsize=32)
def frontend_tables(spec: FeatureSpec) -> FrontendTables:
    """The tables of `spec`; raises SettingsError, with the reason, for a spec that integers cannot represent."""
    if spec.kind == "waveform":
        return FrontendTables(spec, None, None, column_tables(spec, 0.0, 1.0))
    if spec.window_samples > MAX_WINDOW_SAMPLES or spec.transform_length > MAX_WINDOW_SAMPLES:
        raise SettingsError(
            f"a transform of {spec.transform_length} points is beyond the {MAX_WINDOW_SAMPLES} that the front end "
            "holds; shorten window_ms or lower sample_rate_hz"
        )
    if spec.stride_samples > MAX_WINDOW_SAMPLES:
        raise SettingsError(
            f"window_stride_ms = {spec.window_stride_ms} is {spec.stride_samples} samples, beyond the "
            f"{MAX_WINDOW_SAMPLES} that the front end counts; shorten it"
        )
    spectrum = _spectrum_tables(spec)
    logarithm = _log_tables(spectrum)
    neper = math.log(2) / (1 << LOG2_BITS)
    zero = -math.log(spectrum.energy_gain)
    if spec.kind == "log_spectrogram":
        return FrontendTables(spec, spectrum, logarithm, column_tables(spec, zero, neper))
    # a floored product is half a step low on average
    log16_step = neper * 65536 / logarithm.gain
    log16_zero = zero + neper * logarithm.centre + log16_step / 2
    return FrontendTables(spec, spectrum, logarithm, column_tables(spec, log16_zero, log16_step))


def _spectrum_tables(spec: FeatureSpec) -> SpectrumTables:
    length = spec.transform_length
    plan = transform_plan(length)
    window_q15 = np.zeros(length, np.int16)
    window_q15[: spec.window_samples] = np.round(window(spec) * 32767)
    sample_gain, previous_gain = _preemphasis_gains(spec.preemphasis, _largest_gain(window_q15, plan))
    magnitudes = _windowed_bound(sample_gain + previous_gain, window_q15)
    amplitude_gain = sample_gain * 32767 / 65536 / 2**plan.halvings
    energy_gain = amplitude_gain**2 * length
    floor = spec.energy_floor * energy_gain
    if floor >= 2.0**60:
        raise SettingsError(f"energy_floor = {spec.energy_floor} is above every energy; use 1")
    floor_log2 = math.log2(floor if floor > 0 else np.finfo(np.float64).eps * energy_gain)
    edges = mel_edges(spec) if spec.kind == "mfcc" else np.zeros(0)
    return SpectrumTables(
        sample_gain=sample_gain,
        previous_gain=previous_gain,
        window=window_q15,
        plan=plan,
        mel_edges=edges.astype(np.int16),
        mel_rising=_rising_sides(spec),
        energy_gain=energy_gain,
        energy_floor=max(1, math.ceil(floor)),
        floor_log2=round(floor_log2 * (1 << LOG2_BITS)),
        energy_bound=_energy_bound(magnitudes, plan),
    )


def _windowed_bound(gain_sum: float, window_q15: NDArray[np.int16]) -> Float64Array:
    """Largest magnitude of each windowed sample: every int16 at its worst, pre-emphasis at its worst."""
    return 32768 * gain_sum * window_q15.astype(np.float64) / 65536


def _largest_gain(window_q15: NDArray[np.int16], plan: TransformPlan) -> float:
    """The largest sample_gain + previous_gain for which no stage can overflow."""
    unit = _windowed_bound(1.0, window_q15)
    amplitude = max(plan.largest_value(unit), 32768.0)
    energy = _energy_bound(unit, plan)
    return ROUNDING_SLACK * min(2.0**31 / amplitude, math.sqrt(2.0**63 / energy))


def _energy_bound(magnitudes: Float64Array, plan: TransformPlan) -> float:
    """Parseval: the squared magnitudes of all bins add up to no more than length times those of the samples."""
    return plan.length * float(np.sum(magnitudes**2)) / float(4**plan.halvings)


def _preemphasis_gains(preemphasis: float, largest_sum: float) -> tuple[int, int]:
    """Integers whose ratio is nearest to `preemphasis` and whose sum is at most `largest_sum`, large ones preferred."""
    top = min(int(largest_sum / (1 + preemphasis)), 32767)
    if top < 64:
        raise SettingsError("the window is too long for 32-bit arithmetic; shorten window_ms or lower sample_rate_hz")
    candidates = np.arange(top, top * 3 // 4, -1)
    errors = np.abs(np.round(candidates * preemphasis) / candidates - preemphasis)
    sample_gain = int(candidates[np.argmin(np.round(errors, 9))])
    return sample_gain, round(sample_gain * preemphasis)


def _rising_sides(spec: FeatureSpec) -> NDArray[np.int16]:
    rising = np.zeros(spec.transform_length // 2 + 1)
    if spec.kind == "mfcc":
        edges = mel_edges(spec)
        for left, right in pairwise(edges):
            rising[left:right] = np.arange(right - left) / max(right - left, 1)
    return np.minimum(np.round(rising * 32768), 32767).astype(np.int16)


def _log_tables(spectrum: SpectrumTables) -> LogTables:
    chords = np.round(np.log2(1 + np.arange(LOG2_SEGMENTS + 1) / LOG2_SEGMENTS) * 32768).astype(np.uint16)
    low = min(spectrum.floor_log2, 0) if spectrum.energy_floor == 1 else spectrum.floor_log2
    high = math.ceil(math.log2(spectrum.energy_bound) * (1 << LOG2_BITS))
    centre = (low + high) // 2
    return LogTables(chords, centre, min(32767 * 65536 // (max(high - centre, centre - low) + 1), 32767))
