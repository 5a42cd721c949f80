/* Self-test, then the network on int8 inputs from standard input, one row of numbers for each. */
#include <stdio.h>

#include "kws_network_selftest.h"

static int8_t input[KWS_NETWORK_INPUT_BYTES];
static int8_t output[KWS_NETWORK_OUTPUT_BYTES];
static uint32_t arena[(KWS_NETWORK_ARENA_BYTES + 3u) / 4u];

int main(void) {
  const bool passed = kws_network_selftest(input, output, arena);
  puts(passed ? "PASS" : "FAIL: the network's outputs differ");
  while (fread(input, 1, sizeof input, stdin) == sizeof input) {
    if (kws_network_run(input, output, arena) != KWS_NETWORK_OK) return 2;
    for (unsigned i = 0; i < KWS_NETWORK_OUTPUT_BYTES; ++i) {
      printf("%d%c", output[i], i + 1u == KWS_NETWORK_OUTPUT_BYTES ? '\n' : ' ');
    }
  }
  return passed ? 0 : 1;
}
