/* Functions of a single int8: a table of all 256 values, or a clamp. */
#include "kws_kernels.h"
#include "kws_requantize.h"

void kws_lookup(const int8_t *table, const int8_t *input, int8_t *output, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    output[i] = table[input[i] + 128];
  }
}

void kws_clamp(int8_t *values, uint32_t count, int8_t low, int8_t high) {
  for (uint32_t i = 0; i < count; ++i) {
    values[i] = kws_clamp_int8(values[i], low, high);
  }
}
