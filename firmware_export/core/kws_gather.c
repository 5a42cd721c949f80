#include "kws_gather.h"

#include "kws_memory.h"

void kws_gather(const kws_conv_op *op, const int8_t *input, uint32_t pixel, int8_t *patch) {
  const kws_window *w = &op->window;
  const int32_t row = (int32_t)(pixel / w->output_width), column = (int32_t)(pixel % w->output_width);
  const uint32_t channels = w->input_channels;
  const uint32_t line = (uint32_t)w->kernel_width * channels;
  const int32_t first_column = column * w->stride_width - w->pad_left;
  const int whole = w->dilation_width == 1u && first_column >= 0 &&
                    first_column + (int32_t)w->kernel_width <= (int32_t)w->input_width;
  int32_t input_row = row * w->stride_height - w->pad_top;
  for (uint32_t y = 0; y < w->kernel_height; ++y) {
    if (input_row < 0 || input_row >= (int32_t)w->input_height) {
      kws_fill_bytes(patch, line, op->input_zero_point);
      patch += line;
    } else {
      const int8_t *image_row = input + (uint32_t)input_row * w->input_width * channels;
      int32_t input_column = first_column;
      if (whole) {
        kws_copy_down(patch, image_row + (uint32_t)first_column * channels, line);
        patch += line;
      } else {
        for (uint32_t x = 0; x < w->kernel_width; ++x) {
          if (input_column < 0 || input_column >= (int32_t)w->input_width) {
            kws_fill_bytes(patch, channels, op->input_zero_point);
          } else {
            kws_copy_down(patch, image_row + (uint32_t)input_column * channels, channels);
          }
          patch += channels;
          input_column += w->dilation_width;
        }
      }
    }
    input_row += w->dilation_height;
  }
}
