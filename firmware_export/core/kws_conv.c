/* Convolution on packed weights: gather the windows of a few output pixels, widen them, multiply. */
#include "kws_columns.h"
#include "kws_gather.h"
#include "kws_kernels.h"

void kws_conv(const kws_conv_op *op, const int8_t *input, int8_t *output, void *scratch) {
  const kws_window *w = &op->window;
  const uint32_t depth = kws_depth_of(w);
  const uint32_t words = (depth + 3u) / 4u * 2u;
  const uint32_t pixels = (uint32_t)w->output_height * w->output_width;
  const uint32_t blocks = (pixels + (uint32_t)KWS_COLUMNS - 1u) / (uint32_t)KWS_COLUMNS;
  const int dense = kws_is_dense(w);
  kws_column *columns = (kws_column *)scratch;
  int8_t *patch = (int8_t *)scratch + words * 16u;
  for (uint32_t done = 0; done < blocks; ++done) {
    const uint32_t first = (op->bottom_up ? blocks - 1u - done : done) * (uint32_t)KWS_COLUMNS;
    uint32_t count = KWS_COLUMNS;
    if (count > pixels - first) count = pixels - first;
    for (uint32_t i = 0; i < (uint32_t)KWS_COLUMNS; ++i) {
      /* columns to spare repeat the last pixel */
      const uint32_t pixel = first + i < pixels ? first + i : pixels - 1u;
      if (dense) {
        kws_widen(input + pixel * depth, depth, columns, i);
      } else {
        kws_gather(op, input, pixel, patch);
        kws_widen(patch, depth, columns, i);
      }
    }
    kws_multiply_columns(op, columns, words, output + first * w->output_channels, count);
  }
}
