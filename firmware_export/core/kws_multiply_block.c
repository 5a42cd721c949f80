/* See kws_multiply_block.h. The loop keeps eight sums, two pointers and four values in fourteen registers, one more
 * than compilers manage without spilling a sum in every turn; hence assembly, one instruction a line. */
#include "kws_multiply_block.h"

#if KWS_SIMD && !defined(KWS_SIMD_EMULATION)

/* r0 weights, r1 columns, [sp] end, r4-r7 sums of A, r8-r11 sums of both; 12 instructions for 16 products */
#define ONE_WORD                                                                                                       \
  "ldr    r2, [r0], #4\n"                                                                                              \
  "ldrd   r3, r12, [r1], #8\n"                                                                                         \
  "smlad  r8, r2, r3, r8\n"                                                                                            \
  "smlad  r9, r2, r12, r9\n"                                                                                           \
  "sxtb16 lr, r2\n"                                                                                                    \
  "smlad  r4, lr, r3, r4\n"                                                                                            \
  "smlad  r5, lr, r12, r5\n"                                                                                           \
  "ldrd   r3, r12, [r1], #8\n"                                                                                         \
  "smlad  r10, r2, r3, r10\n"                                                                                          \
  "smlad  r11, r2, r12, r11\n"                                                                                         \
  "smlad  r6, lr, r3, r6\n"                                                                                            \
  "smlad  r7, lr, r12, r7\n"

KWS_ASSEMBLY void kws_multiply_block(const uint32_t *weights KWS_UNUSED, const kws_column *columns KWS_UNUSED,
                                     const uint32_t *end KWS_UNUSED, int32_t *sums KWS_UNUSED) {
  __asm__(".syntax unified\n"
          "push   {r2, r3, r4-r11, r12, lr}\n"
          "ldm    r3, {r4-r11}\n"
          "subs   r2, r2, r0\n" /* bytes of weights: a multiple of 8, and of 16 if four words a turn come out even */
          "tst    r2, #8\n"
          "bne    2f\n"
          "1:\n" ONE_WORD ONE_WORD "2:\n" ONE_WORD ONE_WORD "ldr    r2, [sp]\n"
          "cmp    r0, r2\n"
          "bne    1b\n"
          "ldr    r3, [sp, #4]\n"
          "stm    r3, {r4-r11}\n"
          "pop    {r2, r3, r4-r11, r12, pc}\n");
}

#elif KWS_SIMD

void kws_multiply_block(const uint32_t *weights, const kws_column *columns, const uint32_t *end, int32_t *sums) {
  for (; weights != end; ++weights) {
    const uint32_t a = kws_sxtb16(*weights);
    for (uint32_t pixel = 0; pixel < 4u; ++pixel) {
      sums[pixel] = kws_smlad(a, columns[pixel], sums[pixel]);
      sums[4u + pixel] = kws_smlad(*weights, columns[pixel], sums[4u + pixel]);
    }
    columns += 4;
  }
}

#else

void kws_multiply_block(const uint32_t *weights, const kws_column *columns, const uint32_t *end, int32_t *sums) {
  int32_t sum_a = sums[0], sum_both = sums[1];
  do {
    const int32_t low = (int16_t)(uint16_t)(*weights & 0xFFFFu);
    const int32_t high = (int32_t)*weights >> 16;
    sum_a += (int8_t)(uint8_t)((uint32_t)low & 0xFFu) * columns[0];
    sum_both += low * columns[0];
    sum_a += (int8_t)(uint8_t)((uint32_t)high & 0xFFu) * columns[1];
    sum_both += high * columns[1];
    columns += 2;
    ++weights;
  } while (weights != end);
  sums[0] = sum_a;
  sums[1] = sum_both;
}

#endif
