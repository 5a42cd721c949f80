/* Filling and moving memory, for all of the firmware in a few dozen bytes.
 *
 * The C library's own are written for long blocks and take hundreds of bytes of a microcontroller's flash; ours are
 * short ones. Elsewhere these are the C library's. */
#ifndef KWS_MEMORY_H
#define KWS_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `bytes` bytes of `value`. */
void kws_fill_bytes(void *to, size_t bytes, int8_t value);

/* Copies `bytes` bytes from the first on: the two may overlap where `to` lies before `from`. */
void kws_copy_down(void *to, const void *from, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
