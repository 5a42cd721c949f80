// The TFLM micro front end over the clips of input 0, int16 samples; its log-mel values, uint16, go to the output.
// It allocates while it starts: a bump allocator serves that, and the number of bytes is printed.
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "kws_qemu.h"
#include "tensorflow/lite/experimental/microfrontend/lib/frontend.h"
#include "tensorflow/lite/experimental/microfrontend/lib/frontend_util.h"

namespace {
FrontendState state;
int16_t clip[PEER_CLIP_SAMPLES];
alignas(8) uint8_t heap[16384];
size_t heap_used;
} // namespace

extern "C" {
void *malloc(size_t bytes) {
  if (bytes > sizeof heap - heap_used) return nullptr;
  void *block = heap + heap_used;
  heap_used += (bytes + 7) & ~size_t{7};
  return block;
}
void *calloc(size_t number, size_t bytes) {
  return malloc(number * bytes); // the heap begins as zeros and is never reused
}
void free(void *) {}
void abort() { kws_qemu_exit(9); }
// only failed allocations print, and those end the program anyway
int fprintf(FILE *, const char *, ...) { return 0; }
int fiprintf(FILE *, const char *, ...) { return 0; }
size_t fwrite(const void *, size_t, size_t, FILE *) { return 0; }
}

int main() {
  FrontendConfig config;
  FrontendFillConfigWithDefaults(&config);
  config.window.size_ms = PEER_WINDOW_MS;
  config.window.step_size_ms = PEER_STRIDE_MS;
  config.filterbank.num_channels = PEER_BANDS;
  config.filterbank.lower_band_limit = PEER_LOWER_HZ;
  config.filterbank.upper_band_limit = PEER_UPPER_HZ;
  config.noise_reduction.min_signal_remaining = 1.0f; // keeps the signal as it is, at the same cost
  config.pcan_gain_control.enable_pcan = 0;
  if (!FrontendPopulateState(&config, &state, PEER_SAMPLE_RATE)) return 1;
  kws_qemu_print_int(static_cast<int32_t>(heap_used + sizeof state));

  const int32_t audio = kws_qemu_open(0);
  while (kws_qemu_read(audio, clip, sizeof clip) == sizeof clip) {
    FrontendReset(&state);
    // as many samples as the next window lacks, so that every call makes one row
    size_t want = PEER_WINDOW_MS * PEER_SAMPLE_RATE / 1000;
    for (size_t at = 0; at + want <= PEER_CLIP_SAMPLES; want = PEER_STRIDE_MS * PEER_SAMPLE_RATE / 1000) {
      size_t taken = 0;
      const FrontendOutput row = FrontendProcessSamples(&state, clip + at, want, &taken);
      if (row.size != PEER_BANDS || taken != want) return 2;
      if (kws_qemu_write(row.values, row.size * sizeof *row.values) != 0) return 3;
      at += taken;
    }
  }
  return 0;
}
