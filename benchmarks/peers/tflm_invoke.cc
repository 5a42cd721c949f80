// The exported glue of engine tflm, as it is, on one input: the output goes to the host, TFLM's use of its arena is
// printed.
#include "kws_engine_tflm.cc"
#include "kws_qemu.h"

namespace {
alignas(KWS_ENGINE_ARENA_ALIGNMENT) uint8_t arena[KWS_ENGINE_ARENA_BYTES];
int8_t input[KWS_FEATURES_FRAMES * KWS_FEATURES_COLUMNS];
int8_t output[KWS_CONFIG_LABELS];
} // namespace

// TFLM's log and its virtual destructors name these; neither happens here, and a run in which one did would not pass
extern "C" {
void *malloc(size_t) { return nullptr; }
void free(void *) {}
void *_malloc_r(struct _reent *, size_t) { return nullptr; }
void *_realloc_r(struct _reent *, void *, size_t) { return nullptr; }
void _free_r(struct _reent *, void *) {}
void abort() { kws_qemu_exit(9); }
}

int main() {
  if (kws_qemu_read(kws_qemu_open(0), input, sizeof input) != sizeof input) return 1;
  if (kws_engine_init(arena) != KWS_OK) return 2;
  if (kws_engine_run(input, output, arena) != KWS_OK) return 3;
  kws_qemu_print_int(
      static_cast<int32_t>(static_cast<Engine *>(static_cast<void *>(arena))->interpreter.arena_used_bytes()));
  kws_qemu_write(output, sizeof output);
  return 0;
}
