/* The exported spotter on trial: all samples of input 0 through it, every inference written out, or its self-test.
 *
 * Input 1 holds two numbers: 1 for the self-test alone, else 0; and the samples of each recording in input 0, which
 * are so many streams of their own, or 0 for one stream. Printed: the self-test's verdict, sizes, the stack that the
 * spotter took. Written for each inference: the checksum of the features that the network saw, samples pushed (low 32
 * bits), label and score of a detection or KWS_DETECTOR_NO_LABEL and 0, and the logits. */
#include "kws_qemu.h"
#include "kws_selftest.h"
#include "kws_spotter.h"

enum { BLOCK_SAMPLES = 160, RECORD_BYTES = 11 };

static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];
/* the trial's own, static so that the stack is the spotter's alone */
static int16_t block[BLOCK_SAMPLES];
static uint8_t record[RECORD_BYTES + KWS_CONFIG_LABELS];

static void put_number(uint8_t *bytes, uint32_t value, unsigned count) {
  for (unsigned i = 0; i < count; ++i) bytes[i] = (uint8_t)(value >> (8u * i));
}

static int write_inference(kws_status status, const kws_detection *detection) {
  /* FNV-1a over bytes */
  uint32_t sum = 2166136261u;
  const int8_t *features = spotter.features[0];
  for (size_t i = 0; i < sizeof spotter.features; ++i) sum = (sum ^ (uint8_t)features[i]) * 16777619u;
  put_number(record, sum, 4);
  put_number(record + 4, (uint32_t)spotter.samples, 4);
  put_number(record + 8, status == KWS_DETECTED ? detection->label : KWS_DETECTOR_NO_LABEL, 1);
  put_number(record + 9, status == KWS_DETECTED ? detection->score : 0, 2);
  for (size_t i = 0; i < KWS_CONFIG_LABELS; ++i) record[RECORD_BYTES + i] = (uint8_t)spotter.logits[i];
  return kws_qemu_write(record, sizeof record);
}

/* The next `most` samples of the input at most, through the spotter; returns how many, or -1 after an error. */
static int32_t push_block(int32_t handle, uint32_t most) {
  const uint32_t wanted = most < BLOCK_SAMPLES ? most : BLOCK_SAMPLES;
  const size_t got = kws_qemu_read(handle, block, wanted * sizeof block[0]) / sizeof block[0];
  size_t pushed = 0;
  while (pushed < got) {
    size_t taken;
    kws_detection detection;
    const kws_status status = kws_spotter_push(&spotter, block + pushed, got - pushed, &taken, &detection);
    if (status < KWS_OK) return -1;
    if (status != KWS_OK && write_inference(status, &detection) != 0) return -1;
    pushed += taken;
  }
  return (int32_t)got;
}

static void print_number(const char *name, uint32_t value) {
  kws_qemu_print(name);
  kws_qemu_print_int((int32_t)value);
  kws_qemu_print("\n");
}

static void run_selftest(void) {
  kws_qemu_stack_paint();
  const kws_selftest_stage stage = kws_selftest(&spotter, arena, sizeof arena);
  print_number("selftest_stack_bytes ", kws_qemu_stack_used());
  kws_qemu_print("selftest ");
  kws_qemu_print(kws_selftest_name(stage));
  kws_qemu_print("\n");
}

/* Returns 0, or -1 after an error. */
static int run_streams(int32_t handle, uint32_t recording) {
  int32_t pushed = 1;
  kws_qemu_stack_paint();
  while (pushed > 0) {
    uint32_t left = recording == 0 ? UINT32_MAX : recording;
    if (kws_spotter_init(&spotter, arena, sizeof arena) != KWS_OK) return -1;
    do {
      pushed = push_block(handle, left);
      if (pushed > 0) left -= (uint32_t)pushed;
    } while (left != 0 && pushed > 0);
  }
  print_number("stack_bytes ", kws_qemu_stack_used());
  return pushed;
}

int main(void) {
  uint32_t request[2];
  const int32_t samples = kws_qemu_open(0);
  const int32_t requests = kws_qemu_open(1);
  if (samples < 0 || requests < 0 || kws_qemu_read(requests, request, sizeof request) != sizeof request) {
    return 3;
  }
  print_number("spotter_bytes ", sizeof spotter);
  print_number("arena_bytes ", sizeof arena);
  if (request[0] != 0) {
    run_selftest();
    return 0;
  }
  return run_streams(samples, request[1]) == 0 ? 0 : 4;
}
