#include "kws_decimate.h"

#define SIDE KWS_DECIMATE_SIDE_TAPS

/* Q15, from the middle outwards; the one in the middle is 1/2. The first is one unit above its formula, which makes the
 * gain at 0 Hz exactly 1. All magnitudes add up to 59196 / 32768, so 32 bits hold any sum of products of int16. */
static const int16_t taps[SIDE] = {10413, -3422, 1995, -1365, 1002, -762, 590, -460, 359, -279,
                                   215,   -163,  122,  -89,   64,   -44,  29,  -18,  10,  -5};

static int16_t clip_int16(int32_t value) {
  return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

size_t kws_decimate_push(kws_decimate *decimate, const int16_t *pcm, size_t frames, size_t channels, int16_t *out) {
  size_t written = 0;
  for (size_t frame = 0; frame < frames; ++frame) {
    const int16_t sample = pcm[frame * channels];
    if (decimate->second == 0) {
      decimate->second = 1;
      decimate->middle[decimate->middle_next] = sample;
      decimate->middle_next = (uint8_t)(decimate->middle_next + 1u == SIDE ? 0u : decimate->middle_next + 1u);
      continue;
    }
    decimate->second = 0;
    decimate->outer[decimate->outer_next] = sample;
    decimate->outer[decimate->outer_next + 2 * SIDE] = sample;
    decimate->outer_next = (uint8_t)(decimate->outer_next + 1u == 2 * SIDE ? 0u : decimate->outer_next + 1u);
    /* both rings stand at their oldest sample now */
    const int16_t *const outer = decimate->outer + decimate->outer_next;
    int32_t sum = 16384 * decimate->middle[decimate->middle_next] + 16384;
    for (size_t tap = 0; tap < SIDE; ++tap) {
      sum += taps[tap] * (outer[SIDE - 1 - tap] + outer[SIDE + tap]);
    }
    out[written++] = clip_int16(sum >> 15);
  }
  return written;
}

void kws_dc_block_run(kws_dc_block *block, int16_t *samples, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const int32_t level = samples[i] - ((block->offset + 512) >> 10);
    block->offset += level;
    samples[i] = clip_int16(level);
  }
}
