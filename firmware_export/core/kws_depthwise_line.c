/* See kws_depthwise_line.h. With DSP instructions two neighbouring outputs are made at a time: of a line of four
 * inputs, output 0 takes 0 to 2 and output 1 takes 1 to 3. Six registers of weights leave compilers too few for the
 * rest, so the loop is assembly and reads from memory what it needs once a turn. */
#include "kws_depthwise_line.h"

#include <string.h>

#include "kws_requantize.h"

#if KWS_SIMD && !defined(KWS_SIMD_EMULATION)

/* r0 channel, r4-r9 weights, r10 line, r11 pitch, r12 output, [sp] end of line; r3 and lr the two sums */
KWS_ASSEMBLY void kws_depthwise_line(const kws_depthwise_channel *channel KWS_UNUSED, const int16_t *line KWS_UNUSED,
                                     uint32_t count KWS_UNUSED, int8_t *output KWS_UNUSED) {
  __asm__(".syntax unified\n"
          "cmp    r2, #0\n"
          "beq    2f\n"
          "push   {r4-r11, r12, lr}\n"
          "mov    r10, r1\n"
          "add    r1, r1, r2, lsl #1\n"
          "push   {r1, r2}\n"
          "mov    r12, r3\n"
          "ldm    r0, {r4-r9}\n"
          "ldr    r11, [r0, #40]\n" /* pitch_bytes */
          "1:\n"
          "ldrd   r1, r2, [r10]\n"
          "ldr    lr, [r0, #24]\n" /* bias */
          "smlad  r3, r1, r4, lr\n"
          "smlad  lr, r2, r5, lr\n"
          "smlabt r3, r2, r5, r3\n"
          "smlatb lr, r1, r4, lr\n"
          "add    r1, r10, r11\n"
          "ldrd   r1, r2, [r1]\n"
          "smlad  r3, r1, r6, r3\n"
          "smlad  lr, r2, r7, lr\n"
          "smlabt r3, r2, r7, r3\n"
          "smlatb lr, r1, r6, lr\n"
          "add    r1, r10, r11, lsl #1\n"
          "ldrd   r1, r2, [r1]\n"
          "smlad  r3, r1, r8, r3\n"
          "smlad  lr, r2, r9, lr\n"
          "smlabt r3, r2, r9, r3\n"
          "smlatb lr, r1, r8, lr\n"
          "ldrd   r1, r2, [r0, #28]\n" /* multiplier, rounding */
          "smmulr r3, r3, r1\n"
          "smmulr lr, lr, r1\n"
          "ldr    r1, [r0, #36]\n" /* shift */
          "add    r3, r3, r3, asr #31\n"
          "add    lr, lr, lr, asr #31\n"
          "add    r3, r3, r2\n"
          "add    lr, lr, r2\n"
          "asr    r3, r3, r1\n"
          "asr    lr, lr, r1\n"
          "ldr    r1, [r0, #44]\n" /* output_stride */
          "ssat   r3, #8, r3\n"
          "ssat   lr, #8, lr\n"
          "ldr    r2, [sp]\n"
          "add    r10, r10, #4\n"
          "strb   r3, [r12]\n"
          "strb   lr, [r12, r1]\n"
          "cmp    r10, r2\n"
          "add    r12, r12, r1, lsl #1\n"
          "bne    1b\n"
          "pop    {r1, r2}\n"
          "pop    {r4-r11, r12, pc}\n"
          "2:\n"
          "bx     lr\n");
}

#elif KWS_SIMD

void kws_depthwise_line(const kws_depthwise_channel *channel, const int16_t *line, uint32_t count, int8_t *output) {
  const uint32_t *weights = channel->weights;
  for (uint32_t i = 0; i < count; i += 2u) {
    const int16_t *inputs = line + i;
    int32_t sum0 = channel->bias;
    int32_t sum1 = sum0;
    for (uint32_t j = 0; j < 3u; ++j) {
      uint32_t pairs[2];
      memcpy(pairs, inputs, sizeof pairs);
      sum0 = kws_smlad(pairs[0], weights[2u * j], sum0);
      sum1 = kws_smlad(pairs[1], weights[2u * j + 1u], sum1);
      sum0 = kws_smlabt(pairs[1], weights[2u * j + 1u], sum0);
      sum1 = kws_smlatb(pairs[0], weights[2u * j], sum1);
      inputs += channel->pitch_bytes / 2u;
    }
    output[0] = kws_requantize(sum0, channel->multiplier, channel->rounding, channel->shift);
    output[channel->output_stride] = kws_requantize(sum1, channel->multiplier, channel->rounding, channel->shift);
    output += 2u * channel->output_stride;
  }
}

#else

void kws_depthwise_line(const kws_depthwise_channel *channel, const int16_t *line, uint32_t count, int8_t *output) {
  const uint32_t pitch = channel->pitch_bytes / 2u;
  const int16_t *end = line + count;
  while (line != end) {
    const int32_t *weights = channel->weights;
    const int16_t *inputs = line++;
    int32_t sum = channel->bias;
    sum += weights[0] * inputs[0];
    sum += weights[1] * inputs[1];
    sum += weights[2] * inputs[2];
    inputs += pitch;
    sum += weights[3] * inputs[0];
    sum += weights[4] * inputs[1];
    sum += weights[5] * inputs[2];
    inputs += pitch;
    sum += weights[6] * inputs[0];
    sum += weights[7] * inputs[1];
    sum += weights[8] * inputs[2];
    *output = kws_requantize(sum, channel->multiplier, channel->rounding, channel->shift);
    output += channel->output_stride;
  }
}

#endif
