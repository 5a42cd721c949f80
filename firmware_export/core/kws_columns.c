#include "kws_columns.h"

#include <string.h>

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
  if (count > 0u) widen_word(kws_load_bytes(from, count), columns);
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

#endif

void kws_multiply_columns(const kws_conv_op *op, const kws_column *columns, uint32_t words, int8_t *output,
                          uint32_t count) {
  const uint32_t channels = op->window.output_channels;
  const uint32_t *weights = op->weights;
  for (uint32_t c = 0; c < channels; c += 2u) {
    const int two = c + 1u < channels;
    const int32_t a = kws_bias_of(op->bias_and_shift[c]);
    const int32_t both = two ? a + kws_bias_of(op->bias_and_shift[c + 1u]) * 256 : a;
    const uint32_t *end = weights + words;
    int8_t *to = output + c;
#if KWS_SIMD
    int32_t sums[2 * KWS_COLUMNS] = {a, a, a, a, both, both, both, both};
    kws_multiply_block(weights, columns, end, sums);
    const kws_scaling scaling_a = kws_scaling_of(op, c);
    const kws_scaling scaling_b = kws_scaling_of(op, two ? c + 1u : c);
    for (uint32_t pixel = 0; pixel < count; ++pixel) {
      to[0] = kws_finish(sums[pixel] * 2, scaling_a);
      if (two) to[1] = kws_finish(kws_doubled_b(sums[KWS_COLUMNS + pixel], sums[pixel]), scaling_b);
      to += channels;
    }
#else
    (void)count;
    int32_t sums[2] = {a, both};
    kws_multiply_block(weights, columns, end, sums);
    to[0] = kws_finish(sums[0] * 2, kws_scaling_of(op, c));
    if (two) to[1] = kws_finish(kws_doubled_b(sums[1], sums[0]), kws_scaling_of(op, c + 1u));
#endif
    weights = end;
  }
}
