/* Proves on the board that it computes what the host computed: every stage on a signal and on numbers that both make
 * for themselves, against the expected results in kws_golden.c.
 *
 *     kws_selftest_stage stage = kws_selftest(&spotter, arena, sizeof arena);
 *     puts(kws_selftest_name(stage));   // "PASS", or the first stage that differs
 *
 * It needs no memory beside the spotter's own and 0.6 KB of stack (-O2, twelve labels), and the time of eight
 * inferences and of the front end for twice a clip and a little more, all in one call: a watchdog must bear that. */
#ifndef KWS_SELFTEST_H
#define KWS_SELFTEST_H

#include "kws_spotter.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the order in which they are tested: a difference in one is likely to make all that follow differ too. */
typedef enum {
  KWS_SELFTEST_PASS = 0,
  /* kws_spotter_init fails: the arena is too small, or engine tflm refuses the model */
  KWS_SELFTEST_START,
  /* bins of the transform */
  KWS_SELFTEST_SPECTRUM,
  /* logarithms of the mel energies */
  KWS_SELFTEST_LOGARITHMS,
  /* rows of int8 features */
  KWS_SELFTEST_FEATURES,
  /* logits of the network */
  KWS_SELFTEST_NETWORK,
  /* scores and detections */
  KWS_SELFTEST_DETECTOR,
  /* all of it, through kws_spotter_push */
  KWS_SELFTEST_STREAM
} kws_selftest_stage;

/* Test every stage; returns KWS_SELFTEST_PASS or the first one that differs. The spotter and the arena are as for
 * kws_spotter_init, which must be called afterwards before samples are pushed. */
kws_selftest_stage kws_selftest(kws_spotter *spotter, void *arena, size_t arena_bytes);

/* What to print: "PASS", or "FAIL" and the name of the stage. */
const char *kws_selftest_name(kws_selftest_stage stage);

#ifdef __cplusplus
}
#endif

#endif
