/* What CMSIS-DSP expects of CMSIS-Core's header of this name, which its package does not hold: attributes, and the
 * DSP instructions by their CMSIS names, here through ACLE (Arm C Language Extensions, sections 8.4 and 9). */
#ifndef CMSIS_COMPILER_H
#define CMSIS_COMPILER_H

#include <arm_acle.h>
#include <stdint.h>

#define __ASM __asm
#define __ALIGNED(x) __attribute__((aligned(x)))
#define __INLINE inline
#define __STATIC_INLINE static inline
#define __STATIC_FORCEINLINE static inline __attribute__((always_inline))
#define __WEAK __attribute__((weak))

/* gcc 12's ACLE lacks these two; it makes one CLZ and one ROR of what stands here */
static inline __attribute__((always_inline)) uint8_t __CLZ(uint32_t x) {
  return x == 0U ? 32U : (uint8_t)__builtin_clz(x);
}
static inline __attribute__((always_inline)) uint32_t __ROR(uint32_t x, uint32_t bits) {
  return (x >> (bits & 31U)) | (x << (-bits & 31U));
}

#define __SSAT(x, bits) __ssat((x), (bits))
#define __USAT(x, bits) __usat((x), (bits))

#define __QADD(x, y) __qadd((int32_t)(x), (int32_t)(y))
#define __QSUB(x, y) __qsub((int32_t)(x), (int32_t)(y))
#define __QADD16(x, y) ((uint32_t)__qadd16((int16x2_t)(x), (int16x2_t)(y)))
#define __QSUB16(x, y) ((uint32_t)__qsub16((int16x2_t)(x), (int16x2_t)(y)))
#define __QASX(x, y) ((uint32_t)__qasx((int16x2_t)(x), (int16x2_t)(y)))
#define __QSAX(x, y) ((uint32_t)__qsax((int16x2_t)(x), (int16x2_t)(y)))
#define __SHADD16(x, y) ((uint32_t)__shadd16((int16x2_t)(x), (int16x2_t)(y)))
#define __SHSUB16(x, y) ((uint32_t)__shsub16((int16x2_t)(x), (int16x2_t)(y)))
#define __SHASX(x, y) ((uint32_t)__shasx((int16x2_t)(x), (int16x2_t)(y)))
#define __SHSAX(x, y) ((uint32_t)__shsax((int16x2_t)(x), (int16x2_t)(y)))
#define __SMUAD(x, y) ((uint32_t)__smuad((int16x2_t)(x), (int16x2_t)(y)))
#define __SMUADX(x, y) ((uint32_t)__smuadx((int16x2_t)(x), (int16x2_t)(y)))
#define __SMUSD(x, y) ((uint32_t)__smusd((int16x2_t)(x), (int16x2_t)(y)))
#define __SMUSDX(x, y) ((uint32_t)__smusdx((int16x2_t)(x), (int16x2_t)(y)))
#define __SMLAD(x, y, sum) ((uint32_t)__smlad((int16x2_t)(x), (int16x2_t)(y), (int32_t)(sum)))
#define __SMLADX(x, y, sum) ((uint32_t)__smladx((int16x2_t)(x), (int16x2_t)(y), (int32_t)(sum)))
#define __SMLSDX(x, y, sum) ((uint32_t)__smlsdx((int16x2_t)(x), (int16x2_t)(y), (int32_t)(sum)))
#define __SMLALD(x, y, sum) ((uint64_t)__smlald((int16x2_t)(x), (int16x2_t)(y), (int64_t)(sum)))
#define __SMLALDX(x, y, sum) ((uint64_t)__smlaldx((int16x2_t)(x), (int16x2_t)(y), (int64_t)(sum)))

/* the compiler makes one PKHBT or PKHTB of these */
#define __PKHBT(x, y, bits) (((uint32_t)(x) & 0xFFFFU) | (((uint32_t)(y) << (bits)) & 0xFFFF0000U))
#define __PKHTB(x, y, bits) (((uint32_t)(x) & 0xFFFF0000U) | (((uint32_t)((int32_t)(y) >> (bits))) & 0xFFFFU))
#define __SXTB16(x) ((uint32_t)__sxtb16((int8x4_t)(x)))

#endif
