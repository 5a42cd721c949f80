/* Arm semihosting, the part of it that kws_qemu.h promises; numbers from Arm 100863, "Semihosting operations". */
#include "semihosting.h"

#include "kws_qemu.h"

enum {
  SYS_OPEN = 0x01,
  SYS_CLOSE = 0x02,
  SYS_WRITE0 = 0x04,
  SYS_WRITE = 0x05,
  SYS_READ = 0x06,
  SYS_SEEK = 0x0A,
  SYS_FLEN = 0x0C,
  SYS_EXIT_EXTENDED = 0x20
};
enum { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5 };
#define APPLICATION_EXIT 0x20026U

static uint32_t word_of(const void *pointer) { return (uint32_t)(uintptr_t)pointer; }

static int32_t request(uint32_t operation, const void *parameter) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = parameter;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return (int32_t)r0;
}

static int32_t open_file(const char *name, uint32_t mode) {
  uint32_t length = 0;
  while (name[length] != '\0') length++;
  const uint32_t block[3] = {word_of(name), mode, length};
  return request(SYS_OPEN, block);
}

/* Returns 0 when all bytes were written: SYS_WRITE answers with the number that were not. */
static int32_t write_file(int32_t handle, const void *data, size_t bytes) {
  const uint32_t block[3] = {(uint32_t)handle, word_of(data), (uint32_t)bytes};
  return request(SYS_WRITE, block);
}

void kws_qemu_print(const char *text) { (void)request(SYS_WRITE0, text); }

void kws_qemu_print_int(int32_t value) {
  char digits[12];
  char *first = digits + sizeof digits - 1;
  uint32_t rest = value < 0 ? 0U - (uint32_t)value : (uint32_t)value;
  *first = '\0';
  do {
    *--first = (char)('0' + (char)(rest % 10U));
    rest /= 10U;
  } while (rest != 0U);
  if (value < 0) *--first = '-';
  kws_qemu_print(first);
}

void kws_qemu_print_hex(const void *data, size_t bytes) {
  static const char digits[] = "0123456789abcdef";
  const uint8_t *byte = data;
  for (size_t i = 0; i < bytes; i++) {
    const char pair[3] = {digits[byte[i] >> 4], digits[byte[i] & 15U], '\0'};
    kws_qemu_print(pair);
  }
}

int32_t kws_qemu_open(uint32_t index) {
  const char name[7] = {'i', 'n', 'p', 'u', 't', (char)('0' + (char)(index % 10U)), '\0'};
  return index < 10U ? open_file(name, MODE_READ_BINARY) : -1;
}

int32_t kws_qemu_length(int32_t handle) {
  const uint32_t block[1] = {(uint32_t)handle};
  return request(SYS_FLEN, block);
}

size_t kws_qemu_read(int32_t handle, void *data, size_t bytes) {
  const uint32_t block[3] = {(uint32_t)handle, word_of(data), (uint32_t)bytes};
  const int32_t missing = request(SYS_READ, block);
  return missing < 0 || (size_t)missing > bytes ? 0 : bytes - (size_t)missing;
}

int32_t kws_qemu_seek(int32_t handle, uint32_t position) {
  const uint32_t block[2] = {(uint32_t)handle, position};
  return request(SYS_SEEK, block) < 0 ? -1 : 0;
}

void kws_qemu_close(int32_t handle) {
  const uint32_t block[1] = {(uint32_t)handle};
  (void)request(SYS_CLOSE, block);
}

int32_t kws_qemu_write(const void *data, size_t bytes) {
  /* opened once and left open: QEMU 7.2 forgets the "append" of an open mode */
  static int32_t output = -1;
  if (output < 0) output = open_file("output", MODE_WRITE_BINARY);
  return output >= 0 && write_file(output, data, bytes) == 0 ? 0 : -1;
}

void semihosting_save(const char *name, const void *data, size_t bytes) {
  const int32_t handle = open_file(name, MODE_WRITE_BINARY);
  if (handle < 0) return;
  (void)write_file(handle, data, bytes);
  kws_qemu_close(handle);
}

void semihosting_exit(uint32_t code) {
  const uint32_t block[2] = {APPLICATION_EXIT, code};
  for (;;) (void)request(SYS_EXIT_EXTENDED, block);
}
