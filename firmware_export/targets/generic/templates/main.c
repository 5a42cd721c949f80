/* Self-test, then detections in 16-bit samples from standard input. A board feeds its microphone in the same way. */
#include <stdio.h>

#include "kws_selftest.h"
#include "kws_spotter.h"

static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];

static size_t read_samples(int16_t *samples, size_t most) {
  size_t count = 0;
  uint8_t bytes[2];
  while (count < most && fread(bytes, 1, sizeof bytes, stdin) == sizeof bytes) {
    samples[count++] = (int16_t)(uint16_t)(bytes[0] | (unsigned)bytes[1] << 8);
  }
  return count;
}

int main(void) {
  int16_t block[KWS_SPOTTER_SAMPLE_RATE_HZ / 50];
  size_t count;
  const kws_selftest_stage stage = kws_selftest(&spotter, arena, sizeof arena);
  puts(kws_selftest_name(stage));
  kws_status status = kws_spotter_init(&spotter, arena, sizeof arena);
  while (status >= KWS_OK && (count = read_samples(block, sizeof block / sizeof block[0])) != 0) {
    const int16_t *samples = block;
    while (status >= KWS_OK && count != 0) {
      size_t taken;
      kws_detection detection;
      status = kws_spotter_push(&spotter, samples, count, &taken, &detection);
      if (status == KWS_DETECTED) {
        /* whole seconds: a long of 32 bits would count milliseconds for 49 days only */
        const unsigned long seconds = (unsigned long)(detection.end_sample / KWS_SPOTTER_SAMPLE_RATE_HZ);
        const unsigned rest = (unsigned)(detection.end_sample % KWS_SPOTTER_SAMPLE_RATE_HZ);
        printf("%lu.%03u s: %s (%u %%)\n", seconds, rest * 1000u / KWS_SPOTTER_SAMPLE_RATE_HZ,
               kws_config_labels[detection.label], (unsigned)(detection.score * 100u / 32768u));
      }
      samples += taken;
      count -= taken;
    }
  }
  if (status < KWS_OK) printf("error %d\n", (int)status);
  return stage == KWS_SELFTEST_PASS && status >= KWS_OK ? 0 : 1;
}
