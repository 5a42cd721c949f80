"""Quantized arithmetic exactly as TensorFlow Lite Micro does it: gemmlowp fixed point, two roundings, in integers.

Formulas: gemmlowp's fixedpoint.h and TFLM's quantization_util.cc. Everything that a kernel needs and that depends on
constants alone is computed here at export, so that no floating point is left for the target.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) with real = multiplier * 2**(shift - 31), multiplier in [2**30, 2**31) or 0.

    Factors below 2**-32 become 0, as in TFLM. A shift above 30 is left to the caller to refuse.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return multiplier, shift


def wrap(x: int) -> int:
    """`x` modulo 2**32, as int32."""
    return (x + (1 << 31)) % (1 << 32) - (1 << 31)


def rounding_doubling_high_mul(a: int, b: int) -> int:
    """a * b / 2**31 to nearest, halves up; the one overflow saturates."""
    return _INT32_MAX if a == b == _INT32_MIN else (a * b + (1 << 30)) >> 31


def rounding_divide_by_power(x: int, exponent: int) -> int:
    """x / 2**exponent to nearest, halves away from zero."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


def multiply(x: int, multiplier: int, shift: int) -> int:
    """TFLM's MultiplyByQuantizedMultiplier: x * multiplier * 2**(shift - 31), rounded twice."""
    left, right = max(shift, 0), max(-shift, 0)
    return rounding_divide_by_power(rounding_doubling_high_mul(wrap(x << left), multiplier), right)


def clip_int8(x: int) -> int:
    return min(max(x, -128), 127)


def round_half_away(x: float) -> int:
    """C's round()."""
    return math.floor(x + 0.5) if x >= 0 else -math.floor(-x + 0.5)


def float32(x: float) -> float:
    return float(np.float32(x))


def quantized(real: float, scale: float, zero_point: int) -> int:
    """`real` in a tensor's own units, computed in float32 as TFLM does; not clipped."""
    return zero_point + round_half_away(float(np.float32(real) / np.float32(scale)))


def _shift_left(x: int, bits: int) -> int:
    return min(max(x << bits, _INT32_MIN), _INT32_MAX)


def exponential(x: int, integer_bits: int) -> int:
    """exp(x) in Q0.31 for x <= 0 in Q(integer_bits).(31 - integer_bits); gemmlowp's exp_on_negative_values."""
    if x == 0:
        return _INT32_MAX
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    reduced = (x & (quarter - 1)) - quarter
    remainder = wrap(reduced - x)
    # Taylor series around -1/8 on [-1/4, 0)
    a = wrap(_shift_left(reduced, integer_bits) + (1 << 28))
    a2 = rounding_doubling_high_mul(a, a)
    a3 = rounding_doubling_high_mul(a2, a)
    a4 = rounding_doubling_high_mul(a2, a2)
    series = rounding_doubling_high_mul(wrap(rounding_divide_by_power(a4, 2) + a3), 715827883)
    series = rounding_divide_by_power(wrap(series + a2), 1)
    result = wrap(1895147668 + rounding_doubling_high_mul(1895147668, wrap(a + series)))
    factors = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)  # exp(-2**n), n from -2
    for exponent, factor in zip(range(-2, 5), factors, strict=True):
        if integer_bits > exponent and remainder & (1 << (fraction_bits + exponent)):
            result = rounding_doubling_high_mul(result, factor)
    return result


def reciprocal_of_one_plus(x: int) -> int:
    """1 / (1 + x) in Q0.31 for x in [0, 1) in Q0.31; gemmlowp's three Newton steps."""
    half_denominator = (x + _INT32_MAX + 1) // 2
    estimate = wrap(1515870810 + rounding_doubling_high_mul(half_denominator, -1010580540))
    for _ in range(3):
        error = wrap((1 << 29) - rounding_doubling_high_mul(half_denominator, estimate))
        estimate = wrap(estimate + _shift_left(rounding_doubling_high_mul(estimate, error), 2))
    return _shift_left(estimate, 1)


def input_radius(integer_bits: int, left_shift: int) -> int:
    """The largest input difference whose scaled value still fits Q(integer_bits) (TFLM's CalculateInputRadius)."""
    return math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / math.ldexp(1.0, left_shift))


def logistic_table(scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """All 256 outputs of an int8 LOGISTIC, by input + 128; output scale 1/256, zero point -128."""
    multiplier, shift = quantize_multiplier(scale * (1 << 27))
    radius = input_radius(4, shift)
    table = np.empty(256, np.int8)
    for stored in range(-128, 128):
        x = stored - zero_point
        if x <= -radius:
            table[stored + 128] = -128
        elif x >= radius:
            table[stored + 128] = 127
        else:
            q = multiply(x, multiplier, shift)
            if q == 0:
                value = 1 << 30
            else:
                value = reciprocal_of_one_plus(exponential(-abs(q), 4))
                value = value if q > 0 else _INT32_MAX - value
            table[stored + 128] = clip_int8(rounding_divide_by_power(value, 23) - 128)
    return table


def softmax_table(scale: float, beta: float) -> npt.NDArray[np.int32]:
    """exp(-d * scale * beta) in Q0.31 for d from 0 to 255, 0 where TFLM leaves the term out."""
    real = min(beta * scale * (1 << 26), float((1 << 31) - 1))
    multiplier, shift = quantize_multiplier(real)
    largest = input_radius(5, shift)
    table = np.zeros(256, np.int32)
    for difference in range(min(largest, 255) + 1):
        scaled = rounding_doubling_high_mul(wrap(-difference << shift), multiplier)
        table[difference] = exponential(scaled, 5)
    return table
