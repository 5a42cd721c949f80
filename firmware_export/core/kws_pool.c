/* Average and maximum over a sliding window. */
#include <string.h>

#include "kws_kernels.h"
#include "kws_requantize.h"
#include "kws_simd.h"

/* The part of a window of `size` that starts at `origin` and lies within [0, limit). */
typedef struct {
  int32_t first, end;
} kws_span;

static kws_span clip(int32_t origin, int32_t size, int32_t limit) {
  kws_span span;
  span.first = origin < 0 ? 0 : origin;
  span.end = origin + size > limit ? limit : origin + size;
  return span;
}

static int8_t average_of(int32_t sum, int32_t count) {
  const int32_t half = sum > 0 ? count / 2 : -(count / 2);
  return kws_clamp_int8((sum + half) / count, -128, 127);
}

static int32_t sum_of(const int8_t *from, kws_span rows, kws_span columns, uint32_t row_stride, uint32_t stride) {
  int32_t sum = 0;
  from += (uint32_t)rows.first * row_stride + (uint32_t)columns.first * stride;
  for (int32_t y = rows.first; y < rows.end; ++y) {
    const int8_t *value = from;
    for (int32_t x = columns.first; x < columns.end; ++x) {
      sum += *value;
      value += stride;
    }
    from += row_stride;
  }
  return sum;
}

#if KWS_SIMD
enum { MOST_SHORT_COUNT = 256 }; /* of int8 whose sum is sure to fit in int16 */

/* Averages of four neighbouring channels over at most 256 pixels. */
static void average_four(const int8_t *from, kws_span rows, kws_span columns, uint32_t row_stride, uint32_t stride,
                         int8_t *output) {
  const int32_t count = (rows.end - rows.first) * (columns.end - columns.first);
  uint32_t even = 0, odd = 0;
  from += (uint32_t)rows.first * row_stride + (uint32_t)columns.first * stride;
  for (int32_t y = rows.first; y < rows.end; ++y) {
    const int8_t *value = from;
    for (int32_t x = columns.first; x < columns.end; ++x) {
      uint32_t word;
      memcpy(&word, value, 4);
      even = kws_sxtab16(even, word);
      odd = kws_sxtab16_odd(odd, word);
      value += stride;
    }
    from += row_stride;
  }
  for (uint32_t i = 0; i < 4u; ++i) {
    output[i] = average_of((int16_t)(uint16_t)((i % 2u == 0u ? even : odd) & 0xFFFFu), count);
    if (i == 1u) {
      even >>= 16;
      odd >>= 16;
    }
  }
}
#endif

static int8_t maximum_of(const int8_t *from, kws_span rows, kws_span columns, uint32_t row_stride, uint32_t stride) {
  int8_t maximum = -128;
  from += (uint32_t)rows.first * row_stride + (uint32_t)columns.first * stride;
  for (int32_t y = rows.first; y < rows.end; ++y) {
    const int8_t *value = from;
    for (int32_t x = columns.first; x < columns.end; ++x) {
      if (*value > maximum) {
        maximum = *value;
      }
      value += stride;
    }
    from += row_stride;
  }
  return maximum;
}

static void average_pixel(const int8_t *from, kws_span rows, kws_span columns, uint32_t row_stride, uint32_t channels,
                          int8_t *output) {
  const int32_t count = (rows.end - rows.first) * (columns.end - columns.first);
  uint32_t c = 0;
#if KWS_SIMD
  if (count <= MOST_SHORT_COUNT) {
    for (; c + 4u <= channels; c += 4u) average_four(from + c, rows, columns, row_stride, channels, output + c);
  }
#endif
  for (; c < channels; ++c) output[c] = average_of(sum_of(from + c, rows, columns, row_stride, channels), count);
}

static void maximum_pixel(const int8_t *from, kws_span rows, kws_span columns, uint32_t row_stride, uint32_t channels,
                          int8_t *output) {
  for (uint32_t c = 0; c < channels; ++c) output[c] = maximum_of(from + c, rows, columns, row_stride, channels);
}

typedef void pixel_fn(const int8_t *from, kws_span rows, kws_span columns, uint32_t row_stride, uint32_t channels,
                      int8_t *output);

static void pool(const kws_window *op, const int8_t *input, int8_t *output, pixel_fn *pixel) {
  const uint32_t channels = op->input_channels;
  const uint32_t row_stride = op->input_width * channels;
  for (int32_t row = 0; row < (int32_t)op->output_height; ++row) {
    const kws_span rows = clip(row * op->stride_height - op->pad_top, op->kernel_height, op->input_height);
    for (int32_t column = 0; column < (int32_t)op->output_width; ++column) {
      const kws_span columns = clip(column * op->stride_width - op->pad_left, op->kernel_width, op->input_width);
      pixel(input, rows, columns, row_stride, channels, output);
      output += channels;
    }
  }
}

void kws_average_pool(const kws_window *op, const int8_t *input, int8_t *output) {
  pool(op, input, output, average_pixel);
}

void kws_max_pool(const kws_window *op, const int8_t *input, int8_t *output) { pool(op, input, output, maximum_pixel); }
