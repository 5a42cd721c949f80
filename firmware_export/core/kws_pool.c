/* Average and maximum over a sliding window. */
#include "kws_kernels.h"
#include "kws_requantize.h"

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

static int32_t sum_of(const int8_t *from, kws_span rows, kws_span columns, uint32_t row_stride, uint32_t stride) {
  int32_t sum = 0;
  for (int32_t y = rows.first; y < rows.end; ++y) {
    const int8_t *value = from + (uint32_t)y * row_stride + (uint32_t)columns.first * stride;
    for (int32_t x = columns.first; x < columns.end; ++x) {
      sum += *value;
      value += stride;
    }
  }
  return sum;
}

static int8_t maximum_of(const int8_t *from, kws_span rows, kws_span columns, uint32_t row_stride, uint32_t stride) {
  int8_t maximum = -128;
  for (int32_t y = rows.first; y < rows.end; ++y) {
    const int8_t *value = from + (uint32_t)y * row_stride + (uint32_t)columns.first * stride;
    for (int32_t x = columns.first; x < columns.end; ++x) {
      if (*value > maximum) {
        maximum = *value;
      }
      value += stride;
    }
  }
  return maximum;
}

static void pool(const kws_window *op, const int8_t *input, int8_t *output, int average) {
  const uint32_t channels = op->input_channels;
  const uint32_t row_stride = op->input_width * channels;
  for (int32_t row = 0; row < (int32_t)op->output_height; ++row) {
    const kws_span rows = clip(row * op->stride_height - op->pad_top, op->kernel_height, op->input_height);
    for (int32_t column = 0; column < (int32_t)op->output_width; ++column) {
      const kws_span columns = clip(column * op->stride_width - op->pad_left, op->kernel_width, op->input_width);
      const int32_t count = (rows.end - rows.first) * (columns.end - columns.first);
      for (uint32_t c = 0; c < channels; ++c) {
        if (average) {
          const int32_t sum = sum_of(input + c, rows, columns, row_stride, channels);
          const int32_t half = sum > 0 ? count / 2 : -(count / 2);
          *output++ = kws_clamp_int8((sum + half) / count, -128, 127);
        } else {
          *output++ = maximum_of(input + c, rows, columns, row_stride, channels);
        }
      }
    }
  }
}

void kws_average_pool(const kws_window *op, const int8_t *input, int8_t *output) { pool(op, input, output, 1); }

void kws_max_pool(const kws_window *op, const int8_t *input, int8_t *output) { pool(op, input, output, 0); }
