/* kws_qemu.h on the host, so that the same trial runs natively: program INPUT0 INPUT1 OUTPUT. Its main runs on a stack
 * of its own, which can be painted, and nothing that it calls there enters the C library. */
#include "kws_config.h"
#include "kws_features.h"
#include "kws_qemu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

/* What every inference takes at least: a stream's first one a window, the others the samples of their own rows. */
#define ROW_SAMPLES (KWS_CONFIG_INFERENCE_ROWS * KWS_FEATURES_STRIDE_SAMPLES)
#define LEAST_SAMPLES (KWS_FEATURES_WINDOW_SAMPLES < ROW_SAMPLES ? KWS_FEATURES_WINDOW_SAMPLES : ROW_SAMPLES)
/* what main writes for one is 11 bytes and a logit for each label, of which there are 255 at most */
#define RECORD_BYTES 512u

enum { MOST_INPUTS = 2, STACK_BYTES = 1 << 18, PAINTED_BYTES = 1 << 16, FRAME_BYTES = 256, PAINT = 0xA5 };

int kws_trial_main(void);

typedef struct {
  uint8_t *bytes;
  size_t count;
  size_t room;
  size_t position;
} memory_file;

static memory_file inputs[MOST_INPUTS], output, console;
static uint8_t stack[STACK_BYTES];
static size_t painted_end;
static int result;
static ucontext_t outside, inside;

/* Make room outside of the painted stack: main has reserved enough for every inference of the input. */
static int append(memory_file *file, const void *data, size_t bytes) {
  if (bytes > file->room - file->count) return -1;
  memcpy(file->bytes + file->count, data, bytes);
  file->count += bytes;
  return 0;
}

void kws_qemu_print(const char *text) { append(&console, text, strlen(text)); }

void kws_qemu_print_int(int32_t value) {
  char digits[12];
  size_t first = sizeof digits;
  uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
  do {
    digits[--first] = (char)('0' + rest % 10u);
    rest /= 10u;
  } while (rest != 0);
  if (value < 0) digits[--first] = '-';
  append(&console, digits + first, sizeof digits - first);
}

int32_t kws_qemu_open(uint32_t index) { return index < MOST_INPUTS ? (int32_t)index : -1; }

size_t kws_qemu_read(int32_t handle, void *data, size_t bytes) {
  memory_file *file = &inputs[handle];
  const size_t left = file->count - file->position;
  const size_t got = bytes < left ? bytes : left;
  memcpy(data, file->bytes + file->position, got);
  file->position += got;
  return got;
}

int32_t kws_qemu_write(const void *data, size_t bytes) { return append(&output, data, bytes); }

void kws_qemu_stack_paint(void) {
  /* the frames of this function and of memset lie within FRAME_BYTES */
  volatile uint8_t here = 0;
  painted_end = (size_t)((uintptr_t)&here - (uintptr_t)stack) - FRAME_BYTES;
  memset(stack + painted_end - PAINTED_BYTES, PAINT, PAINTED_BYTES);
}

uint32_t kws_qemu_stack_used(void) {
  const uint8_t *bottom = stack + painted_end - PAINTED_BYTES;
  size_t untouched = 0;
  while (untouched < PAINTED_BYTES && bottom[untouched] == PAINT) ++untouched;
  return untouched == PAINTED_BYTES ? 0 : (uint32_t)(PAINTED_BYTES - untouched + FRAME_BYTES);
}

static void enter(void) { result = kws_trial_main(); }

static int read_whole(const char *path, memory_file *file) {
  FILE *stream = fopen(path, "rb");
  if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) return -1;
  file->count = (size_t)ftell(stream);
  file->bytes = malloc(file->count + 1);
  rewind(stream);
  return file->bytes != NULL && fread(file->bytes, 1, file->count, stream) == file->count ? fclose(stream) : -1;
}

static int reserve(memory_file *file, size_t room) {
  file->room = room;
  file->bytes = malloc(room);
  return file->bytes != NULL ? 0 : -1;
}

int main(int count, char **arguments) {
  if (count != MOST_INPUTS + 2) return 9;
  for (int i = 0; i < MOST_INPUTS; ++i) {
    if (read_whole(arguments[1 + i], &inputs[i]) != 0) return 9;
  }
  const size_t inferences = inputs[0].count / 2 / LEAST_SAMPLES + 1;
  if (reserve(&console, 4096) != 0 || reserve(&output, inferences * RECORD_BYTES) != 0) return 9;
  if (getcontext(&inside) != 0) return 9;
  inside.uc_stack.ss_sp = stack;
  inside.uc_stack.ss_size = sizeof stack;
  inside.uc_link = &outside;
  makecontext(&inside, enter, 0);
  if (swapcontext(&outside, &inside) != 0) return 9;
  FILE *stream = fopen(arguments[1 + MOST_INPUTS], "wb");
  if (stream == NULL || fwrite(output.bytes, 1, output.count, stream) != output.count || fclose(stream) != 0) return 9;
  return fwrite(console.bytes, 1, console.count, stdout) == console.count ? result : 9;
}
