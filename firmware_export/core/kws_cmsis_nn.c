#include "kws_cmsis_nn.h"

#ifdef KWS_USE_CMSIS_NN

#include <stddef.h>

/* CMSIS-NN only reads the factors, but does not say so in its types. */
static cmsis_nn_per_channel_quant_params factors_of(const int32_t *multiplier, const int32_t *shift) {
  cmsis_nn_per_channel_quant_params factors;
  factors.multiplier = (int32_t *)(uintptr_t)multiplier;
  factors.shift = (int32_t *)(uintptr_t)shift;
  return factors;
}

static cmsis_nn_context context_of(void *scratch, int32_t bytes) {
  cmsis_nn_context context;
  context.buf = scratch;
  context.size = bytes;
  return context;
}

static cmsis_nn_dims channels_of(const cmsis_nn_dims *output) {
  cmsis_nn_dims channels = {1, 1, 1, 1};
  channels.c = output->c;
  return channels;
}

static int result_of(arm_cmsis_nn_status status) { return status == ARM_CMSIS_NN_SUCCESS ? 0 : -1; }

int kws_cmsis_nn_conv(const kws_cmsis_nn_conv_op *op, const int8_t *input, int8_t *output, void *scratch) {
  const cmsis_nn_context context = context_of(scratch, op->scratch_bytes);
  const cmsis_nn_per_channel_quant_params factors = factors_of(op->multiplier, op->shift);
  const cmsis_nn_dims channels = channels_of(&op->output);
  if (arm_convolve_wrapper_s8_get_buffer_size(&op->params, &op->input, &op->filter, &op->output) > op->scratch_bytes) {
    return -1;
  }
  return result_of(arm_convolve_wrapper_s8(&context, &op->params, &factors, &op->input, input, &op->filter, op->weights,
                                           &channels, op->bias, &op->output, output));
}

int kws_cmsis_nn_depthwise(const kws_cmsis_nn_depthwise_op *op, const int8_t *input, int8_t *output, void *scratch) {
  const cmsis_nn_context context = context_of(scratch, op->scratch_bytes);
  const cmsis_nn_per_channel_quant_params factors = factors_of(op->multiplier, op->shift);
  const cmsis_nn_dims channels = channels_of(&op->output);
  if (arm_depthwise_conv_wrapper_s8_get_buffer_size(&op->params, &op->input, &op->filter, &op->output) >
      op->scratch_bytes) {
    return -1;
  }
  return result_of(arm_depthwise_conv_wrapper_s8(&context, &op->params, &factors, &op->input, input, &op->filter,
                                                 op->weights, &channels, op->bias, &op->output, output));
}

int kws_cmsis_nn_average_pool(const kws_cmsis_nn_pool_op *op, const int8_t *input, int8_t *output, void *scratch) {
  const cmsis_nn_context context = context_of(scratch, op->scratch_bytes);
  if (arm_avgpool_s8_get_buffer_size((int)op->output.w, (int)op->input.c) > op->scratch_bytes) {
    return -1;
  }
  return result_of(arm_avgpool_s8(&context, &op->params, &op->input, input, &op->filter, &op->output, output));
}

int kws_cmsis_nn_max_pool(const kws_cmsis_nn_pool_op *op, const int8_t *input, int8_t *output) {
  const cmsis_nn_context context = context_of(NULL, 0);
  return result_of(arm_max_pool_s8(&context, &op->params, &op->input, input, &op->filter, &op->output, output));
}

#endif
