/* What a convolution reads for one output pixel. */
#ifndef KWS_GATHER_H
#define KWS_GATHER_H

#include <stdint.h>

#include "kws_kernels.h"

/* The window of output pixel number `pixel` as one run of bytes; outside the image reads as the zero point. */
void kws_gather(const kws_conv_op *op, const int8_t *input, uint32_t pixel, int8_t *patch);

/* Whether windows are single pixels in a row, so that nothing need be gathered. */
static inline int kws_is_dense(const kws_window *w) {
  return w->kernel_height == 1u && w->kernel_width == 1u && w->stride_height == 1u && w->stride_width == 1u;
}

/* Values in a window. */
static inline uint32_t kws_depth_of(const kws_window *w) {
  return (uint32_t)w->kernel_height * w->kernel_width * w->input_channels;
}

#endif
