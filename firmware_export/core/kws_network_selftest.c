#include "kws_network_selftest.h"

#include <stddef.h>

#include "kws_network_golden.h"

/* Marsaglia's xorshift32. */
static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

/* FNV-1a over whole 32-bit words. */
static uint32_t checksum(uint32_t sum, int32_t value) { return (sum ^ (uint32_t)value) * 16777619u; }

bool kws_network_selftest(int8_t *input, int8_t *output, void *arena) {
  uint32_t random = KWS_NETWORK_GOLDEN_SEED;
  if (input == NULL || output == NULL) return false; /* kws_network_run looks at the arena */
  for (uint32_t run = 0; run < KWS_NETWORK_GOLDEN_RUNS; ++run) {
    uint32_t sum = 2166136261u;
    for (uint32_t i = 0; i < KWS_NETWORK_INPUT_BYTES; ++i) {
      input[i] = (int8_t)((int32_t)(next_random(&random) >> 24) - 128);
    }
    if (kws_network_run(input, output, arena) != KWS_NETWORK_OK) return false;
    for (uint32_t i = 0; i < KWS_NETWORK_OUTPUT_BYTES; ++i) {
      sum = checksum(sum, output[i]);
    }
    if (sum != kws_network_golden[run]) return false;
  }
  return true;
}
