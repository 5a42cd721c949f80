/* The fixed-point operations that the front end is specified in. Every one is exact: the portable form and the
 * Armv7E-M DSP form give the same bits. Right shifts of negative numbers are arithmetic, as in gcc and clang. */
#ifndef KWS_FIXED_POINT_H
#define KWS_FIXED_POINT_H

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "kws_complex.h"

#if INT_MAX < 2147483647
#error "products of int16_t are computed as int, which must have 32 bits"
#endif

/* The DSP instructions of Armv7E-M and Armv8-M, where a compiler reads gcc's assembly; in A32 code, as on older
 * Raspberry Pis, LDRD wants paired registers. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && !defined(__ARM_BIG_ENDIAN) &&            \
    !defined(KWS_FRONTEND_NO_DSP)
#define KWS_FRONTEND_USE_DSP 1
#else
#define KWS_FRONTEND_USE_DSP 0
#endif

#if KWS_FRONTEND_USE_DSP
#include <arm_acle.h>
#endif

/* Where a span is a constant of the plan, offsets become part of the instructions. */
#if defined(__GNUC__)
#define KWS_ALWAYS_INLINE __attribute__((always_inline))
#else
#define KWS_ALWAYS_INLINE
#endif

/* Two neighbouring int16, the first in the lower half. `pair` need not be aligned; a system that traps unaligned loads
 * (CCR.UNALIGN_TRP) compiles everything with -mno-unaligned-access, and this too is then made of aligned ones. */
static inline int32_t kws_load_pair(const int16_t *pair) {
  int32_t word;
  memcpy(&word, pair, sizeof word);
  return word;
}

#if KWS_FRONTEND_USE_DSP

/* base[index] in one instruction for both parts, which compilers do not find by themselves. */
static inline KWS_ALWAYS_INLINE kws_complex kws_load_complex(const kws_complex *base, uint32_t index) {
  kws_complex value;
  if (__builtin_constant_p(index) && index < 128u) {
    __asm__("ldrd %0, %1, [%2, %3]" : "=r"(value.re), "=r"(value.im) : "r"(base), "i"(8u * index), "m"(base[index]));
  } else {
    __asm__("ldrd %0, %1, [%2]" : "=r"(value.re), "=r"(value.im) : "r"(base + index), "m"(base[index]));
  }
  return value;
}

static inline KWS_ALWAYS_INLINE void kws_store_complex(kws_complex *base, uint32_t index, int32_t re, int32_t im) {
  if (__builtin_constant_p(index) && index < 128u) {
    __asm__("strd %1, %2, [%3, %4]" : "=m"(base[index]) : "r"(re), "r"(im), "r"(base), "i"(8u * index));
  } else {
    __asm__("strd %1, %2, [%3]" : "=m"(base[index]) : "r"(re), "r"(im), "r"(base + index));
  }
}

/* The number under the cursor, which then moves by `step` numbers. */
static inline KWS_ALWAYS_INLINE kws_complex kws_walk_complex(const kws_complex **cursor, int32_t step) {
  kws_complex value;
  if (__builtin_constant_p(step)) {
    __asm__("ldrd %0, %1, [%2], %3" : "=&r"(value.re), "=&r"(value.im), "+r"(*cursor) : "i"(8 * step), "m"(**cursor));
  } else {
    value = kws_load_complex(*cursor, 0);
    *cursor += step;
  }
  return value;
}

/* ACLE has no names for the rounded upper half of a product. */
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

static inline kws_complex kws_load_complex(const kws_complex *base, uint32_t index) { return base[index]; }

static inline kws_complex kws_walk_complex(const kws_complex **cursor, int32_t step) {
  const kws_complex value = **cursor;
  *cursor += step;
  return value;
}

static inline void kws_store_complex(kws_complex *base, uint32_t index, int32_t re, int32_t im) {
  base[index].re = re;
  base[index].im = im;
}

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

/* base[index] = re, without an imaginary part */
static inline void kws_store_real(kws_complex *base, uint32_t index, int32_t re) {
  base[index].re = re;
  base[index].im = 0;
}

static inline KWS_ALWAYS_INLINE kws_rotation kws_load_rotation(const kws_rotation *base, uint32_t index) {
  return kws_load_complex(base, index);
}

static inline KWS_ALWAYS_INLINE kws_rotation kws_walk_rotation(const kws_rotation **cursor, int32_t step) {
  return kws_walk_complex(cursor, step);
}

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

/* value >> shift, where the tables make sure that it fits; shift is 1 to 31. */
static inline int32_t kws_shift_right(int64_t value, uint32_t shift) {
  return (int32_t)(((uint32_t)value >> shift) | ((uint32_t)((uint64_t)value >> 32) << (32u - shift)));
}

/* `value` as int8, the nearest one where it is beyond. */
static inline int8_t kws_clip_int8(int32_t value) {
#if KWS_FRONTEND_USE_DSP
  int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value));
  return (int8_t)result;
#else
  return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
#endif
}

#endif
