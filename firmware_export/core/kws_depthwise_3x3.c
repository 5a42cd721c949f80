/* Depthwise 3x3, stride 1, one pixel of padding: each channel's plane is copied out, widened and framed with the zero
 * point, so that the window never meets an edge and the outputs can go where the inputs were. */
#include "kws_depthwise_line.h"
#include "kws_kernels.h"
#include "kws_requantize.h"
#include "kws_simd.h"

static void frame(int16_t *plane, uint32_t count, int8_t zero_point) {
  for (uint32_t i = 0; i < count; ++i) plane[i] = zero_point;
}

/* The plane's inside; its frame stays. `pitch` is the length of a framed line. */
static void copy_plane(const kws_depthwise_3x3_op *op, const int8_t *input, int16_t *plane, uint32_t pitch) {
  const uint32_t inner_stride = op->inner_stride;
  int16_t *line = plane + pitch + 1u;
  for (uint32_t i = 0; i < op->outer; ++i) {
    const int8_t *from = input;
    int16_t *to = line;
    for (uint32_t pairs = op->inner / 2u; pairs > 0u; --pairs) {
      to[0] = *from;
      from += inner_stride;
      to[1] = *from;
      from += inner_stride;
      to += 2;
    }
    if (op->inner % 2u != 0u) *to = *from;
    input += op->outer_stride;
    line += pitch;
  }
}

#if KWS_SIMD
static uint32_t pair(int32_t low, int32_t high) { return ((uint32_t)low & 0xFFFFu) | ((uint32_t)high << 16); }

/* An output without a neighbour, at the end of a line of odd length. */
static int8_t last_output(const kws_depthwise_channel *channel, const int16_t *line) {
  const uint32_t *weights = channel->weights;
  int32_t sum = channel->bias;
  for (uint32_t i = 0; i < 3u; ++i) {
    sum = kws_smlad(pair(line[0], line[1]), weights[0], sum);
    sum = kws_smlabt(pair(line[2], 0), weights[1], sum);
    line += channel->pitch_bytes / 2u;
    weights += 2;
  }
  return kws_requantize(sum, channel->multiplier, channel->rounding, channel->shift);
}
#endif

static kws_depthwise_channel channel_of(const kws_depthwise_3x3_op *op, uint32_t number, uint32_t pitch) {
  const int8_t *weights = op->weights + number * 9u;
  kws_depthwise_channel channel;
#if KWS_SIMD
  for (uint32_t i = 0; i < 3u; ++i) {
    channel.weights[2u * i] = pair(weights[0] * 2, weights[1] * 2);
    channel.weights[2u * i + 1u] = pair(weights[1] * 2, weights[2] * 2);
    weights += 3;
  }
#else
  for (uint32_t i = 0; i < 9u; ++i) channel.weights[i] = weights[i] * 2;
#endif
  channel.bias = kws_bias_of(op->bias_and_shift[number]) * 2;
  channel.multiplier = op->multiplier[number];
  channel.shift = kws_shift_of(op->bias_and_shift[number]);
  channel.rounding = kws_rounding(op->output_zero_point, channel.shift);
  channel.pitch_bytes = pitch * 2u;
  channel.output_stride = op->inner_stride;
  return channel;
}

void kws_depthwise_3x3(const kws_depthwise_3x3_op *op, const int8_t *input, int8_t *output, void *scratch) {
  int16_t *plane = (int16_t *)scratch;
  const uint32_t inner = op->inner;
  const uint32_t pitch = (inner + 1u) / 2u * 2u + 2u;
  frame(plane, ((uint32_t)op->outer + 2u) * pitch, op->input_zero_point);
  for (uint32_t number = 0; number < op->channels; ++number) {
    const kws_depthwise_channel channel = channel_of(op, number, pitch);
    const int16_t *line = plane;
    int8_t *to = output + number;
    copy_plane(op, input + number, plane, pitch);
    for (uint32_t i = 0; i < op->outer; ++i) {
#if KWS_SIMD
      const uint32_t even = inner / 2u * 2u;
      kws_depthwise_line(&channel, line, even, to);
      if (even != inner) to[even * op->inner_stride] = last_output(&channel, line + even);
#else
      kws_depthwise_line(&channel, line, inner, to);
#endif
      line += pitch;
      to += op->outer_stride;
    }
  }
}
