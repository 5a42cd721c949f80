"""The exported folder: every compiler and checker is content with it, it needs no heap and no floating point."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from small_firmware import SPECS, WARNINGS, small_firmware, small_model, some_audio, write_sources

from firmware_export.codegen.firmware import Firmware
from firmware_export.targets.generic.network import network_files
from firmware_export.targets.qemu import build
from firmware_export.targets.registry import engine_and_target, targets
from kws_edge.errors import ExportError
from kws_edge.runtime.oracle import open_oracle

pytestmark = pytest.mark.slow

APT_GET = "apt-get install"
COMPILERS = {
    "gcc": ("gcc", "gcc", ()),
    "clang": ("clang", "clang", ()),
    "cortex-m0": ("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi", ("-mcpu=cortex-m0", "-mthumb")),
    "cortex-m4": ("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi", ("-mcpu=cortex-m4", "-mthumb")),
    "cortex-m55": ("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi", ("-mcpu=cortex-m55", "-mthumb")),
}
SPOTTER_MAIN = """
#include "kws_selftest.h"
static kws_spotter spotter;
static uint8_t arena[KWS_SPOTTER_ARENA_BYTES];
int main(void) { return (int)kws_selftest(&spotter, arena, sizeof arena); }
"""
NETWORK_MAIN = """
#include "kws_network_selftest.h"
static int8_t input[KWS_NETWORK_INPUT_BYTES], output[KWS_NETWORK_OUTPUT_BYTES];
static uint32_t arena[KWS_NETWORK_ARENA_BYTES / 4 + 1];
int main(void) { return kws_network_selftest(input, output, arena) ? 0 : 1; }
"""


@pytest.fixture(scope="module")
def firmware() -> Firmware:
    return small_firmware(SPECS["mfcc"], seed=3)


def network_folder() -> dict[str, str]:
    model, _ = small_model(SPECS["mfcc"], seed=3)
    return network_files(model, name="small.tflite", inference=lambda rows: open_oracle(model).run(rows))


@pytest.fixture(scope="module", params=["spotter", "network"])
def folder(request: pytest.FixtureRequest, firmware: Firmware, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = targets()["generic"].files(firmware) if request.param == "spotter" else network_folder()
    return write_sources(files, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("name", COMPILERS)
@pytest.mark.parametrize("optimization", ["-O0", "-Os", "-O3"])
def test_it_compiles_without_a_warning(
    folder: Path, name: str, optimization: str, tool: Callable[[str, str], str], tmp_path: Path
) -> None:
    compiler, packages, flags = COMPILERS[name]
    command = [tool(compiler, f"{APT_GET} {packages}"), "-std=c99", optimization, *WARNINGS, *flags]
    sources = sorted(map(str, [*folder.glob("src/*.c"), *folder.glob("example/*.c")]))
    assert len(sources) >= 8
    subprocess.run([*command, f"-I{folder / 'src'}", "-c", *sources], check=True, cwd=tmp_path)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_every_header_is_cplusplus_too(
    folder: Path, compiler: str, tool: Callable[[str, str], str], tmp_path: Path
) -> None:
    program = tool(compiler, f"{APT_GET} {'g++' if compiler == 'g++' else 'clang'}")
    for header in sorted(folder.glob("src/*.h")):
        source = tmp_path / f"{header.stem}.cpp"
        source.write_text(f'#include "{header.name}"\n#include "{header.name}"\n')
        command = [program, "-std=c++11", *WARNINGS, f"-I{folder / 'src'}", "-c", str(source)]
        subprocess.run([*command, "-o", str(tmp_path / "object.o")], check=True)


STRING_H = """
#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
"""


def checked_by_clang(folder: Path, sources: list[Path], flags: tuple[str, ...], library: Path) -> tuple[int, str]:
    """What clang says of these sources for a processor whose C library is not installed."""
    (library / "string.h").write_text(STRING_H)
    command = ["clang", *flags, "-ffreestanding", "-std=c99", *WARNINGS, "-fsyntax-only"]
    command += [f"-isystem{library}", f"-I{folder / 'src'}", *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_a_processor_of_16_bits_is_refused_before_it_computes_something_else(
    folder: Path, tool: Callable[[str, str], str], tmp_path: Path
) -> None:
    tool("clang", f"{APT_GET} clang")
    code, said = checked_by_clang(folder, [folder / "src" / "kws_conv.c"], ("--target=msp430",), tmp_path)
    assert code != 0 and "int, which must have 32 bits" in said


def test_a_compiler_without_gccs_extensions_takes_the_portable_form(
    folder: Path, tool: Callable[[str, str], str], tmp_path: Path
) -> None:
    tool("clang", f"{APT_GET} clang")
    without = ("-fgnuc-version=0", "-D__asm__=NO_ASSEMBLY", "-D__attribute__=NO_ATTRIBUTES")
    flags = ("--target=arm-none-eabi", "-mcpu=cortex-m4", "-mthumb", *without)
    assert checked_by_clang(folder, sorted(folder.glob("src/*.c")), flags, tmp_path) == (0, "")


STRICT_CPLUSPLUS = ("-Wold-style-cast", "-Wuseless-cast", "-Wcast-qual", "-Wcast-align=strict", "-Wredundant-decls")


def test_what_an_application_includes_is_declarations_alone(
    folder: Path, tool: Callable[[str, str], str], tmp_path: Path
) -> None:
    compiler = tool("g++", f"{APT_GET} g++")
    cross = tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    header = next(name for name in ("kws_selftest.h", "kws_network_selftest.h") if (folder / "src" / name).exists())
    source = tmp_path / "application.cpp"
    source.write_text(f'#include "{header}"\n')
    command = [compiler, "-std=c++17", *WARNINGS, *STRICT_CPLUSPLUS, f"-I{folder / 'src'}", "-fsyntax-only"]
    subprocess.run([*command, str(source)], check=True)
    # neither the kernels' inline functions nor the C library's
    command = [cross, "-mcpu=cortex-m4", "-mthumb", "-x", "c", f"-I{folder / 'src'}", "-M", str(source)]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    included = {Path(name).name for name in listed.replace("\\\n", " ").split()[2:]}
    assert header in included
    assert not included & {"arm_acle.h", "string.h", "kws_fixed_point.h", "kws_simd.h", "kws_memory.h"}


def test_cppcheck_has_nothing_to_say(folder: Path, tool: Callable[[str, str], str]) -> None:
    command = [tool("cppcheck", f"{APT_GET} cppcheck"), "--std=c99", "--quiet", "--error-exitcode=1"]
    command += ["--enable=warning,style,performance,portability", f"-I{folder / 'src'}"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)


def test_clang_tidy_has_nothing_to_say(folder: Path, tool: Callable[[str, str], str]) -> None:
    command = [tool("clang-tidy", f"{APT_GET} clang-tidy"), "--quiet", "--warnings-as-errors=*"]
    sources = sorted(map(str, folder.rglob("*.c")))
    done = subprocess.run([*command, *sources, "--", "-std=c99", f"-I{folder / 'src'}"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("cpu", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_the_linked_image_has_no_heap_no_floating_point_and_no_constructors(
    folder: Path, cpu: str, tool: Callable[[str, str], str], tmp_path: Path
) -> None:
    tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
    spotter = (folder / "src" / "kws_spotter.h").exists()
    main = tmp_path / "main.c"
    main.write_text(SPOTTER_MAIN if spotter else NETWORK_MAIN)
    # the linker script refuses global constructors
    elf = build([*sorted(folder.glob("src/*.c")), main], cpu, tmp_path / "image", include=[folder / "src"])
    listing = subprocess.run(["arm-none-eabi-nm", str(elf.path)], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1].strip("_") for line in listing.splitlines()}
    assert {"kws_network_run", "main"} <= names
    assert not names & {"malloc", "free", "calloc", "realloc", "sbrk", "malloc_r", "free_r", "sbrk_r"}
    # hundreds of bytes each, brought by any loop that a compiler takes for one of them
    assert not names & {"memcpy", "memset", "memmove", "memcmp"}
    # the run-time ABI's floating-point functions, by their names in "Run-time ABI for the Arm Architecture", 5.1.2
    float_helpers = re.compile(
        r"^aeabi_(c?[df](add|sub|mul|div|cmp|neg|2)|[iu]l?2[df]|l2[df])|^(add|sub|mul|div)[sd]f3$"
    )
    assert not [name for name in names if float_helpers.match(name)]
    disassembly = subprocess.run(["arm-none-eabi-objdump", "-d", str(elf.path)], capture_output=True, text=True)
    arithmetic = re.findall(r"\tv(?:add|sub|mul|div|cvt|fma|mla)\.f\d+", disassembly.stdout)
    assert arithmetic == []


def test_cmake_builds_it_and_the_example_runs(folder: Path, tool: Callable[[str, str], str], tmp_path: Path) -> None:
    cmake = tool("cmake", f"{APT_GET} cmake make")
    subprocess.run([cmake, "-S", str(folder), "-B", str(tmp_path)], check=True, capture_output=True)
    subprocess.run([cmake, "--build", str(tmp_path)], check=True, capture_output=True)
    if (tmp_path / "kws_example").exists():
        audio = some_audio(SPECS["mfcc"], 4).tobytes()
        done = subprocess.run([tmp_path / "kws_example"], input=audio, capture_output=True, check=True)
        verdict, *detected = done.stdout.decode().splitlines()
        assert detected, "nothing was detected: the example is not shown to work"
        assert all(re.fullmatch(r"\d\.\d{3} s: (left|right) \(\d+ %\)", line) for line in detected)
    else:
        inputs = bytes(range(256)) * 8
        done = subprocess.run(
            [tmp_path / "kws_network_example"], input=inputs[: 490 * 3], capture_output=True, check=True
        )
        verdict, *rows = done.stdout.decode().splitlines()
        assert [len(row.split()) for row in rows] == [4, 4, 4]
    assert verdict == "PASS"


def test_the_network_alone_fails_its_selftest_when_a_constant_differs(
    tmp_path: Path, tool: Callable[[str, str], str]
) -> None:
    tool("gcc", f"{APT_GET} gcc")
    folder = write_sources(network_folder(), tmp_path)
    source = folder / "src" / "kws_network.c"
    match = re.search(r"multiplier_0\[\d+\] = \{\s*(-?\d+)", source.read_text())
    assert match is not None
    text = source.read_text()
    source.write_text(text[: match.start(1)] + str(int(match[1]) * 3 // 4) + text[match.end(1) :])
    sources = sorted(map(str, folder.rglob("*.c")))
    subprocess.run(["gcc", f"-I{folder / 'src'}", *sources, "-o", str(folder / "program")], check=True)
    done = subprocess.run([folder / "program"], capture_output=True, text=True, input="")
    assert (done.stdout, done.returncode) == ("FAIL: the network's outputs differ\n", 1)


NULL_MAIN = """
#include "kws_network_selftest.h"
#include <stddef.h>
static int8_t input[KWS_NETWORK_INPUT_BYTES], output[KWS_NETWORK_OUTPUT_BYTES];
static uint32_t arena[KWS_NETWORK_ARENA_BYTES / 4 + 1];
int main(void) {
  return kws_network_selftest(NULL, output, arena) || kws_network_selftest(input, NULL, arena) ||
         kws_network_selftest(input, output, NULL) || !kws_network_selftest(input, output, arena);
}
"""


def test_the_network_alone_fails_its_selftest_without_memory(tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    tool("gcc", f"{APT_GET} gcc")
    folder = write_sources({**network_folder(), "main.c": NULL_MAIN}, tmp_path)
    sources = sorted(map(str, [folder / "main.c", *folder.glob("src/*.c")]))
    subprocess.run(["gcc", f"-I{folder / 'src'}", *sources, "-o", str(folder / "program")], check=True)
    assert subprocess.run([folder / "program"]).returncode == 0


@pytest.mark.parametrize("name", [name for name, target in targets().items() if "aot" in target.engines])
def test_the_same_firmware_gives_the_same_files(name: str, firmware: Firmware) -> None:
    first = targets()[name].files(firmware)
    assert first == targets()[name].files(small_firmware(SPECS["mfcc"], seed=3))
    assert first != targets()[name].files(small_firmware(SPECS["mfcc"], seed=4))


def test_the_readme_has_five_lines_at_most(folder: Path) -> None:
    title, blank, *lines = (folder / "README.md").read_text().splitlines()
    assert title.startswith("# ")
    assert blank == ""
    assert 4 <= len(lines) <= 5
    assert all((folder / link).is_file() for link in re.findall(r"\]\(([^)]+)\)", "\n".join(lines)))


def test_engines_and_targets_that_do_not_exist_or_do_not_fit_are_named() -> None:
    assert engine_and_target("aot", None)[1].name == "generic"
    assert engine_and_target(None, "generic")[0] == "aot"
    with pytest.raises(ExportError, match="--engine eon: no such engine; choose one of aot, tflm"):
        engine_and_target("eon", None)
    with pytest.raises(ExportError, match=r"--target mbed: no such target; choose one of .*generic"):
        engine_and_target("aot", "mbed")
    with pytest.raises(ExportError, match="--target generic carries engine aot, not tflm"):
        engine_and_target("tflm", "generic")
