/* The fixed-point operations that the front end is specified in. Every one is exact: the portable form and the
 * Armv7E-M DSP form give the same bits. Right shifts of negative numbers are arithmetic, as in gcc and clang. */
#ifndef KWS_FIXED_POINT_H
#define KWS_FIXED_POINT_H

#include <stdint.h>
#include <string.h>

#include "kws_frontend_config.h"

#if KWS_FRONTEND_USE_DSP
#include <arm_acle.h>
#endif

typedef struct {
  int32_t re;
  int32_t im;
} kws_complex;

/* Two neighbouring int16, the first in the lower half; `pair` need not be aligned. */
static inline int32_t kws_load_pair(const int16_t *pair) {
  int32_t word;
  memcpy(&word, pair, sizeof word);
  return word;
}

#if KWS_FRONTEND_USE_DSP

/* ACLE has no name for these three instructions. */
static inline int32_t kws_multiply_high(int32_t a, int32_t b) {
  int32_t result;
  __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}

static inline int32_t kws_add_multiply_high(int32_t sum, int32_t a, int32_t b) {
  int32_t result;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}

static inline int32_t kws_subtract_multiply_high(int32_t sum, int32_t a, int32_t b) {
  int32_t result;
  __asm__("smmlsr %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}

/* (a * lower half of pair) >> 16 and (a * upper half of pair) >> 16. */
static inline int32_t kws_multiply_q16_low(int32_t a, int32_t pair) {
  int32_t result;
  __asm__("smulwb %0, %1, %2" : "=r"(result) : "r"(a), "r"(pair));
  return result;
}

static inline int32_t kws_multiply_q16_high(int32_t a, int32_t pair) {
  int32_t result;
  __asm__("smulwt %0, %1, %2" : "=r"(result) : "r"(a), "r"(pair));
  return result;
}

static inline int32_t kws_multiply_q16(int32_t a, int16_t b) { return kws_multiply_q16_low(a, b); }

#else

/* Upper half of the product, rounded half up. */
static inline int32_t kws_multiply_high(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + 0x80000000LL) >> 32);
}

/* sum + upper half of the product, rounded half up. */
static inline int32_t kws_add_multiply_high(int32_t sum, int32_t a, int32_t b) {
  return sum + (int32_t)(((int64_t)a * b + 0x80000000LL) >> 32);
}

/* sum + upper half of the negative product, rounded half up. */
static inline int32_t kws_subtract_multiply_high(int32_t sum, int32_t a, int32_t b) {
  return sum + (int32_t)((0x80000000LL - (int64_t)a * b) >> 32);
}

/* (a * b) >> 16, rounded down. */
static inline int32_t kws_multiply_q16(int32_t a, int16_t b) { return (int32_t)(((int64_t)a * b) >> 16); }

#endif

/* Leading zeros of a value that is not 0. */
static inline uint32_t kws_leading_zeros(uint32_t value) {
#if defined(__GNUC__)
  return (uint32_t)__builtin_clz(value);
#else
  uint32_t zeros = 0;
  for (uint32_t width = 16; width != 0; width >>= 1) {
    if ((value >> (32u - width)) == 0) {
      zeros += width;
      value <<= width;
    }
  }
  return zeros;
#endif
}

/* `value` as int8, the nearest one where it is beyond. */
static inline int8_t kws_clip_int8(int64_t value) { return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value); }

#endif
