#include "kws_decimate.h"

#include <string.h>

#include "kws_simd.h"

#define SIDE KWS_DECIMATE_SIDE_TAPS

/* Q15; the one in the middle, 1/2, is left out. Its neighbours are one unit above their formula, which makes the gain
 * at 0 Hz exactly 1. All magnitudes add up to 59196 / 32768, so 32 bits hold any sum of products of int16. */
static const int16_t taps[2 * SIDE] = {-5,    10,    -18,  29,    -44,  64,   -89,   122,  -163,  215,
                                       -279,  359,   -460, 590,   -762, 1002, -1365, 1995, -3422, 10413,
                                       10413, -3422, 1995, -1365, 1002, -762, 590,   -460, 359,   -279,
                                       215,   -163,  122,  -89,   64,   -44,  29,    -18,  10,    -5};

#if KWS_SIMD
/* Two neighbours, wherever they lie. */
static uint32_t load_pair(const int16_t *pair) {
  uint32_t word;
  memcpy(&word, pair, sizeof word);
  return word;
}
#endif

/* `sum` and the products of taps and samples. outer: int16[2 * SIDE] */
static int32_t add_products(const int16_t *outer, int32_t sum) {
#if KWS_SIMD
  for (size_t i = 0; i < 2 * SIDE; i += 8) {
    sum = kws_smlad(load_pair(outer + i), load_pair(taps + i), sum);
    sum = kws_smlad(load_pair(outer + i + 2), load_pair(taps + i + 2), sum);
    sum = kws_smlad(load_pair(outer + i + 4), load_pair(taps + i + 4), sum);
    sum = kws_smlad(load_pair(outer + i + 6), load_pair(taps + i + 6), sum);
  }
#else
  for (size_t i = 0; i < SIDE; ++i) sum += taps[i] * (outer[i] + outer[2 * SIDE - 1 - i]);
#endif
  return sum;
}

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
    const int32_t middle = 16384 * decimate->middle[decimate->middle_next] + 16384;
    const int32_t sum = add_products(decimate->outer + decimate->outer_next, middle);
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
