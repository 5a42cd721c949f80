#include "kws_columns.h"

#include <string.h>

#include "kws_requantize.h"
#include "kws_simd.h"

static uint32_t load_bytes(const int8_t *from, uint32_t count) {
  uint32_t word = 0;
  for (uint32_t i = 0; i < count; ++i) word |= (uint32_t)(uint8_t)from[i] << (8u * i);
  return word;
}

#if KWS_SIMD

static void widen_word(uint32_t word, kws_column *column) {
  column[0] = kws_sxtb16(word);
  column[KWS_COLUMNS] = kws_sxtb16_odd(word);
}

void kws_widen(const int8_t *from, uint32_t count, kws_column *columns, uint32_t pixel) {
  columns += pixel;
  while (count >= 4u) {
    uint32_t word;
    memcpy(&word, from, 4);
    widen_word(word, columns);
    from += 4;
    columns += 2 * KWS_COLUMNS;
    count -= 4u;
  }
  if (count > 0u) widen_word(load_bytes(from, count), columns);
}

static void accumulate(const uint32_t *weights, uint32_t word, int32_t *sum_a, int32_t *sum_both) {
  const uint32_t even = kws_sxtb16(word), odd = kws_sxtb16_odd(word);
  *sum_both = kws_smlad(weights[0], even, *sum_both);
  *sum_a = kws_smlad(kws_sxtb16(weights[0]), even, *sum_a);
  *sum_both = kws_smlad(weights[1], odd, *sum_both);
  *sum_a = kws_smlad(kws_sxtb16(weights[1]), odd, *sum_a);
}

#else

void kws_widen(const int8_t *from, uint32_t count, kws_column *columns, uint32_t pixel) {
  (void)pixel;
  while (count >= 4u) {
    columns[0] = from[0];
    columns[1] = from[2];
    columns[2] = from[1];
    columns[3] = from[3];
    from += 4;
    columns += 4;
    count -= 4u;
  }
  if (count > 0u) {
    columns[0] = from[0];
    columns[1] = count > 2u ? from[2] : 0;
    columns[2] = count > 1u ? from[1] : 0;
    columns[3] = 0;
  }
}

static void accumulate(const uint32_t *weights, uint32_t word, int32_t *sum_a, int32_t *sum_both) {
  for (uint32_t i = 0; i < 2u; ++i) {
    const int32_t low = (int16_t)(uint16_t)(weights[i] & 0xFFFFu);
    const int32_t high = (int32_t)weights[i] >> 16;
    const int32_t x_low = (int8_t)(uint8_t)((word >> (8u * i)) & 0xFFu);
    const int32_t x_high = (int8_t)(uint8_t)((word >> (8u * i + 16u)) & 0xFFu);
    *sum_a += (int8_t)(uint8_t)((uint32_t)low & 0xFFu) * x_low + (int8_t)(uint8_t)((uint32_t)high & 0xFFu) * x_high;
    *sum_both += low * x_low + high * x_high;
  }
}

#endif

/* What the outputs of one channel share. */
typedef struct {
  int32_t multiplier;
  int32_t rounding;
  uint32_t shift;
} kws_scaling;

static kws_scaling scaling_of(const kws_conv_op *op, uint32_t channel) {
  kws_scaling scaling;
  scaling.multiplier = op->multiplier[channel];
  scaling.shift = kws_shift_of(op->bias_and_shift[channel]);
  scaling.rounding = kws_rounding(op->output_zero_point, scaling.shift);
  return scaling;
}

static int8_t finish(int32_t doubled, kws_scaling scaling) {
  return kws_requantize(doubled, scaling.multiplier, scaling.rounding, scaling.shift);
}

/* The sum of channel B from those of A and of 256 * B + A: the difference is 256 * B, and seven bits fewer double B. */
static int32_t doubled_b(int32_t sum_both, int32_t sum_a) { return (sum_both - sum_a) >> 7; }

void kws_multiply_columns(const kws_conv_op *op, const kws_column *columns, uint32_t words, int8_t *output) {
  const uint32_t channels = op->window.output_channels;
  const uint32_t *weights = op->weights;
  for (uint32_t c = 0; c < channels; c += 2u) {
    const int two = c + 1u < channels;
    const int32_t a = kws_bias_of(op->bias_and_shift[c]);
    const int32_t both = two ? a + kws_bias_of(op->bias_and_shift[c + 1u]) * 256 : a;
    const uint32_t *end = weights + words;
    int8_t *to = output + c;
#if KWS_SIMD
    /* loops over the four pixels, unrolled by hand: compilers leave them rolled at -O2 */
    int32_t sums[2 * KWS_COLUMNS] = {a, a, a, a, both, both, both, both};
    kws_multiply_block(weights, columns, end, sums);
    {
      const kws_scaling scaling = scaling_of(op, c);
      to[0] = finish(sums[0] * 2, scaling);
      to += channels;
      to[0] = finish(sums[1] * 2, scaling);
      to += channels;
      to[0] = finish(sums[2] * 2, scaling);
      to += channels;
      to[0] = finish(sums[3] * 2, scaling);
    }
    if (two) {
      const kws_scaling scaling = scaling_of(op, c + 1u);
      to = output + c + 1u;
      to[0] = finish(doubled_b(sums[4], sums[0]), scaling);
      to += channels;
      to[0] = finish(doubled_b(sums[5], sums[1]), scaling);
      to += channels;
      to[0] = finish(doubled_b(sums[6], sums[2]), scaling);
      to += channels;
      to[0] = finish(doubled_b(sums[7], sums[3]), scaling);
    }
#else
    int32_t sums[2] = {a, both};
    kws_multiply_block(weights, columns, end, sums);
    to[0] = finish(sums[0] * 2, scaling_of(op, c));
    if (two) to[1] = finish(doubled_b(sums[1], sums[0]), scaling_of(op, c + 1u));
#endif
    weights = end;
  }
}

void kws_multiply_bytes(const kws_conv_op *op, const int8_t *from, uint32_t depth, int8_t *output) {
  const uint32_t channels = op->window.output_channels;
  const uint32_t *weights = op->weights;
  for (uint32_t c = 0; c < channels; c += 2u) {
    const int two = c + 1u < channels;
    int32_t sum_a = kws_bias_of(op->bias_and_shift[c]);
    int32_t sum_both = two ? sum_a + kws_bias_of(op->bias_and_shift[c + 1u]) * 256 : sum_a;
    const int8_t *bytes = from;
    uint32_t left = depth;
    for (; left >= 4u; left -= 4u) {
      uint32_t word;
      memcpy(&word, bytes, 4);
      accumulate(weights, word, &sum_a, &sum_both);
      weights += 2;
      bytes += 4;
    }
    if (left > 0u) {
      accumulate(weights, load_bytes(bytes, left), &sum_a, &sum_both);
      weights += 2;
    }
    output[c] = finish(sum_a * 2, scaling_of(op, c));
    if (two) output[c + 1u] = finish(doubled_b(sum_both, sum_a), scaling_of(op, c + 1u));
  }
}
