#include "kws_detector.h"

#include "kws_memory.h"
#include <stddef.h>

/* Q15: the exponential of a logit that lies `below` steps, 0 to 255, under the largest. */
static uint16_t power_of(const kws_detector_settings *settings, uint32_t below) {
  if (below >> 4 >= settings->coarse_count) {
    return 0;
  }
  return (uint16_t)(((uint64_t)settings->coarse[below >> 4] * settings->fine[below & 15u] + ((uint64_t)1 << 46)) >> 47);
}

/* Replace the oldest probabilities by those of `logits` and keep the sums of all that are left. */
static void smooth(kws_detector *detector, const int8_t *logits) {
  const kws_detector_settings *settings = detector->settings;
  const size_t labels = settings->labels;
  uint16_t *row = detector->history[detector->next];
  uint16_t powers[KWS_CONFIG_LABELS];
  int32_t largest = INT8_MIN;
  uint32_t total = 0;
  for (size_t label = 0; label < labels; ++label) {
    if (logits[label] > largest) largest = logits[label];
  }
  for (size_t label = 0; label < labels; ++label) {
    powers[label] = power_of(settings, (uint32_t)(largest - logits[label]));
    total += powers[label];
  }
  /* never with the exporter's tables, whose product begins with 32768 */
  if (total == 0) total = 1;
  for (size_t label = 0; label < labels; ++label) {
    /* at most 2^15 * 2^15 + 255 * 2^15 / 2: fits 32 bits */
    const uint32_t probability = (((uint32_t)powers[label] << 15) + total / 2u) / total;
    detector->sums[label] += probability - row[label];
    row[label] = (uint16_t)probability;
  }
  ++detector->next;
  if (detector->next == settings->smoothing_window) detector->next = 0;
}

/* The keyword with the highest score among those that reach their threshold. */
static uint8_t best_keyword(const kws_detector *detector) {
  const kws_detector_settings *settings = detector->settings;
  uint8_t best = KWS_DETECTOR_NO_LABEL;
  uint32_t highest = 0;
  for (uint8_t label = 0; label < settings->labels; ++label) {
    const uint32_t sum = detector->sums[label];
    const uint32_t least = (uint32_t)settings->threshold[label] * settings->smoothing_window;
    if (sum >= least && sum > highest) {
      best = label;
      highest = sum;
    }
  }
  return best;
}

/* Count the inferences in a row that had this candidate. */
static void count_candidate(kws_detector *detector, uint8_t candidate) {
  if (candidate != detector->candidate) {
    detector->candidate = candidate;
    detector->count = 0;
  }
  if (detector->count != UINT8_MAX) ++detector->count;
}

void kws_detector_start(kws_detector *detector, const kws_detector_settings *settings) {
  kws_fill_bytes(detector, sizeof *detector, 0);
  detector->settings = settings;
  detector->candidate = KWS_DETECTOR_NO_LABEL;
  detector->held = KWS_DETECTOR_NO_LABEL;
}

bool kws_detector_push(kws_detector *detector, const int8_t *logits, uint8_t *label, uint16_t *score) {
  const kws_detector_settings *settings = detector->settings;
  smooth(detector, logits);
  if (detector->quiet != 0) {
    --detector->quiet;
    return false;
  }
  const uint8_t candidate = best_keyword(detector);
  count_candidate(detector, candidate);
  if (candidate == detector->held) {
    return false;
  }
  detector->held = KWS_DETECTOR_NO_LABEL;
  if (candidate == KWS_DETECTOR_NO_LABEL || detector->count < settings->minimum_count) {
    return false;
  }
  *label = candidate;
  *score = (uint16_t)(detector->sums[candidate] / settings->smoothing_window);
  detector->held = candidate;
  detector->candidate = KWS_DETECTOR_NO_LABEL;
  detector->count = 0;
  detector->quiet = settings->refractory;
  return true;
}
