"""The specification of the front end: int16 samples to int8 features in integers, stage by stage.

Whatever else computes features (the C in `firmware_export/core`) equals these functions bit for bit, on every input.
Arrays are int64 so that NumPy never wraps; the type that a value really needs, and why it fits, stands at each stage
and is derived in `docs/frontend.md`. ``>>`` is the arithmetic shift, that is, division that rounds down.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kws_edge.frontend.framing import Clips, Progress, blocks, checked_clips, frame_count, frames_of
from kws_edge.frontend.quantization_tables import ColumnTables
from kws_edge.frontend.real_tables import DELTA_WEIGHTS
from kws_edge.frontend.tables import (
    LOG2_BITS,
    LOG2_SEGMENTS,
    FrontendTables,
    LogTables,
    SpectrumTables,
    frontend_tables,
)
from kws_edge.frontend.transform_fixed import Int64Array, real_transform
from kws_edge.spec import FeatureSpec


def reference_features(clips: Clips, spec: FeatureSpec, *, progress: Progress | None = None) -> NDArray[np.int8]:
    """int8[n, frames, columns] of int16[n, samples] at the model's input scale and zero point, by the specification.

    `progress(done, total)` counts clips. Raises SettingsError for clips of another type or shape, or shorter than a
    window, and for a spec that integers cannot represent.
    """
    clips = checked_clips(clips, spec)
    tables = frontend_tables(spec)
    result = np.empty((len(clips), frame_count(clips.shape[1], spec), spec.columns), np.int8)
    for place, block in blocks(clips, progress):
        result[place] = _block_features(block, tables)
    return result


def _block_features(clips: Clips, tables: FrontendTables) -> NDArray[np.int8]:
    if tables.spectrum is None or tables.logarithm is None:
        return scaled_columns(clips.astype(np.int64)[..., None], tables.columns)
    samples = windowed(clips, tables)
    count = samples.shape[:2]
    re, im = real_transform(samples.reshape(-1, samples.shape[-1]), tables.spectrum.plan)
    if tables.spec.kind == "log_spectrogram":
        logs = floored_log2(re * re + im * im, tables.spectrum, tables.logarithm)
        return scaled_columns(logs.reshape(*count, -1), tables.columns)
    energies = mel_energies(re, im, tables)
    logs = log16(floored_log2(energies, tables.spectrum, tables.logarithm), tables.logarithm)
    return cepstral_columns(logs.reshape(*count, -1), tables)


def windowed(clips: Clips, tables: FrontendTables) -> Int64Array:
    """Pre-emphasis and window: int32[n, frames, fft_length], zero beyond the window.

    Both products of the pre-emphasis together fit int32; the window is Q15 and the product is shifted by 16: SMULWB.
    """
    spectrum = tables.spectrum
    assert spectrum is not None
    signal = spectrum.sample_gain * clips.astype(np.int64)
    signal[:, 1:] -= spectrum.previous_gain * clips[:, :-1].astype(np.int64)
    frames = frames_of(signal, tables.spec)
    count = tables.spec.window_samples
    result = np.zeros((*frames.shape[:2], tables.spec.transform_length), np.int64)
    result[..., :count] = (frames * spectrum.window[:count]) >> 16
    return result


def mel_energies(re: Int64Array, im: Int64Array, tables: FrontendTables) -> Int64Array:
    """Triangular filters over the power spectrum, int64[frames, mel_bands], and the frame's energy where asked for.

    Between two edges the falling side of one filter is what the rising side of the next leaves of the power, so only
    rising sides are weighted. A rising weight is Q15 and shifts by 16, so its sum is doubled. All sums are below 2^63
    by Parseval's theorem.
    """
    spectrum = tables.spectrum
    assert spectrum is not None
    power = re * re + im * im
    rising = re * ((re * spectrum.mel_rising) >> 16) + im * ((im * spectrum.mel_rising) >> 16)
    edges = spectrum.mel_edges
    segments = [slice(left, right) for left, right in pairwise(edges)]
    totals = np.stack([power[:, bins].sum(axis=1) for bins in segments], axis=-1)
    rises = 2 * np.stack([rising[:, bins].sum(axis=1) for bins in segments], axis=-1)
    energies = rises[:, :-1] + totals[:, 1:] - rises[:, 1:]
    if tables.spec.append_energy:
        energies = np.concatenate([energies, power.sum(axis=1, keepdims=True)], axis=-1)
    return np.asarray(energies)


def floored_log2(energies: Int64Array, spectrum: SpectrumTables, logarithm: LogTables) -> Int64Array:
    """Base 2 logarithm of int64 energies, int32 in Q20, or that of the floor where an energy is below it.

    An energy is shifted left until bit 63 is set; the 6 bits below that choose a chord and the next 16 a point on it.
    """
    valid = np.maximum(energies, 1)
    exponent = _highest_bit(valid)
    mantissa = (valid.astype(np.uint64) << (63 - exponent).astype(np.uint64)) >> np.uint64(41)
    index = (mantissa >> np.uint64(16)).astype(np.int64) - LOG2_SEGMENTS
    fraction = (mantissa & np.uint64(0xFFFF)).astype(np.int64)
    chords = logarithm.chords.astype(np.int64)
    chord = (chords[index] << 16) + (chords[index + 1] - chords[index]) * fraction
    result = (exponent << LOG2_BITS) + (chord >> (31 - LOG2_BITS))
    return np.where(energies < spectrum.energy_floor, spectrum.floor_log2, result)


def log16(log2: Int64Array, logarithm: LogTables) -> Int64Array:
    """Q20 logarithms around their centre as int16, the gain chosen so that every possible energy fits."""
    return ((log2 - logarithm.centre) * logarithm.gain) >> 16


def cepstral_columns(logs: Int64Array, tables: FrontendTables) -> NDArray[np.int8]:
    """int8[n, frames, columns] of int16[n, frames, bands]: DCT, lifter, normalization, quantization, deltas.

    Sums are int64. A kept cepstrum is below 2^24, its delta below 2^27, the delta of that below 2^30.
    """
    columns = tables.columns
    inputs = columns.matrix.shape[1]
    padded = np.concatenate([logs, np.zeros((*logs.shape[:-1], inputs - logs.shape[-1]), np.int64)], axis=-1)
    sums = padded @ columns.matrix.T.astype(np.int64)
    outputs = [clipped((sums + columns.bias) >> columns.shift)]
    kept = sums >> columns.history_shift
    coefficients = tables.spec.coefficients
    for order in range(tables.spec.deltas):
        kept = causal_delta(kept)
        place = slice(order * coefficients, (order + 1) * coefficients)
        scaled = kept * columns.delta_gains[place].astype(np.int64) + columns.delta_bias[place]
        outputs.append(clipped(scaled >> columns.delta_shift))
    return np.concatenate(outputs, axis=-1)


def causal_delta(rows: Int64Array) -> Int64Array:
    """Ten times the slope over a frame and the four before it, int[n, frames, columns]; before the first lie copies."""
    count = rows.shape[1]
    padded = np.concatenate([np.repeat(rows[:, :1], len(DELTA_WEIGHTS) - 1, axis=1), rows], axis=1)
    slope = np.zeros_like(rows)
    for lag, weight in enumerate(DELTA_WEIGHTS):
        slope += weight * padded[:, lag : lag + count]
    return slope


def scaled_columns(values: Int64Array, columns: ColumnTables) -> NDArray[np.int8]:
    """int8[n, frames, columns] of values that make one column each; the products are int64."""
    return clipped((values * columns.gains.astype(np.int64) + columns.bias) >> columns.shift)


def clipped(values: Int64Array) -> NDArray[np.int8]:
    """Values as int8, the nearest one where they are beyond it."""
    result: NDArray[np.int8] = np.clip(values, -128, 127).astype(np.int8)
    return result


def _highest_bit(values: Int64Array) -> Int64Array:
    """Index of the highest set bit of positive int64 values."""
    position = np.zeros_like(values)
    rest = values
    for width in (32, 16, 8, 4, 2, 1):
        high = rest >> width
        taller = high > 0
        position = np.where(taller, position + width, position)
        rest = np.where(taller, high, rest)
    return position
