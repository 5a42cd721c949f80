/* Sum and product of two tensors, element by element with broadcasting. */
#include "kws_kernels.h"
#include "kws_requantize.h"

enum { ADD_LEFT_SHIFT = 20 }; /* TFLM's headroom for int8 sums */

static int32_t scale(int32_t x, int32_t multiplier, int32_t shift) {
  return kws_rounding_divide_by_power(kws_rounding_doubling_high_mul(x, multiplier), (uint32_t)(-shift));
}

static int8_t sum_of(const kws_add_op *op, int32_t a, int32_t b) {
  const int32_t scaled_a = scale((a - op->a_zero_point) * (1 << ADD_LEFT_SHIFT), op->a_multiplier, op->a_shift);
  const int32_t scaled_b = scale((b - op->b_zero_point) * (1 << ADD_LEFT_SHIFT), op->b_multiplier, op->b_shift);
  const int32_t sum = scale(scaled_a + scaled_b, op->output_multiplier, op->output_shift);
  return kws_offset(sum, op->output_zero_point);
}

static int8_t product_of(const kws_mul_op *op, int32_t a, int32_t b) {
  const int32_t product = (a - op->a_zero_point) * (b - op->b_zero_point);
  const int32_t scaled = kws_multiply_by_quantized_multiplier(product, op->multiplier, op->shift);
  return kws_offset(scaled, op->output_zero_point);
}

void kws_add(const kws_add_op *op, const int8_t *a, const int8_t *b, int8_t *output) {
  const kws_broadcast *s = &op->shape;
  for (uint32_t i = 0; i < s->size[0]; ++i) {
    for (uint32_t j = 0; j < s->size[1]; ++j) {
      for (uint32_t k = 0; k < s->size[2]; ++k) {
        const int8_t *from_a = a + i * s->a_stride[0] + j * s->a_stride[1] + k * s->a_stride[2];
        const int8_t *from_b = b + i * s->b_stride[0] + j * s->b_stride[1] + k * s->b_stride[2];
        for (uint32_t l = 0; l < s->size[3]; ++l) {
          *output++ = sum_of(op, *from_a, *from_b);
          from_a += s->a_stride[3];
          from_b += s->b_stride[3];
        }
      }
    }
  }
}

void kws_mul(const kws_mul_op *op, const int8_t *a, const int8_t *b, int8_t *output) {
  const kws_broadcast *s = &op->shape;
  for (uint32_t i = 0; i < s->size[0]; ++i) {
    for (uint32_t j = 0; j < s->size[1]; ++j) {
      for (uint32_t k = 0; k < s->size[2]; ++k) {
        const int8_t *from_a = a + i * s->a_stride[0] + j * s->a_stride[1] + k * s->a_stride[2];
        const int8_t *from_b = b + i * s->b_stride[0] + j * s->b_stride[1] + k * s->b_stride[2];
        for (uint32_t l = 0; l < s->size[3]; ++l) {
          *output++ = product_of(op, *from_a, *from_b);
          from_a += s->a_stride[3];
          from_b += s->b_stride[3];
        }
      }
    }
  }
}
