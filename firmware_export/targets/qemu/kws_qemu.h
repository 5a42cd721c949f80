/* What a bare-metal program needs of the emulator: print, exit with a code, read files of the host, measure its stack.
 *
 * Everything goes through Arm semihosting ("Semihosting for AArch32 and AArch64", Arm 100863), which QEMU serves. The
 * program supplies `int main(void)`; what main returns is the exit code. There is no heap and no C library to set up.
 */
#ifndef KWS_QEMU_H
#define KWS_QEMU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Prints a zero-terminated text, as it is. */
void kws_qemu_print(const char *text);

/* Prints a number in decimal. */
void kws_qemu_print_int(int32_t value);

/* Prints `bytes` bytes as pairs of lower-case hexadecimal digits, in the order of memory. */
void kws_qemu_print_hex(const void *data, size_t bytes);

/* Opens the host file that was given to the run as input number `index` (0 to 9). Returns a handle, or -1. */
int32_t kws_qemu_open(uint32_t index);

/* Returns the length of an open file in bytes, or -1. */
int32_t kws_qemu_length(int32_t handle);

/* Reads up to `bytes` bytes into `data`. Returns how many came: fewer than asked for at the end of the file. */
size_t kws_qemu_read(int32_t handle, void *data, size_t bytes);

/* Moves to `position` bytes after the beginning. Returns 0, or -1. */
int32_t kws_qemu_seek(int32_t handle, uint32_t position);

/* Closes the file. */
void kws_qemu_close(int32_t handle);

/* Appends `bytes` bytes to the run's binary output. Returns 0, or -1 when the host cannot write. */
int32_t kws_qemu_write(const void *data, size_t bytes);

/* Ends the program with an exit code of 0 to 255. */
void kws_qemu_exit(int code) __attribute__((noreturn));

/* Paints the stack below the caller, so that kws_qemu_stack_used() measures what is called from here on. */
void kws_qemu_stack_paint(void);

/* Returns how many bytes below the caller of the last kws_qemu_stack_paint() have been written since. */
uint32_t kws_qemu_stack_used(void);

#ifdef __cplusplus
}
#endif

#endif
