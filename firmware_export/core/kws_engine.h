/* One inference, whichever engine computes it: the seam between the spotter and the network.
 *
 * Two engines implement these functions with equal results: `aot`, the network as plain C calls (kws_engine_aot.c over
 * the generated kws_network.c), and `tflm`, TensorFlow Lite Micro's interpreter (kws_engine_tflm.cc). A firmware links
 * exactly one of them. An engine has no state outside the arena. */
#ifndef KWS_ENGINE_H
#define KWS_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "kws_config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a call of the spotter or of an engine comes back with: an error is negative. */
typedef enum {
  /* a keyword was detected (kws_spotter_push only) */
  KWS_DETECTED = 2,
  /* an inference was made and nothing was detected (kws_spotter_push only) */
  KWS_INFERRED = 1,
  KWS_OK = 0,
  /* a pointer that must point to something is NULL */
  KWS_ERROR_NULL = -1,
  /* the arena is smaller than the constant that states its size */
  KWS_ERROR_ARENA_BYTES = -2,
  /* the engine cannot run this model: its schema version, an operator that was not registered, its tensors' types or
   * shapes, or an arena that its own memory plan does not fit (engine tflm only) */
  KWS_ERROR_MODEL = -3,
  /* the engine failed in the middle of an inference (engine tflm), or this CMSIS-NN does not fit what was exported
   * (engine aot with KWS_USE_CMSIS_NN) */
  KWS_ERROR_INFERENCE = -4,
  /* the spotter was not initialised, or its initialisation failed */
  KWS_ERROR_NOT_READY = -5
} kws_status;

/* Bytes and alignment of the arena, the engine's working memory: constants of the generated kws_config.h. With engine
 * tflm the bytes hold its interpreter and resolver beside the tensors. */
#define KWS_ENGINE_ARENA_BYTES KWS_CONFIG_ENGINE_ARENA_BYTES
#define KWS_ENGINE_ARENA_ALIGNMENT KWS_CONFIG_ENGINE_ARENA_ALIGNMENT

/* Make the engine ready in `arena`: KWS_ENGINE_ARENA_BYTES bytes, aligned, owned by the caller, who leaves them alone
 * for as long as the engine is used (engine aot keeps nothing there between two calls, so there it may be reused).
 * Returns KWS_OK, or why the engine cannot run. */
kws_status kws_engine_init(void *arena);

/* One inference in an arena that kws_engine_init made ready.
 * features: int8[KWS_FEATURES_FRAMES][KWS_FEATURES_COLUMNS] at the model's input scale and zero point, outside the
 * arena. logits: int8[KWS_CONFIG_LABELS], outside the arena, written when KWS_OK is returned.
 * Returns KWS_OK, KWS_ERROR_NULL or KWS_ERROR_INFERENCE. */
kws_status kws_engine_run(const int8_t *features, int8_t *logits, void *arena);

#ifdef __cplusplus
}
#endif

#endif
