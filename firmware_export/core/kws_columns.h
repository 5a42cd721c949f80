/* Convolution's arithmetic: columns of widened inputs times packed weights (see kws_conv_op). */
#ifndef KWS_COLUMNS_H
#define KWS_COLUMNS_H

#include <stdint.h>
#include <string.h>

#include "kws_kernels.h"
#include "kws_multiply_block.h"
#include "kws_requantize.h"
#include "kws_simd.h"

/* Widens `count` bytes of pixel number `pixel` of KWS_COLUMNS into `columns`, in the order of the packed weights; what
 * is missing to a multiple of 4 is 0. */
void kws_widen(const int8_t *from, uint32_t count, kws_column *columns, uint32_t pixel);

/* The first `count` of KWS_COLUMNS output pixels from their columns; `words` of weights for each pair of channels. */
void kws_multiply_columns(const kws_conv_op *op, const kws_column *columns, uint32_t words, int8_t *output,
                          uint32_t count);

/* Up to four bytes as a word, the first lowest. */
static inline uint32_t kws_load_bytes(const int8_t *from, uint32_t count) {
  uint32_t word = 0;
  for (uint32_t i = 0; i < count; ++i) word |= (uint32_t)(uint8_t)from[i] << (8u * i);
  return word;
}

/* Four bytes as a word, the first lowest; in one load where memory is known to have that order. */
static inline uint32_t kws_load_four(const int8_t *from) {
#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  uint32_t word;
  memcpy(&word, from, sizeof word);
  return word;
#else
  return kws_load_bytes(from, 4u);
#endif
}

/* What the outputs of one channel share. */
typedef struct {
  int32_t multiplier;
  int32_t rounding;
  uint32_t shift;
} kws_scaling;

static inline kws_scaling kws_scaling_of(const kws_conv_op *op, uint32_t channel) {
  kws_scaling scaling;
  scaling.multiplier = op->multiplier[channel];
  scaling.shift = kws_shift_of(op->bias_and_shift[channel]);
  scaling.rounding = kws_rounding(op->output_zero_point, scaling.shift);
  return scaling;
}

static inline int8_t kws_finish(int32_t doubled, kws_scaling scaling) {
  return kws_requantize(doubled, scaling.multiplier, scaling.rounding, scaling.shift);
}

/* The sum of channel B from those of A and of 256 * B + A: the difference is 256 * B, and seven bits fewer double B. */
static inline int32_t kws_doubled_b(int32_t sum_both, int32_t sum_a) { return (sum_both - sum_a) >> 7; }

#endif
