/* Runs the generated front end over a file of int16 samples, on a board in QEMU or, with the shim, on the host.
 * Input 0: recordings of KWS_FEATURES_CLIP_SAMPLES samples. Input 1: chunk lengths as uint16, used in turn.
 * Output, for each row: with STAGES the powers, mel energies and logarithms behind it, then the row. */
#include "kws_features.h"
#include "kws_qemu.h"

static kws_frontend frontend;
static int16_t chunk[8192];
static uint16_t lengths[64];
static int8_t row[KWS_FEATURES_COLUMNS];

#ifdef STAGES
static void write_stages(void) {
  const kws_frontend_tables *tables = frontend.tables;
  for (uint32_t bin = 0; bin <= tables->transform.points; ++bin) {
    const kws_complex value = frontend.bins[bin];
    const int64_t power = (int64_t)value.re * value.re + (int64_t)value.im * value.im;
    kws_qemu_write(&power, sizeof power);
  }
  kws_qemu_write(frontend.energies + 1, tables->mel_bands * sizeof frontend.energies[0]);
  kws_qemu_write(frontend.logs, tables->mel_bands * sizeof frontend.logs[0]);
}
#endif

int main(void) {
  const int32_t recording = kws_qemu_open(0);
  const int32_t chunking = kws_qemu_open(1);
  if (recording < 0 || chunking < 0) return 2;
  const size_t chunkings = kws_qemu_read(chunking, lengths, sizeof lengths) / sizeof lengths[0];
  if (chunkings == 0) return 3;
  size_t remaining = (size_t)kws_qemu_length(recording) / sizeof chunk[0];
  size_t of_clip = 0;
  for (size_t turn = 0; remaining != 0; ++turn) {
    if (of_clip == 0) {
      kws_frontend_start(&frontend, &kws_features_tables);
      of_clip = KWS_FEATURES_CLIP_SAMPLES;
    }
    size_t count = lengths[turn % chunkings];
    if (count > of_clip) count = of_clip;
    if (count > remaining) count = remaining;
    if (kws_qemu_read(recording, chunk, count * sizeof chunk[0]) != count * sizeof chunk[0]) return 4;
    remaining -= count;
    of_clip -= count;
    const int16_t *samples = chunk;
    while (count != 0) {
      bool due;
      const size_t taken = kws_frontend_push(&frontend, samples, count, row, &due);
      samples += taken;
      count -= taken;
      if (due) {
#ifdef STAGES
        write_stages();
#endif
        kws_qemu_write(row, sizeof row);
      }
    }
  }
  return 0;
}
