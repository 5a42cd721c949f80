/* The two semihosting requests that the startup code makes itself. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

/* Writes a new file of the run's folder on the host. */
void semihosting_save(const char *name, const void *data, size_t bytes);

/* Ends the emulator with an exit code. */
void semihosting_exit(uint32_t code) __attribute__((noreturn));

#endif
