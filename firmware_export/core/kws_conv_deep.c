/* Convolution on packed weights, pixel by pixel straight from bytes: where four columns of inputs would take too much.
 */
#include "kws_columns.h"
#include "kws_gather.h"
#include "kws_kernels.h"

#if KWS_SIMD

static void accumulate(const uint32_t *weights, uint32_t word, int32_t *sum_a, int32_t *sum_both) {
  const uint32_t even = kws_sxtb16(word), odd = kws_sxtb16_odd(word);
  *sum_both = kws_smlad(weights[0], even, *sum_both);
  *sum_a = kws_smlad(kws_sxtb16(weights[0]), even, *sum_a);
  *sum_both = kws_smlad(weights[1], odd, *sum_both);
  *sum_a = kws_smlad(kws_sxtb16(weights[1]), odd, *sum_a);
}

#else

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

static void multiply_bytes(const kws_conv_op *op, const int8_t *from, uint32_t depth, int8_t *output) {
  const uint32_t channels = op->window.output_channels;
  const uint32_t *weights = op->weights;
  for (uint32_t c = 0; c < channels; c += 2u) {
    const int two = c + 1u < channels;
    int32_t sum_a = kws_bias_of(op->bias_and_shift[c]);
    int32_t sum_both = two ? sum_a + kws_bias_of(op->bias_and_shift[c + 1u]) * 256 : sum_a;
    const int8_t *bytes = from;
    uint32_t left = depth;
    for (; left >= 4u; left -= 4u) {
      accumulate(weights, kws_load_four(bytes), &sum_a, &sum_both);
      weights += 2;
      bytes += 4;
    }
    if (left > 0u) {
      accumulate(weights, kws_load_bytes(bytes, left), &sum_a, &sum_both);
      weights += 2;
    }
    output[c] = kws_finish(sum_a * 2, kws_scaling_of(op, c));
    if (two) output[c + 1u] = kws_finish(kws_doubled_b(sum_both, sum_a), kws_scaling_of(op, c + 1u));
  }
}

void kws_conv_deep(const kws_conv_op *op, const int8_t *input, int8_t *output, void *scratch) {
  const kws_window *w = &op->window;
  const uint32_t depth = kws_depth_of(w);
  const uint32_t pixels = (uint32_t)w->output_height * w->output_width;
  const int dense = kws_is_dense(w);
  int8_t *patch = (int8_t *)scratch;
  for (uint32_t done = 0; done < pixels; ++done) {
    const uint32_t pixel = op->bottom_up ? pixels - 1u - done : done;
    const int8_t *from = patch;
    if (dense) {
      from = input + pixel * depth;
    } else {
      kws_gather(op, input, pixel, patch);
    }
    multiply_bytes(op, from, depth, output + pixel * w->output_channels);
  }
}
