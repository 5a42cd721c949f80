/* Fixed-point rescaling, rounded exactly as TensorFlow Lite Micro rounds (gemmlowp's definitions).
 *
 * A real factor is multiplier * 2^(shift - 31) with multiplier in [2^30, 2^31) or 0. TFLM rounds twice: once when the
 * 64-bit product is halved down to 32 bits (halves go up), once when that is shifted right (halves go away from zero).
 */
#ifndef KWS_REQUANTIZE_H
#define KWS_REQUANTIZE_H

#include <limits.h>
#include <stdint.h>

#include "kws_simd.h"

#if INT_MAX < 2147483647
#error "products of int16_t are computed as int, which must have 32 bits"
#endif

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

/* Cores that multiply 32 by 32 bits to 32 only (Cortex-M0, M0+, M23); -DKWS_SHORT_MULTIPLY=1 is for tests. */
#if !defined(KWS_SHORT_MULTIPLY)
#if defined(__ARM_ARCH_ISA_THUMB) && !defined(__ARM_ARCH_ISA_ARM)
#define KWS_SHORT_MULTIPLY (__ARM_ARCH_ISA_THUMB == 1)
#else
#define KWS_SHORT_MULTIPLY 0
#endif
#endif

/* (x * multiplier + 2^31) >> 32 for |x| < 2^26 and multiplier >= 0. */
static inline int32_t kws_high_product(int32_t x, int32_t multiplier) {
#if KWS_SHORT_MULTIPLY
  /* four products of 16 bits; the cross products, below 2^31 + 2^27 in magnitude, are kept positive by 2^27 */
  const int32_t x_high = x >> 16;
  const int32_t multiplier_high = multiplier >> 16;
  const uint32_t x_low = (uint32_t)x & 0xFFFFu;
  const uint32_t multiplier_low = (uint32_t)multiplier & 0xFFFFu;
  uint32_t cross = ((x_low * multiplier_low) >> 16) + ((1u << 27) + 0x8000u);
  cross += x_low * (uint32_t)multiplier_high;
  cross += (uint32_t)(x_high * (int32_t)multiplier_low);
  return x_high * multiplier_high + (int32_t)(cross >> 16) - (1 << 11);
#else
  return kws_smmulr(x, multiplier);
#endif
}

/* The same as kws_multiply_by_quantized_multiplier for a right shift in [1, 22], with the output's zero point folded
 * into `rounding`:
 *   rounding = (2 * zero_point + 1) << (right_shift - 1).
 * Takes twice the accumulator, below 2^26 in magnitude; saturates to int8. */
static inline int8_t kws_requantize(int32_t doubled, int32_t multiplier, int32_t rounding, uint32_t right_shift) {
  const int32_t high = kws_high_product(doubled, multiplier);
  return (int8_t)kws_saturate_int8((high - (high < 0 ? 1 : 0) + rounding) >> right_shift);
}

/* The two parts of a word of bias_and_shift (see kws_conv_op). */
static inline int32_t kws_bias_of(int32_t word) { return word >> 5; }
static inline uint32_t kws_shift_of(int32_t word) { return (uint32_t)word & 31u; }

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
