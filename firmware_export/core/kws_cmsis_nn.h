/* Layers of engine aot on CMSIS-NN's int8 kernels, for builds with -DKWS_USE_CMSIS_NN; see kws_kernels.h for the rest.
 *
 * Called by the generated kws_network_cmsis_nn.c, which holds what CMSIS-NN wants: weights [out][height][width][in],
 * unfolded biases, a multiplier and a shift for each channel. Every function returns 0, or -1 when CMSIS-NN refuses the
 * layer or wants more scratch memory than was planned at export, as another release of it might. Input, output and
 * scratch must not overlap. The activation is part of the layer. */
#ifndef KWS_CMSIS_NN_H
#define KWS_CMSIS_NN_H

#include <stdint.h>

#ifdef KWS_USE_CMSIS_NN

#include "arm_nnfunctions.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Convolution, and fully connected layers as 1x1 convolutions of a row of batches. filter: {out, height, width, in}. */
typedef struct {
  cmsis_nn_dims input, filter, output;
  cmsis_nn_conv_params params;
  const int8_t *weights;
  const int32_t *bias;
  const int32_t *multiplier;
  const int32_t *shift;
  int32_t scratch_bytes;
} kws_cmsis_nn_conv_op;

int kws_cmsis_nn_conv(const kws_cmsis_nn_conv_op *op, const int8_t *input, int8_t *output, void *scratch);

/* Depthwise convolution. filter: {1, height, width, out}. */
typedef struct {
  cmsis_nn_dims input, filter, output;
  cmsis_nn_dw_conv_params params;
  const int8_t *weights;
  const int32_t *bias;
  const int32_t *multiplier;
  const int32_t *shift;
  int32_t scratch_bytes;
} kws_cmsis_nn_depthwise_op;

int kws_cmsis_nn_depthwise(const kws_cmsis_nn_depthwise_op *op, const int8_t *input, int8_t *output, void *scratch);

/* Pooling. filter: {1, height, width, 1}. The maximum needs no scratch. */
typedef struct {
  cmsis_nn_dims input, filter, output;
  cmsis_nn_pool_params params;
  int32_t scratch_bytes;
} kws_cmsis_nn_pool_op;

int kws_cmsis_nn_average_pool(const kws_cmsis_nn_pool_op *op, const int8_t *input, int8_t *output, void *scratch);
int kws_cmsis_nn_max_pool(const kws_cmsis_nn_pool_op *op, const int8_t *input, int8_t *output);

#ifdef __cplusplus
}
#endif

#endif

#endif
