/* From rows of model outputs to detections: smoothing, thresholds, minimum count and refractory time, in integers.
 *
 * The same algorithm stands in Python in kws_edge/detection.py and gives identical results. For every inference:
 *  1. The int8 logits become probabilities in Q15 by a softmax: a logit that lies d = 16 * i + j steps below the
 *     largest counts coarse[i] * fine[j], rounded to Q15, and each is divided by their sum, rounded to nearest.
 *  2. The probability of each label is summed over the last `smoothing_window` inferences (those before the first
 *     count as 0). The score is that sum over the window.
 *  3. The candidate is the keyword with the highest score among those whose score reaches their threshold (the first
 *     of equals); there may be none.
 *  4. A keyword that has been the candidate for `minimum_count` inferences in a row is detected. Then the detector
 *     counts nothing for `refractory` inferences; after these, any other keyword can be detected, and the same one
 *     once an inference has had another candidate or none. So whatever keeps one keyword's outputs high, and however
 *     long, is one detection.
 * No heap, no floating point, no global state; one division per label and inference. */
#ifndef KWS_DETECTOR_H
#define KWS_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "kws_config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* threshold of a label that is no keyword: no score reaches it */
#define KWS_DETECTOR_NEVER 65535u
#define KWS_DETECTOR_NO_LABEL 255u

/* Written by the exporter, constant. */
typedef struct {
  /* Q31: exp(-16 * i * output scale), [coarse_count], beyond its end 0; and exp(-j * output scale), [16] */
  const uint32_t *coarse;
  const uint32_t *fine;
  /* 1 to 16 */
  uint8_t coarse_count;
  /* [labels], Q15: score at which a label is a hit, or KWS_DETECTOR_NEVER */
  const uint16_t *threshold;
  /* 1 to KWS_CONFIG_LABELS, which is at most 255 */
  uint8_t labels;
  /* 1 to KWS_CONFIG_SMOOTHING_WINDOW */
  uint8_t smoothing_window;
  /* at least 1 */
  uint8_t minimum_count;
  /* inferences after a detection that count for nothing */
  uint16_t refractory;
} kws_detector_settings;

/* The caller owns it. */
typedef struct {
  const kws_detector_settings *settings;
  /* Q15 probabilities of the last inferences, a ring, and their sums */
  uint16_t history[KWS_CONFIG_SMOOTHING_WINDOW][KWS_CONFIG_LABELS];
  uint32_t sums[KWS_CONFIG_LABELS];
  /* row of `history` that the next inference replaces */
  uint8_t next;
  /* label of the last candidate or KWS_DETECTOR_NO_LABEL, and for how many inferences in a row it has been that */
  uint8_t candidate;
  uint8_t count;
  /* inferences that the refractory time still lasts */
  uint16_t quiet;
  /* label of the last detection while it may not be detected again, or KWS_DETECTOR_NO_LABEL */
  uint8_t held;
} kws_detector;

/* Begin a stream. */
void kws_detector_start(kws_detector *detector, const kws_detector_settings *settings);

/* Take the outputs of one inference. logits: int8[labels].
 * Returns true when a keyword is detected; then *label is its index and *score its score in Q15, 0 to 32768. */
bool kws_detector_push(kws_detector *detector, const int8_t *logits, uint8_t *label, uint16_t *score);

#ifdef __cplusplus
}
#endif

#endif
