/* The keyword spotter: samples in, detections out. One C API over both engines; include this file, from C or C++.
 *
 *     #include "kws_spotter.h"
 *
 *     static kws_spotter spotter;
 *     static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];
 *
 *     kws_status status = kws_spotter_init(&spotter, arena, sizeof arena);   // once
 *
 *     while (status >= 0 && count != 0) {                                    // for every block from the microphone
 *       size_t taken;
 *       kws_detection detection;
 *       status = kws_spotter_push(&spotter, samples, count, &taken, &detection);
 *       if (status == KWS_DETECTED) puts(kws_config_labels[detection.label]);
 *       samples += taken;
 *       count -= taken;
 *     }
 *
 * Samples are what the microphone gives, at KWS_SPOTTER_SAMPLE_RATE_HZ: no gain control, no noise suppression. One that
 * delivers twice that rate goes through kws_decimate.h, which also removes a constant offset.
 *
 * They pass through the front end; its rows of int8 features fill a window of KWS_FEATURES_FRAMES rows; each time
 * the window is full, which is every KWS_CONFIG_INFERENCE_ROWS rows after the first clip, the engine computes the
 * logits and the detector takes them. All memory is the caller's and its size is known at compile time. A spotter is
 * used by one thread at a time; since inferences are made inside of kws_spotter_push, that is no place for an
 * interrupt, which puts its samples into a buffer instead. Several spotters run side by side, each in its own memory.
 *
 * Labels and thresholds are constants of kws_config.c, from the bundle's settings: `kws-edge calibrate` changes those,
 * `kws-edge export` writes them anew. */
#ifndef KWS_SPOTTER_H
#define KWS_SPOTTER_H

#include <stddef.h>
#include <stdint.h>

#include "kws_config.h"
#include "kws_detector.h"
#include "kws_engine.h"
#include "kws_features.h"
#include "kws_frontend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of arena to give to kws_spotter_init, at any address: what the engine needs, and room to align it. */
#define KWS_SPOTTER_ARENA_BYTES (KWS_ENGINE_ARENA_BYTES + KWS_ENGINE_ARENA_ALIGNMENT)

/* samples per second that kws_spotter_push expects */
#define KWS_SPOTTER_SAMPLE_RATE_HZ KWS_FEATURES_SAMPLE_RATE_HZ

/* The model's detection settings, in the generated kws_config.c. */
extern const kws_detector_settings kws_config_detector;

typedef struct {
  /* index into kws_config_labels, such as KWS_CONFIG_LABEL_YES, of a keyword: never of silence or unknown */
  uint8_t label;
  /* smoothed probability, 0 to 32768 for 0 to 1 */
  uint16_t score;
  /* samples pushed since kws_spotter_init when the keyword was detected */
  uint64_t end_sample;
} kws_detection;

/* The caller owns it; sizeof(kws_spotter) is its whole need beside the arena. `logits` and `features` may be read
 * between two calls; the rest is the spotter's own. */
typedef struct {
  kws_frontend frontend;
  kws_detector detector;
  /* the arena, aligned; NULL unless initialised */
  void *arena;
  uint64_t samples;
  /* inferences made since kws_spotter_init */
  uint32_t inferences;
  /* rows in `features` that hold the stream's latest */
  uint16_t rows;
  /* features of the last inference while `rows` is KWS_FEATURES_FRAMES, as it is when push returns after one */
  int8_t features[KWS_FEATURES_FRAMES][KWS_FEATURES_COLUMNS];
  /* outputs of the last inference */
  int8_t logits[KWS_CONFIG_LABELS];
} kws_spotter;

/* Begin a stream; also the way to begin another. arena: `arena_bytes` bytes at any address, at least
 * KWS_SPOTTER_ARENA_BYTES. With engine aot others may use them between two calls; with engine tflm they are the
 * spotter's for as long as it is used.
 * Returns KWS_OK, KWS_ERROR_NULL, KWS_ERROR_ARENA_BYTES or KWS_ERROR_MODEL. */
kws_status kws_spotter_init(kws_spotter *spotter, void *arena, size_t arena_bytes);

/* Take samples up to and including the one that completes an inference.
 * samples: int16[count] at KWS_SPOTTER_SAMPLE_RATE_HZ. *taken: how many were taken, all of them unless an inference
 * came before; push the rest in the next call. *detection: written only when KWS_DETECTED is returned.
 * Returns KWS_OK (all taken, no inference), KWS_INFERRED, KWS_DETECTED, or KWS_ERROR_NULL, KWS_ERROR_NOT_READY or
 * KWS_ERROR_INFERENCE. After an error of the inference the stream goes on with the next call. */
kws_status kws_spotter_push(kws_spotter *spotter, const int16_t *samples, size_t count, size_t *taken,
                            kws_detection *detection);

#ifdef __cplusplus
}
#endif

#endif
