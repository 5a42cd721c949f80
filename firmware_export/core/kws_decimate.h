/* 16 kHz to 8 kHz, for microphones that deliver twice the model's rate.
 *
 * A half-band low-pass of 79 taps, then every second sample: flat within 0.01 dB up to 3.6 kHz, at least 65 dB down
 * from 4.4 kHz on (rates scale with the input's), delay 39 input samples. The taps are a windowed sinc:
 * h[n] = sinc(n / 2) / 2 * I0(6.2 * sqrt(1 - (n / 40)^2)) / I0(6.2), n = -39 to 39, in Q15. All even n but 0 are zero.
 * Training material is resampled with nearly the same band edge (soxr HQ: flat to 91 % of 4 kHz), so a model hears on
 * the device the band that it was trained on. Leaving every second sample out without a filter folds what lies above
 * 4 kHz, much of s, f and t, onto the speech below.
 *
 * Beside it the removal of a microphone's constant offset, at any rate. No heap, no floating point, no division. */
#ifndef KWS_DECIMATE_H
#define KWS_DECIMATE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* taps on either side of the middle that are not zero */
#define KWS_DECIMATE_SIDE_TAPS 20

/* The caller owns it. Zero is silence: `static kws_decimate decimate;` is ready, memset makes it so again. */
typedef struct {
  /* the last 2 * KWS_DECIMATE_SIDE_TAPS second samples, kept twice, so that they always lie in a row somewhere */
  int16_t outer[4 * KWS_DECIMATE_SIDE_TAPS];
  /* the last first samples, for the tap in the middle */
  int16_t middle[KWS_DECIMATE_SIDE_TAPS];
  uint8_t outer_next;
  uint8_t middle_next;
  /* 1 when the next sample is the second of its pair */
  uint8_t second;
} kws_decimate;

/* Take `frames` frames of PCM and write one sample for every second frame. Streams go on over calls of any length.
 * pcm: int16[frames * channels], channels interleaved; the first channel is used, so pass pcm + 1 for the second.
 * out: int16[(frames + 1) / 2]; may be pcm itself. Returns how many samples were written. */
size_t kws_decimate_push(kws_decimate *decimate, const int16_t *pcm, size_t frames, size_t channels, int16_t *out);

/* The caller owns it; zero is a fresh start. */
typedef struct {
  /* the offset so far, Q10 */
  int32_t offset;
} kws_dc_block;

/* Subtract the slow average from samples in place: a high-pass of one pole at sample rate / 6434, 1.2 Hz at 8 kHz,
 * which settles in half a second and takes less than 0.02 dB from anything above 20 Hz. samples: int16[count]. */
void kws_dc_block_run(kws_dc_block *block, int16_t *samples, size_t count);

#ifdef __cplusplus
}
#endif

#endif
