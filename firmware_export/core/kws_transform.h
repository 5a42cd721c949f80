/* The windowed real transform in 32-bit integers. */
#ifndef KWS_TRANSFORM_H
#define KWS_TRANSFORM_H

#include <stdint.h>

#include "kws_complex.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a real transform of 2^n or 5*2^n points is taken apart; written by the exporter. */
typedef struct {
  /* pre-emphasis: y[t] = sample_gain * x[t] - previous_gain * x[t - 1] */
  int16_t sample_gain;
  int16_t previous_gain;
  /* complex points: half the real ones */
  uint16_t points;
  /* 4 or 5 */
  uint8_t first_radix;
  /* passes of radix 4 after the first */
  uint8_t radix4_passes;
  /* 1 if a pass of radix 2 ends the transform */
  uint8_t radix2_passes;
  /* [2 * points], Q15, zero beyond the window */
  const int16_t *window;
  /* [points / first_radix] */
  const uint16_t *order;
  /* Q31: W^j, W^2j, W^3j for j = 1 to span - 1 of each radix-4 pass after the first */
  const kws_rotation *radix4_twiddles;
  /* [points / 2], Q31: exp(-pi i k / points) */
  const kws_rotation *split_twiddles;
} kws_transform_tables;

/* Pre-emphasis, window and real transform.
 * samples: [2 * points + 1], the sample before the window first; what lies beyond the window is multiplied by 0.
 * bins: [points + 1], scratch and result: bins 0 to points, divided by 2^(passes - 1); only powers are meaningful,
 * since the sign of an imaginary part is not specified. */
void kws_transform(const kws_transform_tables *tables, const int16_t *samples, kws_complex *bins);

#ifdef __cplusplus
}
#endif

#endif
