/* Vectors, reset and the painted stack. */
#include <stdint.h>

#include "kws_qemu.h"
#include "semihosting.h"

#define PAINT 0xA5C35A3CU
/* coprocessor access control: floating-point and MVE instructions fault without full access to 10 and 11 */
#define CPACR (*(volatile uint32_t *)0xE000ED88U)

extern uint32_t kws_qemu_data_source[], kws_qemu_data_begin[], kws_qemu_data_end[];
extern uint32_t kws_qemu_bss_begin[], kws_qemu_bss_end[], kws_qemu_stack_top[];

int main(void);
void kws_qemu_reset(void) __attribute__((noreturn));
void kws_qemu_fault(const uint32_t *frame, uint32_t exception) __attribute__((noreturn, used));
void kws_qemu_exception(void);
void kws_qemu_paint_from(uint32_t *callers_stack) __attribute__((used));

static uint32_t *painted_from;
static uint32_t *deepest;

/* inlined: a frame of its own would lie in what is painted */
#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t *stack_pointer(void) {
  uint32_t *pointer;
  __asm__ volatile("mov %0, sp" : "=r"(pointer));
  return pointer;
}

INLINE void paint_unused(uint32_t *from) {
  uint32_t *const top = stack_pointer();
  for (volatile uint32_t *word = kws_qemu_bss_end; word < top; word++) *word = PAINT;
  painted_from = from;
}

INLINE uint32_t *lowest_written(void) {
  volatile uint32_t *word = kws_qemu_bss_end;
  while (word < painted_from && *word == PAINT) word++;
  return (uint32_t *)word;
}

INLINE void remember_deepest(void) {
  uint32_t *lowest = lowest_written();
  if (lowest < deepest) deepest = lowest;
}

void kws_qemu_paint_from(uint32_t *callers_stack) {
  remember_deepest();
  paint_unused(callers_stack);
}

/* naked: nothing is pushed yet, so sp is still the caller's */
__attribute__((naked)) void kws_qemu_stack_paint(void) {
  __asm__ volatile("mov r0, sp\n"
                   "ldr r1, =kws_qemu_paint_from\n"
                   "bx r1\n");
}

uint32_t kws_qemu_stack_used(void) {
  remember_deepest();
  return (uint32_t)((uintptr_t)painted_from - (uintptr_t)lowest_written());
}

void kws_qemu_exit(int code) {
  remember_deepest();
  const uint32_t report[2] = {(uint32_t)((uintptr_t)kws_qemu_stack_top - (uintptr_t)deepest),
                              (uint32_t)((uintptr_t)kws_qemu_stack_top - (uintptr_t)kws_qemu_bss_end)};
  semihosting_save("stack", report, sizeof report);
  semihosting_exit((uint32_t)code);
}

void kws_qemu_fault(const uint32_t *frame, uint32_t exception) {
  /* the exception frame holds r0-r3, r12, lr, pc, xpsr (Armv6-M and Armv7-M reference manuals, B1.5.6) */
  const uint32_t report[3] = {exception & 0x1FFU, frame[6], frame[5]};
  semihosting_save("fault", report, sizeof report);
  semihosting_exit(255U);
}

__attribute__((naked)) void kws_qemu_exception(void) {
  __asm__ volatile("mrs r0, msp\n"
                   "mrs r1, ipsr\n"
                   "bl kws_qemu_fault\n");
}

void kws_qemu_reset(void) {
  const uint32_t *source = kws_qemu_data_source;
  for (volatile uint32_t *word = kws_qemu_data_begin; word < kws_qemu_data_end; word++) *word = *source++;
  for (volatile uint32_t *word = kws_qemu_bss_begin; word < kws_qemu_bss_end; word++) *word = 0;
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  CPACR |= 0xFU << 20;
  __asm__ volatile("dsb\nisb");
#endif
  deepest = kws_qemu_stack_top;
  paint_unused(kws_qemu_stack_top);
  kws_qemu_exit(main());
}

typedef void (*vector)(void);

/* initial stack pointer, reset, then one handler for every system exception: nothing here is expected to interrupt */
__attribute__((section(".vectors"), used)) static const struct {
  uint32_t *stack;
  vector handlers[15];
} vectors = {kws_qemu_stack_top,
             {kws_qemu_reset, kws_qemu_exception, kws_qemu_exception, kws_qemu_exception, kws_qemu_exception,
              kws_qemu_exception, kws_qemu_exception, kws_qemu_exception, kws_qemu_exception, kws_qemu_exception,
              kws_qemu_exception, kws_qemu_exception, kws_qemu_exception, kws_qemu_exception, kws_qemu_exception}};
