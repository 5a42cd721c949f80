/* Mean over any axes: sums first, one rescaling that includes the division last. */
#include "kws_kernels.h"
#include "kws_requantize.h"

void kws_mean(const kws_mean_op *op, const int8_t *input, int8_t *output, void *scratch) {
  int32_t *sum = (int32_t *)scratch;
  for (uint32_t i = 0; i < op->outputs; ++i) {
    sum[i] = 0;
  }
  for (uint32_t i = 0; i < op->size[0]; ++i) {
    for (uint32_t j = 0; j < op->size[1]; ++j) {
      for (uint32_t k = 0; k < op->size[2]; ++k) {
        int32_t *to = sum + i * op->output_stride[0] + j * op->output_stride[1] + k * op->output_stride[2];
        for (uint32_t l = 0; l < op->size[3]; ++l) {
          *to += *input++;
          to += op->output_stride[3];
        }
      }
    }
  }
  for (uint32_t i = 0; i < op->outputs; ++i) {
    const int32_t centred = sum[i] - op->input_zero_point * op->count;
    const int32_t mean = kws_multiply_by_quantized_multiplier(centred, op->multiplier, op->shift);
    output[i] = kws_offset(mean, op->output_zero_point);
  }
}
