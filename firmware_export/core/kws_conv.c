/* Convolution on packed weights: gather a window, widen it to int16, multiply two output channels at a time. */
#include <stddef.h>
#include <string.h>

#include "kws_kernels.h"
#include "kws_requantize.h"
#include "kws_simd.h"

enum { COLUMNS = 4 }; /* output pixels that share one pass over the weights in the DSP form */

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

static uint32_t load_bytes(const int8_t *from, uint32_t count) {
  uint32_t word = 0;
  for (uint32_t i = 0; i < count; ++i) {
    word |= (uint32_t)(uint8_t)from[i] << (8u * i);
  }
  return word;
}

#if KWS_SIMD
static void widen_word(uint32_t word, uint32_t *column, uint32_t step) {
  column[0] = kws_sxtb16(word);
  column[step] = kws_sxtb16_odd(word);
}
#else
static void widen_word(uint32_t word, uint32_t *column, uint32_t step) {
  const uint32_t signs = word & 0x80808080u;
  /* each byte with its top bit set borrows 256 from its halfword */
  const uint32_t even = word & 0x00FF00FFu;
  const uint32_t odd = (word >> 8) & 0x00FF00FFu;
  column[0] = even | ((signs & 0x00800080u) * 0x1FEu);
  column[step] = odd | (((signs >> 8) & 0x00800080u) * 0x1FEu);
}
#endif

/* `count` bytes as int16 pairs in the order of the packed weights, `step` words apart. */
static void widen(const int8_t *from, uint32_t count, uint32_t *column, uint32_t step) {
  while (count >= 4u) {
    uint32_t word;
#if KWS_SIMD
    memcpy(&word, from, 4);
#else
    word = load_bytes(from, 4u);
#endif
    widen_word(word, column, step);
    from += 4;
    column += 2u * step;
    count -= 4u;
  }
  if (count > 0u) {
    widen_word(load_bytes(from, count), column, step);
  }
}

/* What one output pixel's sums for channels c and c + 1 become. */
static void store_pair(const kws_conv_op *op, uint32_t c, int32_t sum_a, int32_t sum_both, int8_t *output) {
  const uint32_t shift_a = op->shift[c];
  output[c] = kws_requantize(sum_a * 2, op->multiplier[c], kws_rounding(op->output_zero_point, shift_a), shift_a);
  if (c + 1u < op->window.output_channels) {
    const uint32_t shift_b = op->shift[c + 1u];
    const int32_t rounding = kws_rounding(op->output_zero_point, shift_b);
    /* the difference is 256 * B: seven bits fewer leave 2 * B */
    output[c + 1u] = kws_requantize((sum_both - sum_a) >> 7, op->multiplier[c + 1u], rounding, shift_b);
  }
}

static int32_t bias_of_both(const kws_conv_op *op, uint32_t c) {
  return op->bias[c] + (c + 1u < op->window.output_channels ? op->bias[c + 1u] * 256 : 0);
}

/* One pair of inputs into the sums of two channels. */
static void accumulate(uint32_t weight, uint32_t x, int32_t *sum_a, int32_t *sum_both) {
#if KWS_SIMD
  *sum_both = kws_smlad(weight, x, *sum_both);
  *sum_a = kws_smlad(kws_sxtb16(weight), x, *sum_a);
#else
  const int32_t x_low = (int16_t)(uint16_t)(x & 0xFFFFu);
  const int32_t x_high = (int32_t)x >> 16;
  const int32_t both_low = (int16_t)(uint16_t)(weight & 0xFFFFu);
  const int32_t both_high = (int32_t)weight >> 16;
  *sum_both += both_low * x_low + both_high * x_high;
  *sum_a += (int8_t)(uint8_t)(weight & 0xFFu) * x_low + (int8_t)(uint8_t)((weight >> 16) & 0xFFu) * x_high;
#endif
}

/* One output pixel straight from `depth` input bytes. */
static void multiply_bytes(const kws_conv_op *op, const int8_t *input, uint32_t depth, int8_t *output) {
  const uint32_t *weights = op->weights;
  for (uint32_t c = 0; c < op->window.output_channels; c += 2u) {
    int32_t sum_a = op->bias[c];
    int32_t sum_both = bias_of_both(op, c);
    const int8_t *from = input;
    for (uint32_t left = depth; left > 0u;) {
      const uint32_t count = left < 4u ? left : 4u;
      uint32_t x[2];
      widen(from, count, x, 1u);
      accumulate(weights[0], x[0], &sum_a, &sum_both);
      accumulate(weights[1], x[1], &sum_a, &sum_both);
      weights += 2;
      from += count;
      left -= count;
    }
    store_pair(op, c, sum_a, sum_both, output);
  }
}

#if KWS_SIMD
/* Four output pixels from four widened, interleaved columns. */
static void multiply_columns(const kws_conv_op *op, const uint32_t *columns, uint32_t words, int8_t *output) {
  const uint32_t channels = op->window.output_channels;
  const uint32_t *weights = op->weights;
  for (uint32_t c = 0; c < channels; c += 2u) {
    const int32_t bias_a = op->bias[c];
    const int32_t bias_both = bias_of_both(op, c);
    int32_t a0 = bias_a, a1 = bias_a, a2 = bias_a, a3 = bias_a;
    int32_t both0 = bias_both, both1 = bias_both, both2 = bias_both, both3 = bias_both;
    const uint32_t *end = weights + words;
    const uint32_t *value = columns;
    do {
      uint32_t weight = *weights++;
      const uint32_t x0 = value[0], x1 = value[1], x2 = value[2], x3 = value[3];
      value += COLUMNS;
      both0 = kws_smlad(weight, x0, both0);
      both1 = kws_smlad(weight, x1, both1);
      both2 = kws_smlad(weight, x2, both2);
      both3 = kws_smlad(weight, x3, both3);
      weight = kws_sxtb16(weight);
      a0 = kws_smlad(weight, x0, a0);
      a1 = kws_smlad(weight, x1, a1);
      a2 = kws_smlad(weight, x2, a2);
      a3 = kws_smlad(weight, x3, a3);
    } while (weights != end);
    {
      const uint32_t shift = op->shift[c];
      const int32_t multiplier = op->multiplier[c];
      const int32_t rounding = kws_rounding(op->output_zero_point, shift);
      output[c] = kws_requantize(a0 * 2, multiplier, rounding, shift);
      output[channels + c] = kws_requantize(a1 * 2, multiplier, rounding, shift);
      output[2u * channels + c] = kws_requantize(a2 * 2, multiplier, rounding, shift);
      output[3u * channels + c] = kws_requantize(a3 * 2, multiplier, rounding, shift);
    }
    if (c + 1u < channels) {
      const uint32_t shift = op->shift[c + 1u];
      const int32_t multiplier = op->multiplier[c + 1u];
      const int32_t rounding = kws_rounding(op->output_zero_point, shift);
      /* the difference is 256 * B: seven bits fewer leave 2 * B */
      output[c + 1u] = kws_requantize((both0 - a0) >> 7, multiplier, rounding, shift);
      output[channels + c + 1u] = kws_requantize((both1 - a1) >> 7, multiplier, rounding, shift);
      output[2u * channels + c + 1u] = kws_requantize((both2 - a2) >> 7, multiplier, rounding, shift);
      output[3u * channels + c + 1u] = kws_requantize((both3 - a3) >> 7, multiplier, rounding, shift);
    }
  }
}
#else
/* One output pixel from a widened column. */
static void multiply_column(const kws_conv_op *op, const uint32_t *column, uint32_t words, int8_t *output) {
  const uint32_t *weights = op->weights;
  for (uint32_t c = 0; c < op->window.output_channels; c += 2u) {
    int32_t sum_a = op->bias[c];
    int32_t sum_both = bias_of_both(op, c);
    const uint32_t *end = weights + words;
    const uint32_t *value = column;
    do {
      accumulate(*weights++, *value++, &sum_a, &sum_both);
    } while (weights != end);
    store_pair(op, c, sum_a, sum_both, output);
  }
}
#endif

void kws_conv(const kws_conv_op *op, const int8_t *input, int8_t *output, void *scratch) {
  const kws_window *w = &op->window;
  const uint32_t taps = (uint32_t)w->kernel_height * w->kernel_width;
  const uint32_t depth = taps * w->input_channels;
  const uint32_t words = (depth + 3u) / 4u * 2u;
  const uint32_t pixels = (uint32_t)w->output_height * w->output_width;
  const uint32_t grouped = pixels / op->columns * op->columns; /* those before this one go `columns` at a time */
  const int dense = taps == 1u && w->stride_height == 1u && w->stride_width == 1u;
  uint32_t *columns = (uint32_t *)scratch;
  int8_t *patch = op->columns == 1u ? (int8_t *)scratch : (int8_t *)(columns + words * COLUMNS);
  for (uint32_t done = 0; done < pixels;) {
    uint32_t first = op->bottom_up ? pixels - done - 1u : done;
    const uint32_t count = first < grouped ? op->columns : 1u;
    first = first / count * count;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t pixel = op->bottom_up ? first + count - 1u - i : first + i;
      const int8_t *from = input + pixel * depth;
      int8_t *to = output + pixel * w->output_channels;
      if (!dense) {
        gather(op, input, (int32_t)(pixel / w->output_width), (int32_t)(pixel % w->output_width), patch);
        from = patch;
      }
      if (op->columns == 1u) {
        multiply_bytes(op, from, depth, to);
      } else {
#if KWS_SIMD
        if (count == 1u) {
          /* out of the way of the outputs, which may replace it */
          copy_bytes((int8_t *)scratch, from, depth);
          multiply_bytes(op, (const int8_t *)scratch, depth, to);
        } else {
          widen(from, depth, columns + (pixel - first), COLUMNS);
        }
#else
        widen(from, depth, columns, 1u);
        multiply_column(op, columns, words, to);
#endif
      }
    }
#if KWS_SIMD
    if (count == COLUMNS) {
      multiply_columns(op, columns, words, output + first * w->output_channels);
    }
#endif
    done += count;
  }
}
