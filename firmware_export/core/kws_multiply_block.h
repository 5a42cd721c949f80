/* The inner loop of convolutions: two output channels times four pixels, or one pixel without DSP instructions. */
#ifndef KWS_MULTIPLY_BLOCK_H
#define KWS_MULTIPLY_BLOCK_H

#include <stdint.h>

#include "kws_simd.h"

#if KWS_SIMD
enum { KWS_COLUMNS = 4 };
typedef uint32_t kws_column; /* a pair of int16 */
#else
enum { KWS_COLUMNS = 1 };
typedef int32_t kws_column; /* one value: narrower ones would cost an instruction each on a Cortex-M0 */
#endif

/* Adds to `sums` the products of packed weights (see kws_conv_op) and columns of inputs.
 *
 * weights .. end: an even number of words, at least two. columns: for each word of weights KWS_COLUMNS pairs of inputs,
 * one pair a pixel. sums[0 ..]: of channel A for each pixel; sums[KWS_COLUMNS ..]: of 256 * B + A for each. */
void kws_multiply_block(const uint32_t *weights, const kws_column *columns, const uint32_t *end, int32_t *sums);

#endif
