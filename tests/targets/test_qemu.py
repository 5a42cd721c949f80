"""Programs for the emulated boards boot, print, exit and read files, and are counted and sized exactly."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_export.targets.qemu import BOARDS, Elf, build, run, size
from kws_edge.errors import DependencyError, FirmwareError

pytestmark = pytest.mark.slow

APT_GET = "apt-get install --no-install-recommends"
SOURCE = """
#include "kws_qemu.h"
#define NOINLINE __attribute__((noinline, noclone))
"""
Program = Callable[..., Elf]


@pytest.fixture
def program(tool: Callable[[str, str], str], tmp_path: Path) -> Program:
    """`program(c_text, cpu="cortex-m4", **options)` is that text, built."""
    tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", f"{APT_GET} qemu-system-arm")
    tool("gcc", f"{APT_GET} gcc libc6-dev")

    def make(text: str, cpu: str = "cortex-m4", **options: object) -> Elf:
        source = tmp_path / "program.c"
        source.write_text(SOURCE + text)
        return build([source], cpu, tmp_path / f"{cpu}.elf", **options)  # type: ignore[arg-type]

    return make


HELLO = """
int main(void) {
  kws_qemu_print("hello, ");
  kws_qemu_print_int(INT32_MIN);
  kws_qemu_print(" ");
  const int8_t bytes[3] = {0, 127, -1};
  kws_qemu_print_hex(bytes, 3);
  return 42;
}
"""


@pytest.mark.parametrize("cpu", BOARDS)
@pytest.mark.parametrize("optimization", ["-O0", "-O2"])
def test_every_core_boots_prints_and_exits_with_a_code(program: Program, cpu: str, optimization: str) -> None:
    result = run(program(HELLO, cpu, optimization=optimization))
    assert (result.stdout, result.exit_code) == ("hello, -2147483648 007fff", 42)


KNOWN_COUNTS = """
#define TEN_NOPS "nop\\nnop\\nnop\\nnop\\nnop\\nnop\\nnop\\nnop\\nnop\\nnop\\n"
/* 10 nops and the return */
NOINLINE __attribute__((naked)) void eleven(void) { __asm__ volatile(TEN_NOPS "bx lr"); }
/* a tail call: 1 branch, then eleven */
NOINLINE __attribute__((naked)) void twelve(void) { __asm__ volatile("b eleven"); }
/* push, call, pop: 3, and twelve between them */
NOINLINE __attribute__((naked)) void fifteen(void) { __asm__ volatile("push {r4, lr}\\nbl twelve\\npop {r4, pc}"); }
/* the first instruction is a loop's head: 2 * n and the return */
NOINLINE __attribute__((naked)) void loop(uint32_t n) {
  (void)n;
  __asm__ volatile(".syntax unified\\n1: subs r0, #1\\nbne 1b\\nbx lr");
}
/* calls itself n times; the deepest call jumps to the instruction after the call, which is no return */
NOINLINE __attribute__((naked)) void nest(uint32_t n) {
  (void)n;
  __asm__ volatile(".syntax unified\\npush {r4, lr}\\ncmp r0, #0\\nbeq 1f\\n"
                   "subs r0, #1\\nbl nest\\n1: nop\\npop {r4, pc}");
}
int main(void) {
  void (*volatile pointer)(void) = eleven;
  eleven();
  kws_qemu_print("printing changes no count\\n");
  fifteen();
  pointer();
  loop(1);
  loop(1000);
  nest(3);
  return 0;
}
"""
EXPECTED_COUNTS = {
    "eleven": (11, 11, 11),
    "twelve": (12,),
    "fifteen": (15,),
    "loop": (3, 2001),
    # 5 instructions when n is 0, 7 and the inner call otherwise
    "nest": (26, 19, 12, 5),
}


@pytest.mark.parametrize("cpu", BOARDS)
def test_known_instructions_are_counted_exactly_and_identically_twice(program: Program, cpu: str) -> None:
    elf = program(KNOWN_COUNTS, cpu)
    first = run(elf, count=tuple(EXPECTED_COUNTS))
    assert first.instructions == EXPECTED_COUNTS
    assert run(elf, count=tuple(EXPECTED_COUNTS)) == first
    assert run(elf, count=("nest",)).instructions == {"nest": EXPECTED_COUNTS["nest"]}


def test_a_switch_through_the_compilers_dispatcher_is_no_lost_return(program: Program) -> None:
    elf = program(
        """
NOINLINE int pick(int i) {
  switch (i) { case 0: return 7; case 1: return 99; case 2: kws_qemu_print("x"); return 3; case 3: return 12345;
               case 4: return -5; case 5: kws_qemu_print("y"); return 8; case 6: return 1; default: return 0; } }
int main(void) { int sum = 0; for (int i = 0; i < 8; i++) sum += pick(i); return sum == 7+99+3+12345-5+8+1 ? 0 : 1; }
""",
        "cortex-m0",
        optimization="-Os",
    )
    assert any(symbol.name.startswith("__gnu_thumb1_case") for symbol in elf.symbols), "no dispatcher: test is void"
    result = run(elf, count=("pick",))
    assert result.exit_code == 0
    assert len(result.instructions["pick"]) == 8


@pytest.mark.parametrize("cpu", BOARDS)
def test_host_files_go_in_and_bytes_come_out(program: Program, cpu: str, tmp_path: Path) -> None:
    elf = program(
        """
static uint8_t block[64];
int main(void) {
  int32_t first = kws_qemu_open(0), second = kws_qemu_open(1);
  if (kws_qemu_open(2) != -1 || kws_qemu_length(first) != 1000) return 1;
  size_t got;
  while ((got = kws_qemu_read(first, block, sizeof block)) > 0) {
    for (size_t i = 0; i < got; i++) block[i] ^= 0xFF;
    if (kws_qemu_write(block, got) != 0) return 2;
  }
  if (kws_qemu_read(second, block, 2) != 2 || kws_qemu_seek(second, 1) != 0) return 3;
  if (kws_qemu_read(second, block, sizeof block) != 2) return 4;
  kws_qemu_close(second);
  return kws_qemu_write(block, 2);
}
""",
        cpu,
    )
    long, short = tmp_path / "ä, long one", tmp_path / "short"
    content = bytes(range(250)) * 4
    long.write_bytes(content)
    short.write_bytes(b"abc")
    result = run(elf, inputs=(long, short))
    assert (result.exit_code, result.output) == (0, bytes(byte ^ 0xFF for byte in content) + b"bc")


STACK = """
NOINLINE uint32_t touch(uint32_t bytes) {
  volatile uint8_t *block = __builtin_alloca(bytes);
  for (uint32_t i = 0; i < bytes; i++) block[i] = (uint8_t)i;
  return block[bytes / 2];
}
int main(void) {
  touch(3000);
  kws_qemu_stack_paint();
  kws_qemu_print_int((int32_t)kws_qemu_stack_used());
  kws_qemu_stack_paint();
  touch(1000);
  kws_qemu_print(" ");
  kws_qemu_print_int((int32_t)kws_qemu_stack_used());
  return 0;
}
"""


@pytest.mark.parametrize("cpu", BOARDS)
def test_painting_finds_the_deepest_stack_to_a_few_words(program: Program, cpu: str) -> None:
    result = run(program(STACK, cpu))
    nothing, touched = map(int, result.stdout.split())
    assert 0 <= nothing <= 32
    assert 1000 <= touched <= 1000 + 48
    assert 3000 <= result.stack_bytes <= 3000 + 96


def test_a_minimal_image_holds_no_heap_no_float_and_no_library(program: Program) -> None:
    for cpu in BOARDS:
        elf = program('int main(void) { kws_qemu_print("x"); return 0; }', cpu)
        names = {symbol.name for symbol in elf.symbols}
        assert not [name for name in names if name.strip("_") in ("malloc", "free", "sbrk", "malloc_r", "free_r")]
        assert not [name for name in names if name.startswith(("__aeabi_f", "__aeabi_d", "__aeabi_i2f", "__adddf"))]
        assert set(size(elf).sources) <= {"startup.c", "semihosting.c", "program.c"}
        assert size(elf).flash_bytes < 1024


@pytest.mark.parametrize("float_abi", ["soft", "softfp", "hard"])
def test_a_compiled_library_is_linked_whatever_its_way_of_passing_floats(
    program: Program, tmp_path: Path, float_abi: str
) -> None:
    source, compiled, archive = (tmp_path / f"third_of.{kind}" for kind in ("c", "o", "a"))
    source.write_text("float third_of(float x) { return x / 3.0f; }")
    core = ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", f"-mfloat-abi={float_abi}"]
    subprocess.run(["arm-none-eabi-gcc", *core, "-O2", "-c", source, "-o", compiled], check=True)
    subprocess.run(["arm-none-eabi-ar", "rcs", archive, compiled], check=True)
    elf = program(
        """
#include <string.h>
float third_of(float x);
static char text[64];
int main(void) {
  /* the C library must be of the core's instruction set too */
  memset(text, 'x', (size_t)kws_qemu_open(7) + 41u);
  return (int)third_of(3.0f * (float)strlen(text));
}
""",
        archives=[archive],
        float_abi=float_abi,
    )
    assert run(elf).exit_code == 40


def test_sizes_are_told_by_section_and_source(program: Program) -> None:
    elf = program(
        """
static const uint8_t table[1000] = {1};
static uint8_t zeros[500];
static uint32_t numbers[25] = {1};
NOINLINE int use(int i) { zeros[i]++; numbers[i]++; return table[i] + zeros[i] + (int)numbers[i]; }
int main(void) { return use(kws_qemu_open(5) + 1); }
"""
    )
    told = size(elf)
    ours = told.sources["program.c"]
    assert 600 <= ours.ram_bytes <= 608
    assert 1100 < ours.flash_bytes < 1250
    assert told.sections[".data"] == 104
    assert told.flash_bytes == sum(told.sections.values()) - told.sections[".bss"]
    assert told.flash_bytes - 8 <= sum(source.flash_bytes for source in told.sources.values()) <= told.flash_bytes
    assert told.ram_bytes == told.sections[".data"] + told.sections[".bss"]


def test_clang_makes_the_same_program(program: Program, tool: Callable[[str, str], str]) -> None:
    tool("clang", f"{APT_GET} clang")
    for cpu in BOARDS:
        result = run(program("#include <string.h>\n" + HELLO, cpu, compiler="clang"))
        assert (result.stdout, result.exit_code) == ("hello, -2147483648 007fff", 42)


@pytest.mark.parametrize("cpu", BOARDS)
def test_a_fault_names_the_function(program: Program, cpu: str) -> None:
    elf = program(
        """
NOINLINE void culprit(void) { __asm__ volatile(".short 0xde00"); }
int main(void) { kws_qemu_print("so far"); culprit(); return 0; }
""",
        cpu,
    )
    with pytest.raises(FirmwareError, match=r"took exception \d+ on .* in culprit, .*so far"):
        run(elf)


def test_a_stack_that_runs_over_is_an_error(program: Program) -> None:
    elf = program(
        """
NOINLINE uint32_t deep(uint32_t n) { volatile uint32_t local[64]; local[0] = n; return n ? deep(n - 1) + local[0] : 0; }
int main(void) { return (int)(deep(100000) & 1); }
""",
        "cortex-m0",
    )
    with pytest.raises(FirmwareError, match=r"stack|reach its end|exception"):
        run(elf, timeout_s=20)


def test_a_program_that_hangs_is_stopped(program: Program) -> None:
    elf = program('int main(void) { kws_qemu_print("waiting"); for (;;) __asm__ volatile(""); }')
    with pytest.raises(FirmwareError, match=r"did not exit within 1 s on cortex-m4; it printed: 'waiting'"):
        run(elf, timeout_s=1)


def test_bad_requests_say_what_to_do(program: Program, tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match=r"compiling .*program\.c for cortex-m4 failed:\n(.|\n)*undeclared"):
        program("int main(void) { return nowhere; }")
    with pytest.raises(FirmwareError, match=r"linking(.|\n)*RAM"):
        program("static volatile char big[1 << 20]; int main(void) { return big[kws_qemu_open(0)]; }", "cortex-m0")
    with pytest.raises(FirmwareError, match=r"linking(.|\n)*sbrk"):
        program("#include <stdlib.h>\nint main(void) { return (int)(intptr_t)malloc(8); }")
    with pytest.raises(FirmwareError, match="no emulated board has a 'cortex-m99'; choose one of cortex-m0, "):
        program(HELLO, "cortex-m99")
    elf = program(HELLO)
    with pytest.raises(FirmwareError, match=r"has no function nowhere; .*noinline"):
        run(elf, count=("nowhere",))
    with pytest.raises(FirmwareError, match="twice"):
        run(elf, count=("main", "main"))
    with pytest.raises(FirmwareError, match="absent is no file"):
        run(elf, inputs=(tmp_path / "absent",))


def test_building_tells_its_progress(program: Program) -> None:
    told: list[tuple[int, int]] = []
    program(HELLO, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_missing_tool_is_answered_with_its_installation(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elf = program(HELLO)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match=f"{APT_GET} qemu-system-arm"):
        run(elf)
    with pytest.raises(DependencyError, match=f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi"):
        program(HELLO)


def test_the_counting_plugin_is_compiled_into_the_users_cache_once(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    elf = program(HELLO)
    result = run(elf, count=("main",))
    plugins = list((tmp_path / "cache" / "kws-edge").glob("qemu-counter-*.so"))
    assert len(plugins) == 1
    made = plugins[0].stat().st_mtime_ns
    assert run(elf, count=("main",)) == result
    assert plugins[0].stat().st_mtime_ns == made
    assert dataclasses.replace(result, instructions={}, total_instructions=0) == run(elf)
