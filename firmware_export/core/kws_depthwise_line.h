/* The inner loop of the depthwise 3x3 convolution: one line of outputs from three lines of widened inputs. */
#ifndef KWS_DEPTHWISE_LINE_H
#define KWS_DEPTHWISE_LINE_H

#include <stdint.h>

#include "kws_simd.h"

/* What the lines of one channel share. Weights and bias are doubled, because kws_requantize takes twice the sum. The
 * assembly knows the order of the fields. */
typedef struct {
#if KWS_SIMD
  uint32_t weights[6]; /* of each line of the window the pairs (0, 1) and (1, 2) */
#else
  int32_t weights[9];
#endif
  int32_t bias;
  int32_t multiplier;
  int32_t rounding;
  uint32_t shift;
  uint32_t pitch_bytes;   /* from one line of inputs to the next; a multiple of 4 */
  uint32_t output_stride; /* in bytes */
} kws_depthwise_channel;

/* `count` outputs, an even number with DSP instructions, from the lines at `line`, `line` + pitch and `line` + 2 pitch,
 * 4-byte aligned; output i takes inputs i to i + 2 of each. */
void kws_depthwise_line(const kws_depthwise_channel *channel, const int16_t *line, uint32_t count, int8_t *output);

#endif
