/* Convolution's arithmetic: columns of widened inputs times packed weights (see kws_conv_op). */
#ifndef KWS_COLUMNS_H
#define KWS_COLUMNS_H

#include <stdint.h>

#include "kws_kernels.h"
#include "kws_multiply_block.h"

/* Widens `count` bytes of pixel number `pixel` of KWS_COLUMNS into `columns`, in the order of the packed weights; what
 * is missing to a multiple of 4 is 0. */
void kws_widen(const int8_t *from, uint32_t count, kws_column *columns, uint32_t pixel);

/* KWS_COLUMNS output pixels from as many columns; `words` of weights for each pair of channels. */
void kws_multiply_columns(const kws_conv_op *op, const kws_column *columns, uint32_t words, int8_t *output);

/* One output pixel straight from `depth` input bytes: slower, without columns. `output` must not overlap `from`. */
void kws_multiply_bytes(const kws_conv_op *op, const int8_t *from, uint32_t depth, int8_t *output);

#endif
