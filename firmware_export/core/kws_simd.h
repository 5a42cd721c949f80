/* The few Armv7E-M DSP instructions that the kernels use, under one name each.
 *
 * KWS_SIMD is 1 where they exist (Cortex-M4, M7, M33, M55 ...) and 0 elsewhere, on big-endian cores, whose words hold
 * their bytes in another order, and in compilers that do not read gcc's assembly; the kernels then take their portable
 * form. -DKWS_SIMD_EMULATION compiles the DSP form against plain C equivalents, which is how a host tests it;
 * -DKWS_PORTABLE forces the portable form on a core that has the instructions. Both forms give equal results. */
#ifndef KWS_SIMD_H
#define KWS_SIMD_H

#include <stdint.h>

#if defined(KWS_SIMD_EMULATION)
#define KWS_SIMD 1
#elif defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && !defined(__ARM_ARCH_ISA_ARM) && !defined(__ARM_BIG_ENDIAN) && \
    !defined(KWS_PORTABLE)
#define KWS_SIMD 1
#include <arm_acle.h>
#else
#define KWS_SIMD 0
#endif

#if KWS_SIMD && !defined(KWS_SIMD_EMULATION)

/* A function whose body is assembly from its first instruction to its return. Assembly outside of a function would not
 * do: in objects for link-time optimization gcc lists no symbols of it, so that linkers do not find them in archives.
 * gcc also must not conclude from such a body which arguments and registers it leaves alone. */
#if defined(__clang__)
#define KWS_ASSEMBLY __attribute__((naked, noinline, aligned(4)))
#elif __GNUC__ >= 8
#define KWS_ASSEMBLY __attribute__((naked, noipa, aligned(4)))
#else
#define KWS_ASSEMBLY __attribute__((naked, noinline, noclone, aligned(4)))
#endif
#define KWS_UNUSED __attribute__((unused))

/* Bytes 0 and 2 of `x`, sign-extended into two halfwords. */
static inline uint32_t kws_sxtb16(uint32_t x) { return (uint32_t)__sxtb16((int8x4_t)x); }

/* Bytes 1 and 3 of `x`, sign-extended into two halfwords. */
static inline uint32_t kws_sxtb16_odd(uint32_t x) {
  uint32_t result;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(x));
  return result;
}

/* Both halfwords of `sums` plus bytes 0 and 2 of `x`, or bytes 1 and 3. */
static inline uint32_t kws_sxtab16(uint32_t sums, uint32_t x) {
  return (uint32_t)__sxtab16((int16x2_t)sums, (int8x4_t)x);
}
static inline uint32_t kws_sxtab16_odd(uint32_t sums, uint32_t x) {
  uint32_t result;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(sums), "r"(x));
  return result;
}

/* `sum` plus both products of the halfwords of `x` and `y`. */
static inline int32_t kws_smlad(uint32_t x, uint32_t y, int32_t sum) {
  return __smlad((int16x2_t)x, (int16x2_t)y, sum);
}

/* `sum` plus one product of a low (b) or high (t) halfword of `x` and one of `y`. */
static inline int32_t kws_smlabb(uint32_t x, uint32_t y, int32_t sum) { return __smlabb((int32_t)x, (int32_t)y, sum); }
static inline int32_t kws_smlabt(uint32_t x, uint32_t y, int32_t sum) { return __smlabt((int32_t)x, (int32_t)y, sum); }
static inline int32_t kws_smlatb(uint32_t x, uint32_t y, int32_t sum) { return __smlatb((int32_t)x, (int32_t)y, sum); }
static inline int32_t kws_smlatt(uint32_t x, uint32_t y, int32_t sum) { return __smlatt((int32_t)x, (int32_t)y, sum); }

/* (x * y + 2^31) >> 32; ACLE has no name for this and the next, or one that -Wconversion refuses. */
static inline int32_t kws_smmulr(int32_t x, int32_t y) {
  int32_t result;
  __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(x), "r"(y));
  return result;
}

static inline int32_t kws_saturate_int8(int32_t x) {
  int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x) : "cc");
  return result;
}

#else

static inline int32_t kws_smmulr(int32_t x, int32_t y) {
  return (int32_t)(((int64_t)x * y + ((int64_t)1 << 31)) >> 32);
}

static inline int32_t kws_saturate_int8(int32_t x) {
  if (x < -128) {
    return -128;
  }
  return x > 127 ? 127 : x;
}

#endif

#if defined(KWS_SIMD_EMULATION)

static inline int32_t kws_low_half(uint32_t x) { return (int16_t)(uint16_t)(x & 0xFFFFu); }
static inline int32_t kws_high_half(uint32_t x) { return (int16_t)(uint16_t)(x >> 16); }

static inline uint32_t kws_sxtb16(uint32_t x) {
  const uint32_t low = (uint32_t)(int32_t)(int8_t)(uint8_t)(x & 0xFFu);
  const uint32_t high = (uint32_t)(int32_t)(int8_t)(uint8_t)((x >> 16) & 0xFFu);
  return (low & 0xFFFFu) | (high << 16);
}
static inline uint32_t kws_sxtb16_odd(uint32_t x) { return kws_sxtb16(x >> 8); }

static inline uint32_t kws_sxtab16(uint32_t sums, uint32_t x) {
  const uint32_t bytes = kws_sxtb16(x);
  return ((sums + bytes) & 0xFFFFu) | (((sums >> 16) + (bytes >> 16)) << 16);
}
static inline uint32_t kws_sxtab16_odd(uint32_t sums, uint32_t x) { return kws_sxtab16(sums, x >> 8); }

static inline int32_t kws_smlabb(uint32_t x, uint32_t y, int32_t sum) {
  return sum + kws_low_half(x) * kws_low_half(y);
}
static inline int32_t kws_smlabt(uint32_t x, uint32_t y, int32_t sum) {
  return sum + kws_low_half(x) * kws_high_half(y);
}
static inline int32_t kws_smlatb(uint32_t x, uint32_t y, int32_t sum) {
  return sum + kws_high_half(x) * kws_low_half(y);
}
static inline int32_t kws_smlatt(uint32_t x, uint32_t y, int32_t sum) {
  return sum + kws_high_half(x) * kws_high_half(y);
}
static inline int32_t kws_smlad(uint32_t x, uint32_t y, int32_t sum) { return kws_smlatt(x, y, kws_smlabb(x, y, sum)); }

#endif

#endif
