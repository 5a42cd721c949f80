"""kws_decimate.c: the filter that its header promises, exactly as integers say, however the samples come in."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_export.targets.qemu import build, run

CORE = Path(__file__).parents[2] / "firmware_export" / "core"
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror")
SIDE_TAPS = 20
INPUT_RATE_HZ = 16000

Samples = NDArray[np.int16]


def designed_taps() -> NDArray[np.int64]:
    """The 79 taps in Q15, from the formula in kws_decimate.h."""
    n = np.arange(1, 2 * SIDE_TAPS, 2)
    window = np.i0(6.2 * np.sqrt(1 - (n / (2 * SIDE_TAPS)) ** 2)) / np.i0(6.2)
    side = np.rint(32768 * np.sinc(n / 2) / 2 * window).astype(np.int64)
    side[0] += 8192 - side.sum()
    taps = np.zeros(4 * SIDE_TAPS - 1, np.int64)
    middle = 2 * SIDE_TAPS - 1
    taps[middle] = 16384
    taps[middle + n] = taps[middle - n] = side
    return taps


def decimated(pcm: Samples) -> Samples:
    """What the C must give: convolution with silence before the start, every second sample, rounded half up."""
    sums = np.convolve(pcm.astype(np.int64), designed_taps())[1 : len(pcm) : 2]
    rounded: Samples = np.clip((sums + 16384) >> 15, -32768, 32767).astype(np.int16)
    return rounded


def without_offset(samples: Samples) -> Samples:
    """What kws_dc_block_run must give."""
    offset = 0
    levels = np.empty(len(samples), np.int64)
    for i, sample in enumerate(samples.tolist()):
        levels[i] = sample - ((offset + 512) >> 10)
        offset += int(levels[i])
    clipped: Samples = np.clip(levels, -32768, 32767).astype(np.int16)
    return clipped


class Decimator:
    """One stream through the compiled C."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._state = ctypes.create_string_buffer(1024)
        self._block = ctypes.c_int32(0)

    def push(self, pcm: Samples, *, channels: int = 1, in_place: bool = False) -> Samples:
        frames = len(pcm) // channels
        given = pcm.copy()
        out = given if in_place else np.full((frames + 1) // 2 + 1, 12345, np.int16)
        written = self._library.kws_decimate_push(self._state, given.ctypes.data, frames, channels, out.ctypes.data)
        assert written <= (frames + 1) // 2
        assert in_place or np.all(out[written:] == 12345)
        return out[:written].copy()

    def block_offset(self, samples: Samples) -> Samples:
        changed = samples.copy()
        self._library.kws_dc_block_run(ctypes.byref(self._block), changed.ctypes.data, len(changed))
        return changed


@pytest.fixture(scope="module", params=["gcc", "clang", "gcc -DKWS_SIMD_EMULATION"])
def decimator(
    request: pytest.FixtureRequest, tool: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Decimator]]:
    name, *flags = request.param.split()
    compiler = tool(name, f"apt-get install {name}")
    library = tmp_path_factory.mktemp("decimate") / "decimate.so"
    flags += ["-fsanitize=undefined", "-fno-sanitize-recover=all"] if name == "gcc" else []
    command = [compiler, *WARNINGS, *flags, "-O2", "-shared", "-fPIC", str(CORE / "kws_decimate.c"), "-o", library]
    subprocess.run(command, check=True)
    loaded = ctypes.CDLL(str(library))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    loaded.kws_decimate_push.argtypes = [pointer, pointer, size, size, pointer]
    loaded.kws_decimate_push.restype = size
    loaded.kws_dc_block_run.argtypes = [pointer, pointer, size]
    loaded.kws_dc_block_run.restype = None
    yield lambda: Decimator(loaded)


def noise(count: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).integers(-32768, 32768, count).astype(np.int16)


def chunks(pcm: Samples, sizes: Sequence[int]) -> Iterator[Samples]:
    position = 0
    while position < len(pcm):
        for size in sizes:
            yield pcm[position : position + size]
            position += size


def test_the_taps_keep_speech_and_reject_what_would_fold_onto_it() -> None:
    response = np.abs(np.fft.rfft(designed_taps() / 32768, 1 << 16))
    frequency_hz = np.fft.rfftfreq(1 << 16, 1 / INPUT_RATE_HZ)
    decibel = 20 * np.log10(np.maximum(response, 1e-12))
    assert np.max(np.abs(decibel[frequency_hz <= 3600])) < 0.01
    assert np.max(decibel[frequency_hz >= 4400]) < -65
    assert response[0] == 1.0


def test_no_sum_of_products_leaves_32_bits() -> None:
    assert int(np.abs(designed_taps()).sum()) * 32768 + 16384 < 2**31


def test_the_extreme_input_of_either_sign_saturates(decimator: Callable[[], Decimator]) -> None:
    for sign in (1, -1):
        worst = np.where(designed_taps()[::-1] * sign >= 0, 32767, -32768).astype(np.int16)
        pcm = np.concatenate([np.zeros(1, np.int16), worst])
        expected = decimated(pcm)
        assert expected[-1] == (32767 if sign > 0 else -32768)
        assert np.array_equal(decimator().push(pcm), expected)


@pytest.mark.parametrize("sample", [1, -1, 3, 32767, -32767, -32768])
def test_halves_are_rounded_up(decimator: Callable[[], Decimator], sample: int) -> None:
    impulse = np.zeros(80, np.int16)
    # the tap in the middle is exactly 1/2
    impulse[0] = sample
    assert decimator().push(impulse)[SIDE_TAPS - 1] == -(-sample // 2)
    assert np.array_equal(decimator().push(impulse), decimated(impulse))


@pytest.mark.parametrize("sizes", [(100_000,), (1,), (2,), (7,), (160,), (3, 512, 1)])
def test_chunks_of_any_size_equal_the_specification(decimator: Callable[[], Decimator], sizes: tuple[int, ...]) -> None:
    pcm, stream = noise(5001), decimator()
    assert np.array_equal(np.concatenate([stream.push(chunk) for chunk in chunks(pcm, sizes)]), decimated(pcm))


@given(
    pcm=st.lists(
        st.sampled_from([-32768, -32767, -1, 0, 1, 32766, 32767]) | st.integers(-32768, 32767), min_size=1, max_size=300
    ),
    size=st.integers(1, 90),
)
@settings(max_examples=300, deadline=None)
def test_any_samples_equal_the_specification(decimator: Callable[[], Decimator], pcm: list[int], size: int) -> None:
    samples, stream = np.array(pcm, np.int16), decimator()
    made = [stream.push(chunk) for chunk in chunks(samples, (size,))]
    assert np.array_equal(np.concatenate([*made, np.empty(0, np.int16)]), decimated(samples))


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_one_channel_of_several_is_taken_and_may_be_replaced_in_place(
    decimator: Callable[[], Decimator], channels: int
) -> None:
    pcm = noise(1000 * channels, seed=channels)
    expected = decimated(pcm[::channels])
    assert np.array_equal(decimator().push(pcm, channels=channels), expected)
    assert np.array_equal(decimator().push(pcm, channels=channels, in_place=True), expected)


def test_a_microphones_offset_goes_and_speech_stays(decimator: Callable[[], Decimator]) -> None:
    rng = np.random.default_rng(3)
    time = np.arange(24000) / 8000
    speech = 8000 * np.sin(2 * np.pi * 200 * time) + rng.normal(0, 100, len(time))
    cleaned = decimator().block_offset((speech + 1500).astype(np.int16))
    settled = slice(16000, None)
    assert abs(cleaned[settled].mean()) < 5
    assert np.std(cleaned[settled]) / np.std(speech[settled]) == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("constant", [0, 1, -1, 700, 32767, -32768])
def test_a_constant_becomes_digital_silence(decimator: Callable[[], Decimator], constant: int) -> None:
    assert not np.any(decimator().block_offset(np.full(40_000, constant, np.int16))[-1000:])


def test_offset_removal_equals_the_specification(decimator: Callable[[], Decimator]) -> None:
    square = np.tile(np.repeat([32767, -32768], 3000), 3).astype(np.int16)
    for samples in (noise(9000), square):
        stream = decimator()
        made = np.concatenate([stream.block_offset(chunk) for chunk in chunks(samples, (1, 77))])
        assert np.array_equal(made, without_offset(samples))


ON_A_BOARD = """
#include "kws_qemu.h"
#include "kws_decimate.h"
static kws_decimate decimate;
static kws_dc_block block;
static int16_t pcm[257];
__attribute__((noinline, noclone)) size_t halve(size_t count) {
  return kws_decimate_push(&decimate, pcm, count, 1, pcm);
}
int main(void) {
  uint32_t random = 1;
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 257; ++i) {
      random = random * 1664525u + 1013904223u;
      pcm[i] = (int16_t)(random >> 16);
    }
    const size_t count = halve(257);
    kws_dc_block_run(&block, pcm, count);
    kws_qemu_print_hex(pcm, 2 * count);
  }
  return 0;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m0", "cortex-m4", "cortex-m33", "cortex-m55"])
def test_boards_give_the_same(cpu: str, tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    tool("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", "apt-get install qemu-system-arm")
    program = tmp_path / "program.c"
    program.write_text(ON_A_BOARD)
    elf = build([program, CORE / "kws_decimate.c"], cpu, tmp_path / "program.elf", include=[CORE])
    result = run(elf, count=("halve",))
    state, pcm = 1, []
    for _ in range(8 * 257):
        state = (state * 1664525 + 1013904223) % 2**32
        pcm.append(state >> 16)
    expected = without_offset(decimated(np.array(pcm, np.uint16).view(np.int16)))
    assert result.exit_code == 0
    assert np.array_equal(np.frombuffer(bytes.fromhex(result.stdout), "<i2"), expected)
