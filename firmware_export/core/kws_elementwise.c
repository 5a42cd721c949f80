/* Sum and product of two tensors, element by element with broadcasting. */
#include "kws_kernels.h"
#include "kws_requantize.h"
#include "kws_simd.h"

enum { ADD_LEFT_SHIFT = 20 }; /* TFLM's headroom for int8 sums */

/* A right shift by `bits` that rounds halves away from zero, ready for a loop. */
typedef struct {
  uint32_t bits;
  int32_t rounding; /* half a unit of the result */
  int32_t negative; /* what the rounding of a negative number lacks: 1, or 0 when nothing is shifted out */
} kws_right_shift;

static kws_right_shift right_shift(int32_t shift) {
  kws_right_shift right;
  right.bits = (uint32_t)(-shift);
  right.rounding = right.bits > 0u ? (int32_t)(1u << (right.bits - 1u)) : 0;
  right.negative = right.bits > 0u ? 1 : 0;
  return right;
}

static int32_t shift_right(int32_t x, kws_right_shift right) {
  return (x - (x < 0 ? right.negative : 0) + right.rounding) >> right.bits;
}

/* Axes 0 to 2 of a broadcast: calls `row` for every run of the last axis. */
typedef void row_fn(const void *op, const int8_t *a, const int8_t *b, int8_t *output);

static void each_row(const kws_broadcast *s, const void *op, row_fn *row, const int8_t *a, const int8_t *b,
                     int8_t *output) {
  for (uint32_t i = 0; i < s->size[0]; ++i) {
    for (uint32_t j = 0; j < s->size[1]; ++j) {
      for (uint32_t k = 0; k < s->size[2]; ++k) {
        row(op, a + i * s->a_stride[0] + j * s->a_stride[1] + k * s->a_stride[2],
            b + i * s->b_stride[0] + j * s->b_stride[1] + k * s->b_stride[2], output);
        output += s->size[3];
      }
    }
  }
}

/* Operands are below 2^8, so shifted by 20 and doubled below 2^29; their factors are at most 1/2, so the doubled sum
 * fits too. */
static void add_row(const void *any, const int8_t *a, const int8_t *b, int8_t *output) {
  const kws_add_op *op = (const kws_add_op *)any;
  const kws_right_shift a_shift = right_shift(op->a_shift), b_shift = right_shift(op->b_shift);
  const kws_right_shift output_shift = right_shift(op->output_shift);
  const int32_t a_zero_point = op->a_zero_point, b_zero_point = op->b_zero_point;
  const uint32_t a_step = op->shape.a_stride[3], b_step = op->shape.b_stride[3];
  const int32_t doubling = 1 << (ADD_LEFT_SHIFT + 1);
  const int8_t *end = output + op->shape.size[3];
  while (output != end) {
    const int32_t scaled_a = shift_right(kws_smmulr((*a - a_zero_point) * doubling, op->a_multiplier), a_shift);
    const int32_t scaled_b = shift_right(kws_smmulr((*b - b_zero_point) * doubling, op->b_multiplier), b_shift);
    const int32_t sum = shift_right(kws_smmulr((scaled_a + scaled_b) * 2, op->output_multiplier), output_shift);
    *output++ = (int8_t)kws_saturate_int8(sum + op->output_zero_point);
    a += a_step;
    b += b_step;
  }
}

static void multiply_row(const void *any, const int8_t *a, const int8_t *b, int8_t *output) {
  const kws_mul_op *op = (const kws_mul_op *)any;
  const uint32_t a_step = op->shape.a_stride[3], b_step = op->shape.b_stride[3];
  const int32_t a_zero_point = op->a_zero_point, b_zero_point = op->b_zero_point;
  const int8_t *end = output + op->shape.size[3];
  const int32_t shift = op->shift;
  if (shift < 0 && shift >= -22) {
    const int32_t rounding = kws_rounding(op->output_zero_point, (uint32_t)(-shift));
    while (output != end) {
      const int32_t product = (*a - a_zero_point) * (*b - b_zero_point);
      *output++ = kws_requantize(product * 2, op->multiplier, rounding, (uint32_t)(-shift));
      a += a_step;
      b += b_step;
    }
  }
  while (output != end) {
    const int32_t product = (*a - a_zero_point) * (*b - b_zero_point);
    const int32_t scaled = kws_multiply_by_quantized_multiplier(product, op->multiplier, shift);
    *output++ = kws_offset(scaled, op->output_zero_point);
    a += a_step;
    b += b_step;
  }
}

void kws_add(const kws_add_op *op, const int8_t *a, const int8_t *b, int8_t *output) {
  each_row(&op->shape, op, add_row, a, b, output);
}

void kws_mul(const kws_mul_op *op, const int8_t *a, const int8_t *b, int8_t *output) {
  each_row(&op->shape, op, multiply_row, a, b, output);
}
