/* Fixed-point rescaling, rounded exactly as TensorFlow Lite Micro rounds (gemmlowp's definitions).
 *
 * A real factor is multiplier * 2^(shift - 31) with multiplier in [2^30, 2^31) or 0. TFLM rounds twice: once when the
 * 64-bit product is halved down to 32 bits (halves go up), once when that is shifted right (halves go away from zero).
 */
#ifndef KWS_REQUANTIZE_H
#define KWS_REQUANTIZE_H

#include <stdint.h>

#include "kws_simd.h"

/* (a * b) / 2^31, rounded to nearest, halves up. One of a and b must differ from INT32_MIN. */
static inline int32_t kws_rounding_doubling_high_mul(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^exponent, rounded to nearest, halves away from zero; exponent in [0, 31]. */
static inline int32_t kws_rounding_divide_by_power(int32_t x, uint32_t exponent) {
  const uint32_t mask = ((uint32_t)1 << exponent) - 1u;
  const uint32_t threshold = (mask >> 1) + (x < 0 ? 1u : 0u);
  return (x >> exponent) + ((((uint32_t)x) & mask) > threshold ? 1 : 0);
}

/* TFLM's MultiplyByQuantizedMultiplier with two roundings; shift in [-31, 30], left when positive. */
static inline int32_t kws_multiply_by_quantized_multiplier(int32_t x, int32_t multiplier, int32_t shift) {
  const uint32_t left = shift > 0 ? (uint32_t)shift : 0u;
  const uint32_t right = shift > 0 ? 0u : (uint32_t)(-shift);
  const int32_t shifted = (int32_t)((uint32_t)x << left);
  return kws_rounding_divide_by_power(kws_rounding_doubling_high_mul(shifted, multiplier), right);
}

/* The same for a right shift in [1, 22], with the output's zero point folded into `rounding`:
 *   rounding = (2 * zero_point + 1) << (right_shift - 1).
 * Takes twice the accumulator, which must fit in 32 bits; saturates to int8. */
static inline int8_t kws_requantize(int32_t doubled, int32_t multiplier, int32_t rounding, uint32_t right_shift) {
  const int32_t high = kws_smmulr(doubled, multiplier);
  return (int8_t)kws_saturate_int8((high + (high >> 31) + rounding) >> right_shift);
}

/* `rounding` of kws_requantize. */
static inline int32_t kws_rounding(int32_t zero_point, uint32_t right_shift) {
  return (int32_t)((uint32_t)(2 * zero_point + 1) << (right_shift - 1u));
}

static inline int8_t kws_clamp_int8(int32_t x, int32_t low, int32_t high) {
  if (x < low) {
    return (int8_t)low;
  }
  return (int8_t)(x > high ? high : x);
}

/* A rescaled value with its zero point added (wrapping, as TFLM's addition does in practice) and saturated to int8. */
static inline int8_t kws_offset(int32_t scaled, int32_t zero_point) {
  return kws_clamp_int8((int32_t)((uint32_t)scaled + (uint32_t)zero_point), -128, 127);
}

#endif
