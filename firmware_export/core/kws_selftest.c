#include "kws_selftest.h"

#include "kws_golden.h"
#include "kws_memory.h"

/* Checksum of a sequence of numbers: FNV-1a over whole 32-bit words, whatever the byte order of the machine. */
#define CHECKSUM_START 2166136261u

static uint32_t checksum(uint32_t sum, int32_t value) { return (sum ^ (uint32_t)value) * 16777619u; }

static uint32_t checksum_bytes(uint32_t sum, const int8_t *values, size_t count) {
  for (size_t i = 0; i < count; ++i) sum = checksum(sum, values[i]);
  return sum;
}

/* Marsaglia's xorshift32. */
static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

/* Two gliding triangle waves in bursts of changing loudness, over noise of changing loudness. */
typedef struct {
  uint32_t position;
  uint32_t random;
  uint16_t low;
  uint16_t high;
} test_signal;

static int32_t triangle(uint16_t phase) { return (phase < 32768u ? phase : 65536 - (int32_t)phase) - 16384; }

static int16_t next_sample(test_signal *signal) {
  const uint32_t glide = 600u + 3u * (signal->position & 4095u);
  const int32_t loudness = (int32_t)((5u * (signal->position >> 9)) & 7u);
  const int32_t noise = (int32_t)(next_random(&signal->random) >> 20) - 2048;
  signal->low = (uint16_t)(signal->low + glide);
  signal->high = (uint16_t)(signal->high + 5u * glide);
  const int32_t waves = (triangle(signal->low) + triangle(signal->high) / 2) * loudness / 8;
  const int32_t sample = waves + noise / (1 << ((signal->position >> 11) & 7u));
  ++signal->position;
  return (int16_t)sample;
}

static bool equal_logits(const int8_t *made, const int8_t *expected) {
  for (size_t label = 0; label < KWS_CONFIG_LABELS; ++label) {
    if (made[label] != expected[label]) return false;
  }
  return true;
}

static void start_signal(test_signal *signal) {
  kws_fill_bytes(signal, sizeof *signal, 0);
  signal->random = KWS_GOLDEN_SEED;
}

/* One clip through the front end; its features stay in the spotter. */
static kws_selftest_stage test_frontend(kws_spotter *spotter) {
  test_signal signal;
  uint32_t spectrum = CHECKSUM_START;
  uint32_t logarithms = CHECKSUM_START;
  size_t row = 0;
  start_signal(&signal);
  kws_frontend_start(&spotter->frontend, &kws_features_tables);
  while (row < KWS_FEATURES_FRAMES) {
    const int16_t sample = next_sample(&signal);
    bool due;
    kws_frontend_push(&spotter->frontend, &sample, 1, spotter->features[row], &due);
    if (due) {
      ++row;
#if KWS_FRONTEND_TRANSFORM_LENGTH > 0
      for (size_t bin = 0; bin <= KWS_FRONTEND_TRANSFORM_LENGTH / 2; ++bin) {
        spectrum = checksum(spectrum, spotter->frontend.bins[bin].re);
        spectrum = checksum(spectrum, spotter->frontend.bins[bin].im);
      }
#endif
#if KWS_FRONTEND_WITH_MFCC
      for (size_t band = 0; band < KWS_GOLDEN_LOGARITHMS; ++band) {
        logarithms = checksum(logarithms, spotter->frontend.logs[band]);
      }
#endif
    }
  }
  if (spectrum != kws_golden_spectrum) return KWS_SELFTEST_SPECTRUM;
  if (logarithms != kws_golden_logarithms) return KWS_SELFTEST_LOGARITHMS;
  const int8_t *features = spotter->features[0];
  if (checksum_bytes(CHECKSUM_START, features, sizeof spotter->features) != kws_golden_features) {
    return KWS_SELFTEST_FEATURES;
  }
  return KWS_SELFTEST_PASS;
}

/* The features of that clip through the network, then windows of random numbers. */
static kws_selftest_stage test_network(kws_spotter *spotter) {
  uint32_t random = KWS_GOLDEN_SEED;
  int8_t *features = spotter->features[0];
  for (size_t window = 0; window < KWS_GOLDEN_WINDOWS; ++window) {
    if (kws_engine_run(features, spotter->logits, spotter->arena) != KWS_OK ||
        !equal_logits(spotter->logits, kws_golden_logits[window])) {
      return KWS_SELFTEST_NETWORK;
    }
    for (size_t i = 0; i < sizeof spotter->features; ++i) {
      features[i] = (int8_t)((int32_t)(next_random(&random) >> 24) - 128);
    }
  }
  return KWS_SELFTEST_PASS;
}

/* Outputs in which one label after the other leads, more or less clearly. */
static kws_selftest_stage test_detector(kws_spotter *spotter) {
  uint32_t random = KWS_GOLDEN_SEED;
  uint32_t sum = CHECKSUM_START;
  uint32_t leader = 0;
  kws_detector_start(&spotter->detector, &kws_config_detector);
  for (int32_t inference = 0; inference < KWS_GOLDEN_INFERENCES; ++inference) {
    uint8_t detected;
    uint16_t score;
    if (inference % 16 == 0) leader = next_random(&random) % KWS_CONFIG_LABELS;
    for (uint32_t label = 0; label < KWS_CONFIG_LABELS; ++label) {
      const int32_t noise = (int32_t)(next_random(&random) >> 26);
      spotter->logits[label] = (int8_t)(label == leader ? 127 - noise : noise - 128);
    }
    if (kws_detector_push(&spotter->detector, spotter->logits, &detected, &score)) {
      sum = checksum(sum, detected);
      sum = checksum(sum, score);
    }
    for (size_t label = 0; label < KWS_CONFIG_LABELS; ++label) {
      sum = checksum(sum, (int32_t)spotter->detector.sums[label]);
    }
  }
  return sum == kws_golden_detector ? KWS_SELFTEST_PASS : KWS_SELFTEST_DETECTOR;
}

static kws_selftest_stage test_stream(kws_spotter *spotter, void *arena, size_t arena_bytes) {
  test_signal signal;
  int16_t samples[KWS_GOLDEN_CHUNK];
  uint32_t sum = CHECKSUM_START;
  start_signal(&signal);
  if (kws_spotter_init(spotter, arena, arena_bytes) != KWS_OK) return KWS_SELFTEST_START;
  while (spotter->inferences < KWS_GOLDEN_STREAM_INFERENCES) {
    const int16_t *rest = samples;
    size_t count = KWS_GOLDEN_CHUNK;
    for (size_t i = 0; i < KWS_GOLDEN_CHUNK; ++i) samples[i] = next_sample(&signal);
    while (count != 0 && spotter->inferences < KWS_GOLDEN_STREAM_INFERENCES) {
      kws_detection detection;
      size_t taken;
      const kws_status status = kws_spotter_push(spotter, rest, count, &taken, &detection);
      if (status < KWS_OK) return KWS_SELFTEST_STREAM;
      if (status != KWS_OK) {
        sum = checksum(sum, (int32_t)spotter->samples);
        sum = checksum_bytes(sum, spotter->logits, KWS_CONFIG_LABELS);
      }
      if (status == KWS_DETECTED) sum = checksum(sum, detection.label);
      rest += taken;
      count -= taken;
    }
  }
  return sum == kws_golden_stream ? KWS_SELFTEST_PASS : KWS_SELFTEST_STREAM;
}

kws_selftest_stage kws_selftest(kws_spotter *spotter, void *arena, size_t arena_bytes) {
  if (kws_spotter_init(spotter, arena, arena_bytes) != KWS_OK) return KWS_SELFTEST_START;
  kws_selftest_stage stage = test_frontend(spotter);
  if (stage == KWS_SELFTEST_PASS) stage = test_network(spotter);
  if (stage == KWS_SELFTEST_PASS) stage = test_detector(spotter);
  if (stage == KWS_SELFTEST_PASS) stage = test_stream(spotter, arena, arena_bytes);
  return stage;
}

const char *kws_selftest_name(kws_selftest_stage stage) {
  switch (stage) {
  case KWS_SELFTEST_PASS:
    return "PASS";
  case KWS_SELFTEST_START:
    return "FAIL: kws_spotter_init refuses";
  case KWS_SELFTEST_SPECTRUM:
    return "FAIL: the front end's spectrum differs";
  case KWS_SELFTEST_LOGARITHMS:
    return "FAIL: the front end's logarithms differ";
  case KWS_SELFTEST_FEATURES:
    return "FAIL: the front end's features differ";
  case KWS_SELFTEST_NETWORK:
    return "FAIL: the network's outputs differ";
  case KWS_SELFTEST_DETECTOR:
    return "FAIL: the detector differs";
  case KWS_SELFTEST_STREAM:
    return "FAIL: the stream differs";
  }
  return "FAIL: no such stage";
}
