/* Samples in, rows of int8 features out: the keyword spotter's front end.
 *
 * The same file runs in the Python package and in firmware, and equals the specification in
 * kws_edge/frontend/mfcc_fixed.py on every input. No heap, no floating point, no division, no global state. All
 * loops are fixed by the spec; what compilers make of the few selections lets a row's instructions vary by about one
 * percent with the samples. A frontend is used by one thread at a time; tables are shared freely.
 *
 *     static kws_frontend frontend;
 *     int8_t row[KWS_FEATURES_COLUMNS]; // from the generated kws_features.h
 *     kws_frontend_start(&frontend, &kws_features_tables);
 *     while (count != 0) {
 *       bool due;
 *       const size_t taken = kws_frontend_push(&frontend, samples, count, row, &due);
 *       samples += taken;
 *       count -= taken;
 *       if (due) use(row);
 *     }
 */
#ifndef KWS_FRONTEND_H
#define KWS_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kws_frontend_config.h"
#include "kws_transform.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { KWS_FRONTEND_MFCC = 0, KWS_FRONTEND_SPECTROGRAM = 1, KWS_FRONTEND_WAVEFORM = 2 } kws_frontend_kind;

/* Everything that a spec determines; written by the exporter, constant. */
typedef struct {
  /* a kws_frontend_kind */
  uint8_t kind;
  uint8_t mel_bands;
  /* 1 if the logarithm of the frame's energy follows those of the bands */
  uint8_t append_energy;
  /* logarithms that enter the matrix, even */
  uint8_t inputs;
  /* columns without deltas */
  uint16_t statics;
  /* 0, 1 or 2 */
  uint8_t deltas;
  /* int8 = clip((sum + bias) >> shift) */
  uint8_t shift;
  uint8_t history_shift;
  uint8_t delta_shift;
  uint16_t window_samples;
  uint16_t stride_samples;
  /* log16 = ((log2 - log_centre) * log_gain) >> 16 */
  int16_t log_gain;
  int32_t log_centre;
  /* Q20 logarithm of energies below energy_floor */
  int32_t floor_log2;
  int64_t energy_floor;
  /* [65], Q15 */
  const uint16_t *log2_chords;
  /* [mel_bands + 2] bins */
  const uint16_t *mel_edges;
  /* [points + 1], Q15 */
  const int16_t *mel_rising;
  /* [statics][inputs] */
  const int16_t *matrix;
  /* [statics] of a spectrogram or waveform */
  const int32_t *gains;
  /* [statics] */
  const int64_t *bias;
  /* [deltas * statics] */
  const int32_t *delta_gains;
  const int64_t *delta_bias;
  kws_transform_tables transform;
} kws_frontend_tables;

/* The caller owns it; its size is sizeof(kws_frontend), fixed by kws_frontend_config.h. */
typedef struct {
  const kws_frontend_tables *tables;
  /* samples of the current window that have arrived */
  uint32_t filled;
  /* samples to ignore before the next window, where windows do not overlap */
  uint32_t skip;
#if KWS_FRONTEND_DELTAS > 0
  bool started;
  /* four rows, oldest first, of cepstra and of their deltas */
  int32_t history[KWS_FRONTEND_DELTAS][4][KWS_FRONTEND_COEFFICIENTS];
#endif
#if KWS_FRONTEND_TRANSFORM_LENGTH > 0
  /* the sample before the window, the window, zeros up to the length of the transform */
  int16_t samples[KWS_FRONTEND_TRANSFORM_LENGTH + 2];
  kws_complex bins[KWS_FRONTEND_TRANSFORM_LENGTH / 2 + 1];
  int64_t energies[KWS_FRONTEND_CEPSTRUM_INPUTS + 1];
  int16_t logs[KWS_FRONTEND_CEPSTRUM_INPUTS];
#endif
} kws_frontend;

/* Begin a stream: before its first sample lies silence. */
void kws_frontend_start(kws_frontend *frontend, const kws_frontend_tables *tables);

/* Take samples up to and including the one that completes a row.
 * samples: [count], at the rate of the spec. row: [columns], written only when *due becomes true.
 * Returns how many samples were taken: all of them, unless a row is due before. */
size_t kws_frontend_push(kws_frontend *frontend, const int16_t *samples, size_t count, int8_t *row, bool *due);

/* The row of the transform in frontend->bins: what follows kws_transform, for callers that bring their own. */
void kws_frontend_row(kws_frontend *frontend, int8_t *row);

/* All rows of one recording, from a fresh start; returns how many. rows: [1 + (count - window) / stride][columns]. */
size_t kws_frontend_clip(kws_frontend *frontend, const kws_frontend_tables *tables, const int16_t *samples,
                         size_t count, int8_t *rows);

#ifdef __cplusplus
}
#endif

#endif
