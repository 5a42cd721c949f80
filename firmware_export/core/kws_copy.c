/* Blocks moved from one layout to another. */
#include "kws_kernels.h"
#include "kws_memory.h"

void kws_copy(const kws_copy_op *op, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < op->size[0]; ++i) {
    for (uint32_t j = 0; j < op->size[1]; ++j) {
      for (uint32_t k = 0; k < op->size[2]; ++k) {
        const int8_t *from = input + (int32_t)i * op->input_stride[0] + (int32_t)j * op->input_stride[1] +
                             (int32_t)k * op->input_stride[2];
        int8_t *to = output + i * op->output_stride[0] + j * op->output_stride[1] + k * op->output_stride[2];
        for (uint32_t l = 0; l < op->size[3]; ++l) {
          *to = *from;
          from += op->input_stride[3];
          to += op->output_stride[3];
        }
      }
    }
  }
}

void kws_fill(int8_t *output, uint32_t count, int8_t value) { kws_fill_bytes(output, count, value); }
