/* Convolution as its definition has it: for what packed weights cannot represent. */
#include <stddef.h>

#include "kws_kernels.h"
#include "kws_requantize.h"

void kws_conv_any(const kws_conv_any_op *op, const int8_t *input, int8_t *output) {
  const kws_window *w = &op->window;
  const uint32_t depth = op->group_channels;
  const uint32_t groups = w->input_channels / depth;
  const uint32_t outputs_per_group = w->output_channels / groups;
  for (int32_t row = 0; row < (int32_t)w->output_height; ++row) {
    for (int32_t column = 0; column < (int32_t)w->output_width; ++column) {
      const int8_t *weights = op->weights;
      for (uint32_t c = 0; c < w->output_channels; ++c) {
        const uint32_t first_channel = c / outputs_per_group * depth;
        int32_t sum = 0;
        for (int32_t y = 0; y < (int32_t)w->kernel_height; ++y) {
          const int32_t input_row = row * w->stride_height - w->pad_top + y * w->dilation_height;
          for (int32_t x = 0; x < (int32_t)w->kernel_width; ++x) {
            const int32_t input_column = column * w->stride_width - w->pad_left + x * w->dilation_width;
            if (input_row >= 0 && input_row < (int32_t)w->input_height && input_column >= 0 &&
                input_column < (int32_t)w->input_width) {
              const uint32_t pixel = (uint32_t)input_row * w->input_width + (uint32_t)input_column;
              const int8_t *from = input + pixel * w->input_channels + first_channel;
              for (uint32_t i = 0; i < depth; ++i) {
                sum += weights[i] * (from[i] - op->input_zero_point);
              }
            }
            weights += depth;
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
