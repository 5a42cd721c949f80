/* Depthwise convolution of any window, stride, dilation and channel multiplier. */
#include <stddef.h>

#include "kws_kernels.h"
#include "kws_requantize.h"

void kws_depthwise(const kws_depthwise_op *op, const int8_t *input, int8_t *output) {
  const kws_window *w = &op->window;
  const uint32_t channels = w->output_channels;
  const uint32_t per_channel = channels / w->input_channels;
  for (int32_t row = 0; row < (int32_t)w->output_height; ++row) {
    const int32_t top = row * w->stride_height - w->pad_top;
    for (int32_t column = 0; column < (int32_t)w->output_width; ++column) {
      const int32_t left = column * w->stride_width - w->pad_left;
      for (uint32_t c = 0; c < channels; ++c) {
        const int8_t *from = input + c / per_channel;
        int32_t sum = 0;
        for (int32_t y = 0; y < (int32_t)w->kernel_height; ++y) {
          const int32_t input_row = top + y * w->dilation_height;
          if (input_row < 0 || input_row >= (int32_t)w->input_height) {
            continue;
          }
          for (int32_t x = 0; x < (int32_t)w->kernel_width; ++x) {
            const int32_t input_column = left + x * w->dilation_width;
            if (input_column >= 0 && input_column < (int32_t)w->input_width) {
              const uint32_t pixel = (uint32_t)input_row * w->input_width + (uint32_t)input_column;
              const uint32_t tap = (uint32_t)y * w->kernel_width + (uint32_t)x;
              sum += op->weights[tap * channels + c] * (from[pixel * w->input_channels] - op->input_zero_point);
            }
          }
        }
        if (op->bias != NULL) {
          sum += op->bias[c];
        }
        sum = kws_multiply_by_quantized_multiplier(sum, op->multiplier[c], op->shift[c]);
        *output++ = kws_offset(sum, op->output_zero_point);
      }
    }
  }
}
