/* The emulator's file functions on the host: inputs are the program's arguments, the output is standard output. */
#include <stdio.h>
#include <stdlib.h>

#include "kws_qemu.h"

static FILE *files[10];

static const char *path_of(uint32_t index) {
  static char name[] = "FRONTEND_INPUT0";
  name[sizeof name - 2] = (char)('0' + index);
  return getenv(name);
}

int32_t kws_qemu_open(uint32_t index) {
  const char *path = path_of(index);
  files[index] = path != NULL ? fopen(path, "rb") : NULL;
  return files[index] != NULL ? (int32_t)index : -1;
}

int32_t kws_qemu_length(int32_t handle) {
  FILE *file = files[handle];
  const long position = ftell(file);
  fseek(file, 0, SEEK_END);
  const long length = ftell(file);
  fseek(file, position, SEEK_SET);
  return (int32_t)length;
}

size_t kws_qemu_read(int32_t handle, void *data, size_t bytes) { return fread(data, 1, bytes, files[handle]); }

int32_t kws_qemu_write(const void *data, size_t bytes) { return fwrite(data, 1, bytes, stdout) == bytes ? 0 : -1; }
