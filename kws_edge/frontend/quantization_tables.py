"""From logarithms, or samples, to int8 columns: cepstrum matrix, normalization, scale and zero point in one step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.errors import SettingsError
from kws_edge.frontend.real_tables import (
    DELTA_DIVISOR,
    Float64Array,
    cepstrum_matrix,
    column_mean,
    column_std,
)
from kws_edge.spec import FeatureSpec

# cepstra kept for deltas stay below 2^HISTORY_BITS, so that deltas of deltas fit 32 bits
HISTORY_BITS = 24
# of a gain: with more, sums of 64 bits could overflow
_MOST_SHIFT = 48


@dataclass(frozen=True)
class ColumnTables:
    """int8 = clip((sum of inputs times weights + bias) >> shift), column by column."""

    # int16[coefficients, inputs] for a cepstrum, whose inputs are the bands' log16 (and the frame's), an even number
    matrix: NDArray[np.int16]
    # int32[columns] otherwise: each column has one input
    gains: NDArray[np.int32]
    # int64[columns without deltas], which holds the mean, the zero point and half a step
    bias: NDArray[np.int64]
    shift: int
    # a cepstrum is kept as sum >> history_shift, without bias
    history_shift: int
    # int32[deltas * coefficients], int64[deltas * coefficients]: int8 = clip((delta * gain + bias) >> delta_shift)
    delta_gains: NDArray[np.int32]
    delta_bias: NDArray[np.int64]
    delta_shift: int


def column_tables(spec: FeatureSpec, zero: float, step: float) -> ColumnTables:
    """The tables of `spec` when an integer input i stands for ``zero + step * i`` in units of the feature's input."""
    statics = spec.coefficients if spec.kind == "mfcc" else spec.columns
    divisor = column_std(spec)[:statics] * spec.scale
    if spec.kind == "mfcc":
        with np.errstate(over="ignore"):  # _shift_for refuses what is infinite
            weights = _cepstrum_weights(spec) / divisor[:, None]
        shift = min(_shift_for(np.abs(weights * step).max(), 15, spec), 31)
        matrix = _rounded_rows(weights * step * 2.0**shift)
        gains = np.zeros(0, np.int32)
        offset = weights.sum(axis=1) * zero
    else:
        shift = _shift_for((step / divisor).max(), 31, spec)
        matrix = np.zeros((0, 0), np.int16)
        gains = np.round(step / divisor * 2.0**shift).astype(np.int32)
        offset = zero / divisor
    bias = _bias(offset - column_mean(spec)[:statics] / divisor, shift, spec)
    if spec.kind == "mfcc":
        largest = np.abs(matrix.astype(np.float64)).sum(axis=1) * 2.0**15
    else:  # a sample, or a logarithm to base 2 in Q20
        largest = gains * 2.0 ** (15 if spec.kind == "waveform" else 26)
    _check_steps(largest, bias, shift, spec)
    history_shift = max(0, _bits(np.abs(matrix.astype(np.int64)).sum(axis=1).max(initial=0) * 32768) - HISTORY_BITS)
    delta_gains, delta_bias, delta_shift = _delta_tables(spec, history_shift - shift)
    return ColumnTables(matrix, gains, bias, shift, history_shift, delta_gains, delta_bias, delta_shift)


def _cepstrum_weights(spec: FeatureSpec) -> Float64Array:
    """Float64[coefficients, inputs]: the DCT, and a row that picks the frame's energy where the spec asks for it."""
    inputs = spec.mel_bands + spec.append_energy
    weights = np.zeros((spec.coefficients, inputs + inputs % 2))
    weights[:, : spec.mel_bands] = cepstrum_matrix(spec).T
    if spec.append_energy:
        weights[0] = 0
        weights[0, spec.mel_bands] = 1
    return weights


def _rounded_rows(rows: Float64Array) -> NDArray[np.int16]:
    """Rows rounded so that the first n entries of each add up to the rounded sum of the first n, for every n.

    Spectra are smooth: the errors of neighbours then cancel instead of adding up, above all in the constant row 0.
    """
    return np.diff(np.round(np.cumsum(rows, axis=1)), axis=1, prepend=0).astype(np.int16)


def _delta_tables(spec: FeatureSpec, history_exponent: int) -> tuple[NDArray[np.int32], NDArray[np.int64], int]:
    """Deltas of kept cepstra, whose step is 2^history_exponent int8 steps of the static column."""
    if spec.kind != "mfcc" or not spec.deltas:
        return np.zeros(0, np.int32), np.zeros(0, np.int64), 0
    std, mean = column_std(spec), column_mean(spec)
    count = spec.coefficients
    orders = [
        2.0**history_exponent * std[:count] / std[order * count :][:count] / DELTA_DIVISOR**order
        for order in range(1, spec.deltas + 1)
    ]
    factors = np.concatenate(orders)
    # two deltas grow a kept cepstrum by less than 2^6: 24 + 6 + 31 bits fit 64
    shift = _shift_for(factors.max(), 31, spec)
    offset = -mean[count:] / std[count:] / spec.scale
    gains, bias = np.round(factors * 2.0**shift).astype(np.int32), _bias(offset, shift, spec)
    _check_steps(gains * 2.0 ** (HISTORY_BITS + 6), bias, shift, spec)
    return gains, bias, shift


def _bias(offset: Float64Array, shift: int, spec: FeatureSpec) -> NDArray[np.int64]:
    bias = (offset + spec.zero_point + 0.5) * 2.0**shift
    if np.abs(bias).max() >= 2.0**61:
        raise SettingsError(f"mean lies too many steps of scale = {spec.scale} from zero; enlarge scale or check mean")
    return np.round(bias).astype(np.int64)


def _shift_for(largest: float, bits: int, spec: FeatureSpec) -> int:
    """The largest shift, at most 48, with which `largest` stays below 2^bits as a signed integer."""
    if largest < 2.0**-_MOST_SHIFT:
        raise SettingsError(f"std times scale = {spec.scale} is so large that features vanish; lessen it")
    if not 2 * largest <= 2.0**bits - 4:
        raise SettingsError(f"std times scale = {spec.scale} is finer than the input's own step; enlarge it")
    return min(math.floor(math.log2((2.0**bits - 4) / largest)), _MOST_SHIFT)


def _check_steps(largest: NDArray[Any], bias: NDArray[np.int64], shift: int, spec: FeatureSpec) -> None:
    """Before clipping to int8 a column must fit 32 bits: the C shifts a 64-bit sum into a 32-bit one."""
    if ((largest + np.abs(bias).astype(np.float64)) / 2.0**shift).max() >= 2.0**31:
        raise SettingsError(
            f"scale = {spec.scale} makes some column more than 2^31 steps long; enlarge scale or std, or check mean"
        )


def _bits(value: int) -> int:
    return int(value).bit_length()
