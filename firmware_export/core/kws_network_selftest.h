/* Proves on the board that a network exported alone computes what TensorFlow Lite Micro computed on the host. */
#ifndef KWS_NETWORK_SELFTEST_H
#define KWS_NETWORK_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "kws_network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Run the network on inputs of random numbers, which both sides make for themselves, and compare with the expected
 * outputs in kws_network_golden.c. input: int8[KWS_NETWORK_INPUT_BYTES], output: int8[KWS_NETWORK_OUTPUT_BYTES] and
 * arena as for kws_network_run; all are overwritten. Returns true if every output is as expected. */
bool kws_network_selftest(int8_t *input, int8_t *output, void *arena);

#ifdef __cplusplus
}
#endif

#endif
