/* The kernels of the ahead-of-time engine: int8 in, int8 out, each bit-identical to TensorFlow Lite Micro.
 *
 * Everything here is called by the generated kws_network.c, which owns the constants and the memory plan. What holds
 * for every kernel:
 *  - Tensors are int8, row-major, batch 1: [height][width][channels] where a kernel has a window, flat otherwise.
 *  - The operator structs are constant and live in flash. The exporter has checked shapes, ranges and that no
 *    accumulator can overflow, so a kernel checks nothing and cannot fail.
 *  - No heap, no floating point, no global state. `scratch` is 4-byte aligned, owned by the caller, undefined
 *    before and after.
 *  - Outputs saturate to [-128, 127]; a narrower activation range is a kws_clamp after it.
 *  - Where input and output may share memory, the kernel says how. */
#ifndef KWS_KERNELS_H
#define KWS_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Geometry of a window that slides over an image. Padding is what lies before the first row and column; what lies
 * behind the last follows from the shapes. Pixels outside the image count as real zero. */
typedef struct {
  uint16_t input_height, input_width, input_channels;
  uint16_t output_height, output_width, output_channels;
  uint16_t kernel_height, kernel_width;
  uint16_t stride_height, stride_width;
  uint16_t dilation_height, dilation_width;
  int16_t pad_top, pad_left;
} kws_window;

/* Convolution (and fully connected layers: 1x1 on a row of pixels) on packed weights.
 *
 * Weights: for each pair of output channels (A, B), ceil(K / 4) * 2 words, K = kernel_height * kernel_width *
 * input_channels; a word holds two inputs, each halfword 256 * B + A. The inputs of words 2g and 2g+1 are
 * (4g, 4g+2) and (4g+1, 4g+3), the order in which SXTB16 widens four bytes. Missing channels and inputs weigh 0.
 * Because A * x = sum over the low bytes and (256 * B + A) * x = sum over the halfwords, one load and one SXTB16
 * serve two channels: B * x is the difference of the two sums over 256.
 *
 * bias_and_shift[c]: the bias, with -input_zero_point * sum(weights of c) folded in and below 2^25 in magnitude, times
 * 32, plus the right shift in [1, 22] that rescales together with multiplier[c].
 *
 * kws_conv takes four output pixels at a time (one in its portable form), which share a pass over the weights.
 * scratch: 8 * round_up(K, 4) bytes, and round_up(K, 4) more unless the window is a single pixel and the stride 1
 * ("dense"). Sharing: the outputs of each four are written after all their inputs have been read.
 * kws_conv_deep takes them one by one, for deep windows and single pixels. scratch: K bytes, none if dense. Sharing: as
 * kws_conv for one pixel, but if dense outputs are written while their input is read.
 * bottom_up starts with the last. */
typedef struct {
  kws_window window;
  const uint32_t *weights;
  const int32_t *bias_and_shift;
  const int32_t *multiplier;
  int8_t input_zero_point;
  int8_t output_zero_point;
  uint8_t bottom_up;
} kws_conv_op;

void kws_conv(const kws_conv_op *op, const int8_t *input, int8_t *output, void *scratch);
void kws_conv_deep(const kws_conv_op *op, const int8_t *input, int8_t *output, void *scratch);

/* Any convolution, also grouped (input_channels is a multiple of group_channels), with weights
 * [output_channels][kernel_height][kernel_width][group_channels], unfolded bias (or NULL) and shift[c] in [-31, 30],
 * left when positive. For what kws_conv cannot represent; slower. Input and output must not overlap. */
typedef struct {
  kws_window window;
  const int8_t *weights;
  const int32_t *bias;
  const int32_t *multiplier;
  const int8_t *shift;
  uint16_t group_channels;
  int8_t input_zero_point;
  int8_t output_zero_point;
} kws_conv_any_op;

void kws_conv_any(const kws_conv_any_op *op, const int8_t *input, int8_t *output);

/* Depthwise 3x3 convolution, stride 1, one pixel of padding all round, channel by channel through a widened copy of
 * the channel's plane.
 *
 * The plane is walked as `outer` lines of `inner` values; a line is a row or a column of the image, whichever wastes
 * less. weights: [channels][3][3] with lines outermost; bias_and_shift and multiplier as in kws_conv.
 * scratch: (outer + 2) * (even(inner) + 2) int16. Input and output may be the same memory, or disjoint. */
typedef struct {
  uint16_t channels;
  uint16_t outer, inner;
  uint16_t outer_stride, inner_stride;
  const int8_t *weights;
  const int32_t *bias_and_shift;
  const int32_t *multiplier;
  int8_t input_zero_point;
  int8_t output_zero_point;
} kws_depthwise_3x3_op;

void kws_depthwise_3x3(const kws_depthwise_3x3_op *op, const int8_t *input, int8_t *output, void *scratch);

/* Depthwise convolution with one filter a channel: weights [kernel_height][kernel_width][channels];
 * bias_and_shift and multiplier as in kws_conv. scratch: 4 bytes for each tap of the window. Sharing: as kws_depthwise.
 */
typedef struct {
  kws_window window;
  const int8_t *weights;
  const int32_t *bias_and_shift;
  const int32_t *multiplier;
  int8_t input_zero_point;
  int8_t output_zero_point;
} kws_depthwise_lanes_op;

void kws_depthwise_lanes(const kws_depthwise_lanes_op *op, const int8_t *input, int8_t *output, void *scratch);

/* Any depthwise convolution, channel multipliers included: weights [kernel_height][kernel_width][output_channels],
 * unfolded bias (or NULL), shift[c] in [-31, 30], left when positive.
 * Sharing: an output row is written when no input row above its window's first is needed any more. */
typedef struct {
  kws_window window;
  const int8_t *weights;
  const int32_t *bias;
  const int32_t *multiplier;
  const int8_t *shift;
  int8_t input_zero_point;
  int8_t output_zero_point;
} kws_depthwise_op;

void kws_depthwise(const kws_depthwise_op *op, const int8_t *input, int8_t *output);

/* Average over the part of each window inside the image, rounded to nearest, halves away from zero; or maximum.
 * Sharing: as kws_depthwise. */
void kws_average_pool(const kws_window *op, const int8_t *input, int8_t *output);
void kws_max_pool(const kws_window *op, const int8_t *input, int8_t *output);

/* Mean over any axes of a tensor of up to 4. Output index = sum of position * output_stride, 0 for reduced axes.
 * count: elements per output; multiplier and shift include 1 / count.
 * scratch: one int32 per output. Input and output may overlap freely. */
typedef struct {
  uint16_t size[4];
  uint32_t output_stride[4];
  uint32_t outputs;
  int32_t count;
  int32_t multiplier;
  int8_t shift;
  int8_t input_zero_point;
  int8_t output_zero_point;
} kws_mean_op;

void kws_mean(const kws_mean_op *op, const int8_t *input, int8_t *output, void *scratch);

/* Element by element on two tensors of up to 4 axes, broadcast where a stride is 0; the output is dense.
 * Sharing: the output may be the very memory of an input that is not broadcast. */
typedef struct {
  uint16_t size[4];
  uint32_t a_stride[4], b_stride[4];
} kws_broadcast;

/* Sum: each operand is shifted left by 20, scaled (shift in [-31, 0]), added, and the sum scaled. */
typedef struct {
  kws_broadcast shape;
  int32_t a_multiplier, b_multiplier, output_multiplier;
  int8_t a_shift, b_shift, output_shift;
  int8_t a_zero_point, b_zero_point, output_zero_point;
} kws_add_op;

void kws_add(const kws_add_op *op, const int8_t *a, const int8_t *b, int8_t *output);

/* Product; shift in [-31, 30]. */
typedef struct {
  kws_broadcast shape;
  int32_t multiplier;
  int8_t shift;
  int8_t a_zero_point, b_zero_point, output_zero_point;
} kws_mul_op;

void kws_mul(const kws_mul_op *op, const int8_t *a, const int8_t *b, int8_t *output);

/* output[i] = table[input[i] + 128]: every function of one int8 (logistic, quantize, relu ...). In place or disjoint.
 */
void kws_lookup(const int8_t *table, const int8_t *input, int8_t *output, uint32_t count);

/* values[i] limited to [low, high], in place. */
void kws_clamp(int8_t *values, uint32_t count, int8_t low, int8_t high);

/* Softmax along the last axis. exponential[d], d in [0, 255]: exp of a difference of -d from the largest input, Q0.31;
 * 0 where TFLM ignores the term. Output scale 1/256, zero point -128. In place or disjoint. */
typedef struct {
  const int32_t *exponential;
  uint16_t rows, depth;
} kws_softmax_op;

void kws_softmax(const kws_softmax_op *op, const int8_t *input, int8_t *output);

/* Moves a block of up to 4 axes between two layouts: concatenation, split, strided slices, the inside of a padded
 * tensor. Strides in bytes, those of the input may be negative. Input and output must not overlap. */
typedef struct {
  uint16_t size[4];
  int32_t input_stride[4];
  uint32_t output_stride[4];
} kws_copy_op;

void kws_copy(const kws_copy_op *op, const int8_t *input, int8_t *output);

/* count bytes of value. */
void kws_fill(int8_t *output, uint32_t count, int8_t value);

#ifdef __cplusplus
}
#endif

#endif
