#include "kws_memory.h"

#include <string.h>

#if defined(__GNUC__) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'

/* Without it compilers see what the loop does, and call the C library. */
#define KEEP_LOOP() __asm__ volatile("")

void kws_fill_bytes(void *to, size_t bytes, int8_t value) {
  int8_t *byte = (int8_t *)to;
  for (; bytes != 0; --bytes) {
    *byte++ = value;
    KEEP_LOOP();
  }
}

void kws_copy_down(void *to, const void *from, size_t bytes) {
  int8_t *byte = (int8_t *)to;
  const int8_t *source = (const int8_t *)from;
#if defined(__ARM_FEATURE_UNALIGNED)
  for (; bytes >= sizeof(uint32_t); bytes -= sizeof(uint32_t)) {
    uint32_t word;
    memcpy(&word, source, sizeof word);
    memcpy(byte, &word, sizeof word);
    byte += sizeof word;
    source += sizeof word;
    KEEP_LOOP();
  }
#endif
  for (; bytes != 0; --bytes) {
    *byte++ = *source++;
    KEEP_LOOP();
  }
}

#else

void kws_fill_bytes(void *to, size_t bytes, int8_t value) { memset(to, value, bytes); }

void kws_copy_down(void *to, const void *from, size_t bytes) { memmove(to, from, bytes); }

#endif
