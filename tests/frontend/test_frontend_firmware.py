"""The generated C computes the same rows whoever compiles it and wherever it runs, within its memory and its budget."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from frontend_signals import adversarial_clips, special_clips

from firmware_export.codegen.frontend import CORE, FRONTEND_CORE_FILES, frontend_files
from firmware_export.targets.qemu import emulator, toolchain
from kws_edge.frontend import reference_features
from kws_edge.spec import FeatureSpec

HERE = Path(__file__).parent
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]
CLIP = {"clip_ms": 200}
SPECTROGRAM = {"kind": "log_spectrogram", "window_ms": 20, "window_stride_ms": 10, "preemphasis": 0, "scale": 0.125}
SPECS = {
    "mfcc": FeatureSpec(**CLIP),
    "deltas": FeatureSpec(**CLIP, append_energy=True, deltas=2, coefficients=13, window_ms=25),
    "320 points": FeatureSpec(**CLIP, window_ms=40, mel_bands=40, coefficients=20),
    "spectrogram": FeatureSpec(**CLIP, **SPECTROGRAM),
    "waveform": FeatureSpec(**CLIP, kind="waveform", scale=256.0),
}
# chunks of the stream; the last is a whole clip
CHUNKS = np.array([1, 7, 160, 100, 333, 1600], np.uint16)


def write_firmware(folder: Path, spec: FeatureSpec) -> list[Path]:
    """The core and what is generated for `spec`; the sources to compile."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in frontend_files(spec).items():
        (folder / name).write_text(text)
    for name in FRONTEND_CORE_FILES:
        (folder / name).write_bytes((CORE / name).read_bytes())
    return sorted(folder.glob("*.c"))


def write_inputs(folder: Path, clips: np.ndarray) -> list[Path]:
    paths = [folder / "clips.bin", folder / "chunks.bin"]
    paths[0].write_bytes(clips.tobytes())
    paths[1].write_bytes(CHUNKS.tobytes())
    return paths


def run_on_host(folder: Path, spec: FeatureSpec, clips: np.ndarray, compiler: str, flags: list[str]) -> bytes:
    sources = write_firmware(folder / "generated", spec)
    program = folder / "program"
    include = [f"-I{folder / 'generated'}", f"-I{toolchain.HERE}"]
    objects = []
    for source in sources:
        objects.append(str(folder / f"{source.stem}.o"))
        subprocess.run([compiler, *STRICT, *flags, *include, "-c", str(source), "-o", objects[-1]], check=True)
    harness = [str(HERE / name) for name in ("frontend_program.c", "host_shim.c")]
    subprocess.run([compiler, "-std=c99", *flags, *include, *harness, *objects, "-o", str(program)], check=True)
    inputs = write_inputs(folder, clips)
    environment = os.environ | {f"FRONTEND_INPUT{index}": str(path) for index, path in enumerate(inputs)}
    done = subprocess.run([str(program)], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def rows_of(output: bytes, spec: FeatureSpec) -> np.ndarray:
    return np.frombuffer(output, np.int8).reshape(-1, *spec.shape)


def test_signals(count: int = 20) -> np.ndarray:
    return np.concatenate([special_clips(1600), adversarial_clips(count, 1600, seed=5)])


test_signals.__test__ = False


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(
    ("compiler", "flags"),
    [
        ("gcc", ["-O2"]),
        ("gcc", ["-O0", *SANITIZERS]),
        ("clang", ["-O1", *SANITIZERS]),
        pytest.param("gcc", ["-O0"], marks=pytest.mark.slow),
        pytest.param("gcc", ["-O3"], marks=pytest.mark.slow),
        pytest.param("gcc", ["-Os"], marks=pytest.mark.slow),
        pytest.param("clang", ["-O0"], marks=pytest.mark.slow),
        pytest.param("clang", ["-O2"], marks=pytest.mark.slow),
        pytest.param("clang", ["-O3"], marks=pytest.mark.slow),
        pytest.param("clang", ["-Os"], marks=pytest.mark.slow),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_host_compilers_agree(name, compiler, flags, tmp_path, tool):
    tool(compiler, f"apt-get install {compiler}")
    spec, clips = SPECS[name], test_signals()
    output = run_on_host(tmp_path, spec, clips, compiler, flags)
    np.testing.assert_array_equal(rows_of(output, spec), reference_features(clips, spec))


def test_a_single_coefficient_compiles_without_a_warning_too(tmp_path, tool):
    tool("gcc", "apt-get install gcc")
    spec, clips = FeatureSpec(**CLIP, mel_bands=2, coefficients=1, deltas=2), test_signals()
    output = run_on_host(tmp_path, spec, clips, "gcc", ["-O2"])
    np.testing.assert_array_equal(rows_of(output, spec), reference_features(clips, spec))


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_headers_are_cpp_too(compiler, tmp_path, tool):
    tool(compiler, f"apt-get install {compiler.replace('clang++', 'clang')}")
    write_firmware(tmp_path, SPECS["deltas"])
    program = tmp_path / "main.cpp"
    program.write_text('#include "kws_features.h"\nsize_t state_bytes() { return sizeof(kws_frontend); }\n')
    flags = [*STRICT[1:], "-std=c++11", "-fsyntax-only"]
    done = subprocess.run([compiler, *flags, str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("optimization", ["-O0", "-O2", "-O3", "-Os"])
@pytest.mark.parametrize("compiler", ["arm-none-eabi-gcc", "clang"])
@pytest.mark.parametrize("dsp", [True, False], ids=["dsp", "no dsp"])
@pytest.mark.parametrize("name", SPECS)
def test_cortex_m4_agrees(name, dsp, compiler, optimization, tmp_path, tool):
    run_on_board("cortex-m4", SPECS[name], dsp, compiler, optimization, tmp_path, tool)


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["cortex-m0", "cortex-m33", "cortex-m55"])
@pytest.mark.parametrize("optimization", ["-O2", "-Os"])
@pytest.mark.parametrize("name", SPECS)
def test_other_cores_agree(name, optimization, cpu, tmp_path, tool):
    run_on_board(cpu, SPECS[name], True, "arm-none-eabi-gcc", optimization, tmp_path, tool)


def run_on_board(cpu, spec, dsp, compiler, optimization, tmp_path, tool):
    tool("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", "apt-get install qemu-system-arm")
    tool(compiler, f"apt-get install {compiler}")
    clips = test_signals()
    sources = write_firmware(tmp_path / "generated", spec)
    elf = toolchain.build(
        [HERE / "frontend_program.c", *sources],
        cpu,
        tmp_path / "program.elf",
        optimization=optimization,
        include=[tmp_path / "generated"],
        compiler=compiler,
        defines=[] if dsp else ["KWS_FRONTEND_NO_DSP"],
    )
    result = emulator.run(elf, inputs=write_inputs(tmp_path, clips))
    assert result.exit_code == 0
    np.testing.assert_array_equal(rows_of(result.output, spec), reference_features(clips, spec))


@pytest.mark.slow
def test_the_firmware_reaches_every_golden_stage(golden, tmp_path, tool):
    tool("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", "apt-get install qemu-system-arm")
    spec = golden.MFCC
    samples = golden.read_golden("samples").astype(np.int16)
    sources = write_firmware(tmp_path / "generated", spec)
    elf = toolchain.build(
        [HERE / "frontend_program.c", *sources],
        "cortex-m4",
        tmp_path / "program.elf",
        include=[tmp_path / "generated"],
        defines=["STAGES"],
    )
    result = emulator.run(elf, inputs=write_inputs(tmp_path, samples))
    assert result.exit_code == 0
    record = np.dtype(
        [
            ("power", np.int64, 129),
            ("mel_energies", np.int64, spec.mel_bands),
            ("log16", np.int16, spec.mel_bands),
            ("mfcc", np.int8, spec.columns),
        ]
    )
    rows = np.frombuffer(result.output, record)
    for stage in record.names:
        np.testing.assert_array_equal(rows[stage], golden.read_golden(stage), err_msg=stage)


@pytest.mark.slow
def test_a_frame_costs_what_was_promised(tmp_path, tool):
    """At most 15,000 instructions, 2.5 KB of state and scratch, 6 KB of code and tables on a Cortex-M4."""
    tool("arm-none-eabi-gcc", "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    tool("qemu-system-arm", "apt-get install qemu-system-arm")
    spec = FeatureSpec()
    sources = write_firmware(tmp_path / "generated", spec)
    elf = toolchain.build(
        [HERE / "frontend_program.c", *sources], "cortex-m4", tmp_path / "program.elf", include=[tmp_path / "generated"]
    )
    clips = np.concatenate([adversarial_clips(5, 8000, seed=1), special_clips()[:3]])
    result = emulator.run(elf, inputs=write_inputs(tmp_path, clips), count=["kws_frontend_push"])
    rows = [count for count in result.instructions["kws_frontend_push"] if count > 5000]
    assert len(rows) == len(clips) * spec.frames
    assert max(rows) <= 15_000
    # copies of the shorter and longer chunks differ; nothing else depends on the samples
    assert max(rows) - min(rows) < 500
    parts = toolchain.size(elf).sources
    assert sum(parts[path.name].flash_bytes for path in sources) <= 6 * 1024
    state = next(symbol.bytes for symbol in elf.symbols if symbol.name == "frontend")
    assert state <= 2560
