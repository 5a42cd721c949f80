/* Pushes input 0, recordings of KWS_FEATURES_CLIP_SAMPLES samples, one stride at a time; writes the rows. */
#include "kws_features.h"
#include "kws_qemu.h"

static kws_frontend frontend;
static int16_t clip[KWS_FEATURES_CLIP_SAMPLES];
static int8_t row[KWS_FEATURES_COLUMNS];

int main(void) {
  const int32_t input = kws_qemu_open(0);
  if (input < 0) return 2;
  while (kws_qemu_read(input, clip, sizeof clip) == sizeof clip) {
    kws_frontend_start(&frontend, &kws_features_tables);
    for (size_t position = 0; position < KWS_FEATURES_CLIP_SAMPLES;) {
      const size_t rest = KWS_FEATURES_CLIP_SAMPLES - position;
      bool due;
      position += kws_frontend_push(&frontend, clip + position,
                                    rest < KWS_FEATURES_STRIDE_SAMPLES ? rest : KWS_FEATURES_STRIDE_SAMPLES, row, &due);
      if (due) kws_qemu_write(row, sizeof row);
    }
  }
  return 0;
}
