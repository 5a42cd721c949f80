/* Convolution on packed weights: gather each output pixel's window, widen it, multiply. */
#include <string.h>

#include "kws_columns.h"
#include "kws_kernels.h"

static void fill_bytes(int8_t *to, uint32_t count, int8_t value) {
  for (uint32_t i = 0; i < count; ++i) {
    to[i] = value;
  }
}

static void copy_bytes(int8_t *to, const int8_t *from, uint32_t count) {
  while (count >= 4u) {
    memcpy(to, from, 4);
    to += 4;
    from += 4;
    count -= 4u;
  }
  while (count > 0u) {
    *to++ = *from++;
    --count;
  }
}

/* The window of output pixel (row, column) as one run of bytes; outside the image reads as the zero point. */
static void gather(const kws_conv_op *op, const int8_t *input, int32_t row, int32_t column, int8_t *patch) {
  const kws_window *w = &op->window;
  const uint32_t channels = w->input_channels;
  const uint32_t line = (uint32_t)w->kernel_width * channels;
  const int32_t first_column = column * w->stride_width - w->pad_left;
  const int whole = w->dilation_width == 1u && first_column >= 0 &&
                    first_column + (int32_t)w->kernel_width <= (int32_t)w->input_width;
  int32_t input_row = row * w->stride_height - w->pad_top;
  for (uint32_t y = 0; y < w->kernel_height; ++y) {
    if (input_row < 0 || input_row >= (int32_t)w->input_height) {
      fill_bytes(patch, line, op->input_zero_point);
      patch += line;
    } else {
      const int8_t *image_row = input + (uint32_t)input_row * w->input_width * channels;
      int32_t input_column = first_column;
      if (whole) {
        copy_bytes(patch, image_row + (uint32_t)first_column * channels, line);
        patch += line;
      } else {
        for (uint32_t x = 0; x < w->kernel_width; ++x) {
          if (input_column < 0 || input_column >= (int32_t)w->input_width) {
            fill_bytes(patch, channels, op->input_zero_point);
          } else {
            copy_bytes(patch, image_row + (uint32_t)input_column * channels, channels);
          }
          patch += channels;
          input_column += w->dilation_width;
        }
      }
    }
    input_row += w->dilation_height;
  }
}

/* The loop is over blocks of output pixels: `columns` of them as long as there are so many left, then single ones, or
 * all of that backwards. The inputs of a block are read before its outputs are written, which may replace them. */
void kws_conv(const kws_conv_op *op, const int8_t *input, int8_t *output, void *scratch) {
  const kws_window *w = &op->window;
  const uint32_t taps = (uint32_t)w->kernel_height * w->kernel_width;
  const uint32_t depth = taps * w->input_channels;
  const uint32_t words = (depth + 3u) / 4u * 2u;
  const uint32_t pixels = (uint32_t)w->output_height * w->output_width;
  const uint32_t grouped = op->columns == 1u ? 0u : pixels / (uint32_t)KWS_COLUMNS * (uint32_t)KWS_COLUMNS;
  const int dense = taps == 1u && w->stride_height == 1u && w->stride_width == 1u;
  kws_column *columns = (kws_column *)scratch;
  int8_t *patch = (int8_t *)scratch + (op->columns == 1u ? 0u : words * 16u);
  for (uint32_t done = 0; done < pixels;) {
    uint32_t first = op->bottom_up ? pixels - done - 1u : done;
    uint32_t count = 1;
    if (first < grouped) {
      count = (uint32_t)KWS_COLUMNS;
      first &= ~(count - 1u); /* a power of two */
    }
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t pixel = first + i;
      const int8_t *from = patch;
      if (dense) {
        from = input + pixel * depth;
      } else {
        gather(op, input, (int32_t)(pixel / w->output_width), (int32_t)(pixel % w->output_width), patch);
      }
      if (first < grouped) {
        kws_widen(from, depth, columns, i);
      } else {
        if (op->columns > 1u) {
          copy_bytes((int8_t *)scratch, from, depth);
          from = (const int8_t *)scratch;
        }
        kws_multiply_bytes(op, from, depth, output + pixel * w->output_channels);
      }
    }
    if (first < grouped) {
      kws_multiply_columns(op, columns, words, output + first * w->output_channels);
    }
    done += count;
  }
}
