/* Depthwise convolution of any window, stride and dilation with one filter a channel, four channels side by side.
 *
 * Where the taps of an output pixel lie is worked out once for all channels; a tap outside the image reads as the zero
 * point, so that its correction in the bias holds there too. */
#include <string.h>

#include "kws_kernels.h"
#include "kws_requantize.h"
#include "kws_simd.h"

#define OUTSIDE 0xFFFFFFFFu

/* Byte offsets of the taps of output pixel (row, column), or OUTSIDE. */
static void locate_taps(const kws_window *w, int32_t row, int32_t column, uint32_t *offsets) {
  int32_t y = row * w->stride_height - w->pad_top;
  for (uint32_t i = 0; i < w->kernel_height; ++i) {
    const int inside = y >= 0 && y < (int32_t)w->input_height;
    int32_t x = column * w->stride_width - w->pad_left;
    for (uint32_t j = 0; j < w->kernel_width; ++j) {
      const uint32_t pixel = (uint32_t)y * w->input_width + (uint32_t)x;
      *offsets++ = inside && x >= 0 && x < (int32_t)w->input_width ? pixel * w->input_channels : OUTSIDE;
      x += w->dilation_width;
    }
    y += w->dilation_height;
  }
}

static int8_t finish(const kws_depthwise_lanes_op *op, uint32_t channel, int32_t sum) {
  const uint32_t shift = kws_shift_of(op->bias_and_shift[channel]);
  return kws_requantize(sum * 2, op->multiplier[channel], kws_rounding(op->output_zero_point, shift), shift);
}

static int8_t one_channel(const kws_depthwise_lanes_op *op, uint32_t channel, const int8_t *input,
                          const uint32_t *offsets, uint32_t taps) {
  const uint32_t channels = op->window.input_channels;
  const int8_t *weight = op->weights + channel;
  int32_t sum = kws_bias_of(op->bias_and_shift[channel]);
  input += channel;
  for (uint32_t i = 0; i < taps; ++i) {
    const int32_t value = offsets[i] == OUTSIDE ? op->input_zero_point : input[offsets[i]];
    sum += *weight * value;
    weight += channels;
  }
  return finish(op, channel, sum);
}

#if KWS_SIMD
static void four_channels(const kws_depthwise_lanes_op *op, uint32_t channel, const int8_t *input,
                          const uint32_t *offsets, uint32_t taps, int8_t *output) {
  const uint32_t channels = op->window.input_channels;
  const uint32_t outside = (uint8_t)op->input_zero_point * 0x01010101u;
  const int32_t *bias = op->bias_and_shift + channel;
  const int8_t *weight = op->weights + channel;
  const uint32_t *const end = offsets + taps;
  int32_t sum0 = kws_bias_of(bias[0]), sum1 = kws_bias_of(bias[1]);
  int32_t sum2 = kws_bias_of(bias[2]), sum3 = kws_bias_of(bias[3]);
  input += channel;
  do {
    const uint32_t offset = *offsets++;
    uint32_t values = outside, weights;
    if (offset != OUTSIDE) memcpy(&values, input + offset, 4);
    memcpy(&weights, weight, 4);
    weight += channels;
    {
      const uint32_t even = kws_sxtb16(values), even_weights = kws_sxtb16(weights);
      const uint32_t odd = kws_sxtb16_odd(values), odd_weights = kws_sxtb16_odd(weights);
      sum0 = kws_smlabb(even, even_weights, sum0);
      sum1 = kws_smlabb(odd, odd_weights, sum1);
      sum2 = kws_smlatt(even, even_weights, sum2);
      sum3 = kws_smlatt(odd, odd_weights, sum3);
    }
  } while (offsets != end);
  output[0] = finish(op, channel, sum0);
  output[1] = finish(op, channel + 1u, sum1);
  output[2] = finish(op, channel + 2u, sum2);
  output[3] = finish(op, channel + 3u, sum3);
}
#endif

void kws_depthwise_lanes(const kws_depthwise_lanes_op *op, const int8_t *input, int8_t *output, void *scratch) {
  const kws_window *w = &op->window;
  const uint32_t taps = (uint32_t)w->kernel_height * w->kernel_width;
  uint32_t *offsets = (uint32_t *)scratch;
  for (int32_t row = 0; row < (int32_t)w->output_height; ++row) {
    for (int32_t column = 0; column < (int32_t)w->output_width; ++column) {
      uint32_t c = 0;
      locate_taps(w, row, column, offsets);
#if KWS_SIMD
      for (; c + 4u <= w->input_channels; c += 4u) four_channels(op, c, input, offsets, taps, output + c);
#endif
      for (; c < w->input_channels; ++c) output[c] = one_channel(op, c, input, offsets, taps);
      output += w->input_channels;
    }
  }
}
