/* Depthwise 3x3, stride 1, one pixel of padding: each channel's plane is copied out, widened and framed with the zero
 * point, so that the window never meets an edge and the outputs can go where the inputs were. */
#include "kws_kernels.h"
#include "kws_requantize.h"
#include "kws_simd.h"

static void frame(int16_t *plane, uint32_t count, int8_t zero_point) {
  for (uint32_t i = 0; i < count; ++i) {
    plane[i] = zero_point;
  }
}

/* The plane's inside; its frame stays. `pitch` is the length of a framed line. */
static void copy_plane(const kws_depthwise_3x3_op *op, const int8_t *input, int16_t *plane, uint32_t pitch) {
  const uint32_t inner_stride = op->inner_stride;
  int16_t *line = plane + pitch + 1u;
  for (uint32_t i = 0; i < op->outer; ++i) {
    const int8_t *from = input;
    int16_t *to = line;
    int16_t *const end = line + op->inner;
    do {
      *to++ = *from;
      from += inner_stride;
    } while (to != end);
    input += op->outer_stride;
    line += pitch;
  }
}

#if KWS_SIMD

static uint32_t pair(int32_t low, int32_t high) { return ((uint32_t)low & 0xFFFFu) | ((uint32_t)high << 16); }

/* Two neighbouring outputs at a time: of a line of four inputs, output 0 takes 0 to 2 and output 1 takes 1 to 3. */
static void convolve_plane(const kws_depthwise_3x3_op *op, uint32_t channel, const uint32_t *plane, uint32_t pitch,
                           int8_t *output) {
  const int8_t *k = op->weights + channel * 9u;
  const uint32_t top01 = pair(k[0], k[1]), top12 = pair(k[1], k[2]);
  const uint32_t middle01 = pair(k[3], k[4]), middle12 = pair(k[4], k[5]);
  const uint32_t bottom01 = pair(k[6], k[7]), bottom12 = pair(k[7], k[8]);
  const int32_t bias = op->bias[channel];
  const int32_t multiplier = op->multiplier[channel];
  const uint32_t shift = op->shift[channel];
  const int32_t rounding = kws_rounding(op->output_zero_point, shift);
  const uint32_t inner_stride = op->inner_stride;
  const uint32_t pairs = op->inner / 2u;
  const uint32_t odd = op->inner & 1u;
  for (uint32_t i = 0; i < op->outer; ++i) {
    const uint32_t *top = plane;
    const uint32_t *const end = plane + pairs;
    const uint32_t *const middle_line = plane + pitch;
    const uint32_t *const bottom_line = middle_line + pitch;
    const uint32_t *middle = middle_line;
    const uint32_t *bottom = bottom_line;
    int8_t *to = output;
    while (top != end + odd) {
      const uint32_t t0 = top[0], t1 = top[1];
      int32_t sum0 = kws_smlad(t0, top01, bias);
      int32_t sum1 = kws_smlad(t1, top12, bias);
      const uint32_t m0 = middle[0], m1 = middle[1];
      const uint32_t b0 = bottom[0], b1 = bottom[1];
      sum0 = kws_smlabt(t1, top12, sum0);
      sum1 = kws_smlatb(t0, top01, sum1);
      sum0 = kws_smlad(m0, middle01, sum0);
      sum1 = kws_smlad(m1, middle12, sum1);
      sum0 = kws_smlabt(m1, middle12, sum0);
      sum1 = kws_smlatb(m0, middle01, sum1);
      sum0 = kws_smlad(b0, bottom01, sum0);
      sum1 = kws_smlad(b1, bottom12, sum1);
      sum0 = kws_smlabt(b1, bottom12, sum0);
      sum1 = kws_smlatb(b0, bottom01, sum1);
      *to = kws_requantize(sum0 * 2, multiplier, rounding, shift);
      if (top == end) {
        break;
      }
      to += inner_stride;
      *to = kws_requantize(sum1 * 2, multiplier, rounding, shift);
      to += inner_stride;
      ++top;
      ++middle;
      ++bottom;
    }
    plane += pitch;
    output += op->outer_stride;
  }
}

#else

static void convolve_plane(const kws_depthwise_3x3_op *op, uint32_t channel, const int16_t *plane, uint32_t pitch,
                           int8_t *output) {
  const int8_t *k = op->weights + channel * 9u;
  const int32_t bias = op->bias[channel];
  const int32_t multiplier = op->multiplier[channel];
  const uint32_t shift = op->shift[channel];
  const int32_t rounding = kws_rounding(op->output_zero_point, shift);
  for (uint32_t i = 0; i < op->outer; ++i) {
    const int16_t *top = plane;
    int8_t *to = output;
    for (uint32_t j = 0; j < op->inner; ++j) {
      const int16_t *middle = top + pitch;
      const int16_t *bottom = middle + pitch;
      int32_t sum = bias;
      sum += k[0] * top[0];
      sum += k[1] * top[1];
      sum += k[2] * top[2];
      sum += k[3] * middle[0];
      sum += k[4] * middle[1];
      sum += k[5] * middle[2];
      sum += k[6] * bottom[0];
      sum += k[7] * bottom[1];
      sum += k[8] * bottom[2];
      *to = kws_requantize(sum * 2, multiplier, rounding, shift);
      to += op->inner_stride;
      ++top;
    }
    plane += pitch;
    output += op->outer_stride;
  }
}

#endif

void kws_depthwise_3x3(const kws_depthwise_3x3_op *op, const int8_t *input, int8_t *output, void *scratch) {
  int16_t *plane = (int16_t *)scratch;
  const uint32_t pitch = ((uint32_t)op->inner + 1u) / 2u * 2u + 2u;
  frame(plane, ((uint32_t)op->outer + 2u) * pitch, op->input_zero_point);
  for (uint32_t channel = 0; channel < op->channels; ++channel) {
    copy_plane(op, input + channel, plane, pitch);
#if KWS_SIMD
    convolve_plane(op, channel, (const uint32_t *)scratch, pitch / 2u, output + channel);
#else
    convolve_plane(op, channel, plane, pitch, output + channel);
#endif
  }
}
