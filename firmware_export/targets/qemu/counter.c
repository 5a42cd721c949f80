/* A QEMU TCG plugin: how many guest instructions run between entry and return of named functions.
 *
 * Arguments: out=FILE, then for every function f=BEGIN:END (hexadecimal addresses of its code), and d=ADDRESS for every
 * function that is called but never returns to its caller. One line "function entry count" goes to FILE for every
 * return: `function` is the position among the f arguments, `entry` numbers the entries of all functions in the order
 * of time, and `count` holds everything from the first instruction to the return, callees included.
 *
 * A return is found without reading registers, which old plugin interfaces cannot: a shadow stack takes the return
 * address of every call (BL, BLX), and a return instruction (BX, POP or LDM or LDR into the pc) that lands on one
 * unwinds to it. So recursion, tail calls and indirect calls are counted right, and a jump to the instruction after a
 * call is no return. Encodings: Armv7-M Architecture Reference Manual, A5.2, A5.3.
 *
 * Debian ships no header for plugins; what is used of the interface is declared here (QEMU docs, "QEMU TCG Plugins").
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLUGIN_API
#error "define PLUGIN_API as the version of the plugin interface that this QEMU takes"
#endif

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*callback)(uint64_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*callback)(uint64_t, void *), void *user);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*callback)(unsigned, void *),
                                                   int flags, void *user);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
#if PLUGIN_API < 3
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#else
extern size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *destination, size_t bytes);
#endif

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = PLUGIN_API;
EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv);

enum { MOST_FUNCTIONS = 256 };

enum kind { PLAIN, CALL, RETURN };

struct instruction {
  uint32_t address;
  uint32_t next;
  enum kind kind;
  int entered;    /* position of the counted function that begins here, or -1 */
  int never_back; /* a function begins here that does not return to its caller */
};

struct count {
  int function;
  uint64_t entry;
  uint64_t begin;
  size_t depth;
};

/* grown by doubling; one element of slack is kept so that a push needs no second look */
static uint32_t *frames;
static size_t depth, frames_room;
static struct count *open_counts;
static size_t open_number, open_room;

static uint32_t begins[MOST_FUNCTIONS], ends[MOST_FUNCTIONS], dispatchers[MOST_FUNCTIONS];
static int functions, dispatcher_number;
static uint64_t executed, entries;
static const struct instruction *before;
static FILE *out;

static void *grown(void *array, size_t used, size_t *room, size_t element) {
  if (used < *room) return array;
  *room = *room == 0 ? 64 : 2 * *room;
  array = realloc(array, *room * element);
  if (array == NULL) abort();
  return array;
}

static enum kind kind_of(const uint8_t *code, size_t bytes) {
  const unsigned first = code[0] | (unsigned)code[1] << 8;
  if (bytes == 2) {
    if ((first & 0xFF80U) == 0x4780U) return CALL; /* BLX Rm */
    if ((first & 0xFF80U) == 0x4700U || (first & 0xFF00U) == 0xBD00U || first == 0x46F7U) return RETURN;
    return PLAIN;
  }
  const unsigned second = code[2] | (unsigned)code[3] << 8;
  if ((first & 0xF800U) == 0xF000U && (second & 0xD000U) == 0xD000U) return CALL; /* BL */
  if (first == 0xE8BDU && (second & 0x8000U) != 0) return RETURN;                 /* POP.W {..., pc} */
  if (first == 0xF85DU && (second & 0xFF00U) == 0xFB00U) return RETURN;           /* LDR pc, [sp], #n */
  return PLAIN;
}

static void close_counts(void) {
  while (open_number > 0 && open_counts[open_number - 1].depth > depth) {
    const struct count *last = &open_counts[--open_number];
    fprintf(out, "%d %llu %llu\n", last->function, (unsigned long long)last->entry,
            (unsigned long long)(executed - last->begin));
  }
}

static void open_count(int function) {
  open_counts = grown(open_counts, open_number, &open_room, sizeof *open_counts);
  open_counts[open_number++] = (struct count){function, entries++, executed, depth};
}

static void transfer(const struct instruction *from, const struct instruction *to) {
  if (from->kind == CALL) {
    if (!to->never_back) {
      frames = grown(frames, depth, &frames_room, sizeof *frames);
      frames[depth++] = from->next;
    }
  } else if (from->kind == RETURN) {
    for (size_t i = depth; i > 0; i--) {
      if (frames[i - 1] == to->address) {
        depth = i - 1;
        close_counts();
        break;
      }
    }
  }
  if (to->entered >= 0) {
    /* a loop back to a function's first instruction is no new entry */
    const int inside = from->address >= begins[to->entered] && from->address < ends[to->entered];
    if (from->kind == CALL || !inside) open_count(to->entered);
  }
}

static void on_instruction(unsigned cpu, void *user) {
  const struct instruction *now = user;
  (void)cpu;
  if (before != NULL && before->next != now->address) transfer(before, now);
  before = now;
  executed++;
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb) {
  const size_t number = qemu_plugin_tb_n_insns(tb);
  (void)id;
  /* a block stays valid until QEMU ends, so its records are never freed */
  struct instruction *records = calloc(number, sizeof *records);
  if (records == NULL) abort();
  for (size_t i = 0; i < number; i++) {
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    struct instruction *record = &records[i];
    const size_t bytes = qemu_plugin_insn_size(insn);
    uint8_t code[4] = {0};
#if PLUGIN_API < 3
    memcpy(code, qemu_plugin_insn_data(insn), bytes < 4 ? bytes : 4);
#else
    qemu_plugin_insn_data(insn, code, sizeof code);
#endif
    record->address = (uint32_t)qemu_plugin_insn_vaddr(insn);
    record->next = record->address + (uint32_t)bytes;
    record->kind = kind_of(code, bytes);
    record->entered = -1;
    for (int f = 0; f < functions; f++)
      if (begins[f] == record->address) record->entered = f;
    for (int f = 0; f < dispatcher_number; f++)
      if (dispatchers[f] == record->address) record->never_back = 1;
    qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, 0, record);
  }
}

static void on_end(uint64_t id, void *user) {
  (void)id;
  (void)user;
  fprintf(out, "total %llu\n", (unsigned long long)executed);
  fclose(out);
}

EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; i++) {
    char *rest;
    if (strncmp(argv[i], "out=", 4) == 0) {
      out = fopen(argv[i] + 4, "w");
    } else if (strncmp(argv[i], "f=", 2) == 0 && functions < MOST_FUNCTIONS) {
      begins[functions] = (uint32_t)strtoul(argv[i] + 2, &rest, 16);
      ends[functions++] = (uint32_t)strtoul(rest + 1, NULL, 16);
    } else if (strncmp(argv[i], "d=", 2) == 0 && dispatcher_number < MOST_FUNCTIONS) {
      dispatchers[dispatcher_number++] = (uint32_t)strtoul(argv[i] + 2, NULL, 16);
    } else {
      fprintf(stderr, "counter: cannot use argument %s\n", argv[i]);
      return 1;
    }
  }
  if (out == NULL) {
    fprintf(stderr, "counter: out=FILE is missing or cannot be written\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, on_end, NULL);
  return 0;
}
