/* libFuzzer: the front end in pieces equals itself whole, and equals the host's eight frames at a time, on any samples;
 * compiled with the sanitizers, it also shows that no input overflows or reads beyond. The first byte sets the length
 * of the pieces. */
#include <stdlib.h>

#include "kws_features.h"

#define MOST_SAMPLES 4096
#define MOST_ROWS (MOST_SAMPLES / KWS_FEATURES_STRIDE_SAMPLES + 1)

bool kws_batch_has_lanes(void);
size_t kws_batch_padding(const kws_frontend_tables *tables);
void kws_batch_features(const kws_frontend_tables *tables, const int16_t *clips, size_t count, size_t samples,
                        int8_t *rows, size_t clip_values, bool use_lanes, int16_t *padded);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static kws_frontend frontend;

static size_t push_in_pieces(const int16_t *samples, size_t count, size_t piece, int8_t *rows) {
  size_t written = 0;
  kws_frontend_start(&frontend, &kws_features_tables);
  while (count != 0) {
    bool due;
    const size_t taken = kws_frontend_push(&frontend, samples, count < piece ? count : piece,
                                           rows + written * KWS_FEATURES_COLUMNS, &due);
    samples += taken;
    count -= taken;
    written += due;
  }
  return written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static int8_t whole[MOST_ROWS * KWS_FEATURES_COLUMNS];
  static int8_t pieces[MOST_ROWS * KWS_FEATURES_COLUMNS];
  static int8_t lanes[MOST_ROWS * KWS_FEATURES_COLUMNS];
  if (size < 3 || size > 2 * MOST_SAMPLES) return 0;
  const size_t count = (size - 1) / 2;
  /* on the heap, where a read beyond is seen */
  int16_t *samples = malloc(count * sizeof(int16_t));
  memcpy(samples, data + 1, count * sizeof(int16_t));
  const size_t rows = kws_frontend_clip(&frontend, &kws_features_tables, samples, count, whole);
  if (push_in_pieces(samples, count, data[0] + 1u, pieces) != rows) abort();
  if (memcmp(whole, pieces, rows * KWS_FEATURES_COLUMNS) != 0) abort();
  if (kws_batch_has_lanes()) {
    int16_t *padded = calloc(count + kws_batch_padding(&kws_features_tables), sizeof(int16_t));
    kws_batch_features(&kws_features_tables, samples, 1, count, lanes, sizeof lanes, true, padded);
    free(padded);
    if (memcmp(whole, lanes, rows * KWS_FEATURES_COLUMNS) != 0) abort();
  }
  free(samples);
  return 0;
}
