/* Softmax in integers: tabled exponentials, their sum in Q12.19, one reciprocal by Newton's method a row. */
#include "kws_kernels.h"
#include "kws_requantize.h"

enum { ACCUMULATION_INTEGER_BITS = 12 };

static int32_t saturating_shift_left(int32_t x, uint32_t bits) {
  const int32_t limit = INT32_MAX >> bits;
  if (x > limit) {
    return INT32_MAX;
  }
  if (x < -limit - 1) {
    return INT32_MIN;
  }
  return (int32_t)((uint32_t)x << bits);
}

static int32_t wrapping_add(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }

/* 1 / (1 + x) for x in [0, 1), both Q0.31 (gemmlowp's three Newton steps; intermediate values Q2.29). */
static int32_t reciprocal_of_one_plus(int32_t x) {
  const int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t estimate =
      wrapping_add(1515870810 /* 48/17 */, kws_rounding_doubling_high_mul(half_denominator, -1010580540 /* -32/17 */));
  for (int i = 0; i < 3; ++i) {
    const int32_t product = kws_rounding_doubling_high_mul(half_denominator, estimate);
    const int32_t error = wrapping_add(1 << 29, -product);
    const int32_t step = saturating_shift_left(kws_rounding_doubling_high_mul(estimate, error), 2u);
    estimate = wrapping_add(estimate, step);
  }
  return saturating_shift_left(estimate, 1u);
}

static uint32_t leading_zeros(uint32_t x) {
  uint32_t count = 0;
  while ((x & 0x80000000u) == 0u && count < 31u) {
    x <<= 1;
    ++count;
  }
  return count;
}

void kws_softmax(const kws_softmax_op *op, const int8_t *input, int8_t *output) {
  for (uint32_t row = 0; row < op->rows; ++row) {
    int32_t maximum = -128;
    int32_t sum = 0;
    for (uint32_t i = 0; i < op->depth; ++i) {
      if (input[i] > maximum) {
        maximum = input[i];
      }
    }
    for (uint32_t i = 0; i < op->depth; ++i) {
      sum += kws_rounding_divide_by_power(op->exponential[maximum - input[i]], ACCUMULATION_INTEGER_BITS);
    }
    {
      const uint32_t headroom = leading_zeros((uint32_t)sum);
      const uint32_t mantissa = ((uint32_t)sum << headroom) - 0x80000000u;
      const int32_t scale = reciprocal_of_one_plus((int32_t)mantissa);
      /* the exporter limits depth to 511, which keeps this to 31 */
      const uint32_t bits = (uint32_t)ACCUMULATION_INTEGER_BITS + 31u - 8u - headroom;
      const uint32_t exponent = bits > 31u ? 31u : bits;
      for (uint32_t i = 0; i < op->depth; ++i) {
        const int32_t exponential = op->exponential[maximum - input[i]];
        const int32_t product = kws_rounding_doubling_high_mul(scale, exponential);
        output[i] = kws_offset(kws_rounding_divide_by_power(product, exponent), -128);
      }
    }
    input += op->depth;
    output += op->depth;
  }
}
