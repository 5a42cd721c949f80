/* The exported spotter on the host, listening for as long as somebody feeds it.
 *
 * Standard input: int16 samples in this machine's byte order, one stream. Standard output: for each detection a line of
 * its label, score, inference (from 0) and end sample; at the end a line of the inferences made and the CRC-32 of all
 * their logits, as zlib computes it. Exits with 0, or 4 after an error of the spotter, 5 when it cannot write. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kws_spotter.h"

enum { BLOCK_SAMPLES = 4096 };

static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];
static int16_t block[BLOCK_SAMPLES];
static uint32_t crc = UINT32_MAX;

static void add_to_crc(const int8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    crc ^= (uint8_t)bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
  }
}

/* Returns 0, or the exit code of an error. */
static int push(const int16_t *samples, size_t count) {
  while (count != 0) {
    size_t taken;
    kws_detection found;
    const kws_status status = kws_spotter_push(&spotter, samples, count, &taken, &found);
    /* as an application may that has other use for this memory between two calls */
    memset(arena, 0x55, sizeof arena);
    if (status < KWS_OK) return 4;
    if (status != KWS_OK) add_to_crc(spotter.logits, sizeof spotter.logits);
    if (status == KWS_DETECTED) {
      const int written = printf("%u %u %" PRIu32 " %" PRIu64 "\n", (unsigned)found.label, (unsigned)found.score,
                                 spotter.inferences - 1u, found.end_sample);
      if (written < 0) return 5;
    }
    samples += taken;
    count -= taken;
  }
  return 0;
}

int main(void) {
  if (kws_spotter_init(&spotter, arena, sizeof arena) != KWS_OK) return 4;
  size_t got;
  while ((got = fread(block, sizeof block[0], BLOCK_SAMPLES, stdin)) != 0) {
    const int error = push(block, got);
    if (error != 0) return error;
  }
  const int written = printf("end %" PRIu32 " %" PRIu32 "\n", spotter.inferences, ~crc);
  return written < 0 || fflush(stdout) != 0 ? 5 : 0;
}
