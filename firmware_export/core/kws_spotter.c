#include "kws_spotter.h"

#include "kws_memory.h"

kws_status kws_spotter_init(kws_spotter *spotter, void *arena, size_t arena_bytes) {
  if (spotter == NULL) {
    return KWS_ERROR_NULL;
  }
  kws_fill_bytes(spotter, sizeof *spotter, 0);
  if (arena == NULL) {
    return KWS_ERROR_NULL;
  }
  if (arena_bytes < KWS_SPOTTER_ARENA_BYTES) {
    return KWS_ERROR_ARENA_BYTES;
  }
  const size_t beyond = (uintptr_t)arena % KWS_ENGINE_ARENA_ALIGNMENT;
  uint8_t *aligned = (uint8_t *)arena + (beyond == 0 ? 0 : KWS_ENGINE_ARENA_ALIGNMENT - beyond);
  const kws_status status = kws_engine_init(aligned);
  if (status != KWS_OK) {
    return status;
  }
  kws_frontend_start(&spotter->frontend, &kws_features_tables);
  kws_detector_start(&spotter->detector, &kws_config_detector);
  spotter->arena = aligned;
  return KWS_OK;
}

/* Where the next row of features goes: the full window of the last inference makes room first. */
static int8_t *next_row(kws_spotter *spotter) {
  if (spotter->rows == KWS_FEATURES_FRAMES) {
    const size_t kept = KWS_FEATURES_FRAMES - KWS_CONFIG_INFERENCE_ROWS;
    kws_copy_down(spotter->features, spotter->features + KWS_CONFIG_INFERENCE_ROWS, kept * KWS_FEATURES_COLUMNS);
    spotter->rows = (uint16_t)kept;
  }
  return spotter->features[spotter->rows];
}

static kws_status infer(kws_spotter *spotter, kws_detection *detection) {
  const kws_status status = kws_engine_run(spotter->features[0], spotter->logits, spotter->arena);
  if (status != KWS_OK) {
    return status;
  }
  ++spotter->inferences;
  uint8_t label;
  uint16_t score;
  if (!kws_detector_push(&spotter->detector, spotter->logits, &label, &score)) {
    return KWS_INFERRED;
  }
  detection->label = label;
  detection->score = score;
  detection->end_sample = spotter->samples;
  return KWS_DETECTED;
}

kws_status kws_spotter_push(kws_spotter *spotter, const int16_t *samples, size_t count, size_t *taken,
                            kws_detection *detection) {
  if (spotter == NULL || samples == NULL || taken == NULL || detection == NULL) {
    return KWS_ERROR_NULL;
  }
  *taken = 0;
  if (spotter->arena == NULL) {
    return KWS_ERROR_NOT_READY;
  }
  while (*taken < count) {
    bool due;
    const size_t pushed =
        kws_frontend_push(&spotter->frontend, samples + *taken, count - *taken, next_row(spotter), &due);
    *taken += pushed;
    spotter->samples += pushed;
    if (due) {
      ++spotter->rows;
      if (spotter->rows == KWS_FEATURES_FRAMES) return infer(spotter, detection);
    }
  }
  return KWS_OK;
}
