"""CMSIS-DSP's fixed-point MFCC, q15 and q31."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from firmware_export.targets.qemu import build, run, size
from kws_edge.errors import FirmwareError
from peers.mel_filters import triangles
from peers.packages import Package, sources_of
from peers.row import PeerRow, memory_of
from peers.sounds import SPEC, Audio, Float, Sounds, errors_of, frames_of

HERE = Path(__file__).parent
PACKAGE = Package("cmsisdsp", "1.10.3", "307d32298faa7c58db912851027fce35f886fec7eb1a27c4b309ce1a97f47519")
FFT = SPEC.transform_length
_FILES = {
    "BasicMathFunctions": "abs_q15 abs_q31 dot_prod_q15 dot_prod_q31 mult_q15 mult_q31 offset_q31 scale_q15 scale_q31 "
    "shift_q15 shift_q31",
    "CommonTables": "common_tables const_structs",
    "ComplexMathFunctions": "cmplx_mag_q15 cmplx_mag_q31",
    "FastMathFunctions": "divide_q15 divide_q31 sqrt_q15 sqrt_q31 vlog_q31",
    "MatrixFunctions": "mat_vec_mult_q15 mat_vec_mult_q31",
    "StatisticsFunctions": "absmax_q15 absmax_q31",
    "TransformFunctions": "bitreversal2 cfft_q15 cfft_q31 cfft_init_q15 cfft_init_q31 cfft_radix4_q15 cfft_radix4_q31 "
    "mfcc_q15 mfcc_q31 mfcc_init_q15 mfcc_init_q31 rfft_q15 rfft_q31 rfft_init_q15 rfft_init_q31",
}


def dct() -> Float:
    """Orthonormal DCT-II, [coefficients, bands]."""
    k, n = np.arange(SPEC.coefficients)[:, None], np.arange(SPEC.mel_bands)
    matrix: Float = np.sqrt(2 / SPEC.mel_bands) * np.cos(np.pi * k * (n + 0.5) / SPEC.mel_bands)
    matrix[0] /= np.sqrt(2)
    return matrix


def _fixed(values: Float, bits: int) -> list[int]:
    scaled = np.rint(values.ravel() * 2.0**bits)
    return [int(value) for value in np.clip(scaled, -(2.0**bits), 2.0**bits - 1)]


def _tables(window: Float, weights: Float, bits: int) -> str:
    kept = [np.flatnonzero(row) for row in weights]
    filters = np.concatenate([row[bins[0] : bins[-1] + 1] for row, bins in zip(weights, kept, strict=True)])

    def array(name: str, kind: str, values: Sequence[int]) -> str:
        return f"static const {kind} {name}[{len(values)}] = {{{', '.join(map(str, values))}}};\n"

    kind = f"q{bits}_t"
    return (
        f"#define PEER_FFT {FFT}\n#define PEER_BANDS {SPEC.mel_bands}\n#define PEER_COEFFICIENTS {SPEC.coefficients}\n"
        + array("peer_window", kind, _fixed(window, bits))
        + array("peer_dct", kind, _fixed(dct(), bits))
        + array("peer_filters", kind, _fixed(filters, bits))
        + array("peer_filter_starts", "uint32_t", [int(bins[0]) for bins in kept])
        + array("peer_filter_lengths", "uint32_t", [int(bins[-1] - bins[0] + 1) for bins in kept])
    )


def _reference(frames: Audio, window: Float, weights: Float) -> Float:
    """What arm_mfcc_q15 and q31 aim at: every frame scaled to full scale, and a floor of 1e-6 under the bands / 256."""
    samples = frames / 32768.0
    peak = np.abs(samples).max(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(samples / peak * window, FFT))
    bands = spectrum @ weights.T / FFT + 1e-6
    logarithms: Float = np.log(bands * peak * FFT)
    return logarithms @ dct().T


def row(given: Sounds, bits: int, cpu: str, folder: Path) -> PeerRow:
    """``arm_mfcc_q15`` or ``arm_mfcc_q31`` (`bits` 15 or 31) over the sounds, built in `folder`."""
    package = sources_of(PACKAGE)
    frames = frames_of(given.clips)
    window, weights = np.hanning(FFT), triangles(first_bin=1, upper_hz=SPEC.mel_upper_edge_hz)
    (folder / "peer_tables.h").write_text(_tables(window, weights, bits))
    audio = folder / "frames"
    audio.write_bytes(frames.tobytes())
    elf = build(
        [
            HERE / "cmsis_mfcc.c",
            *(package / "Source" / part / f"arm_{name}.c" for part, names in _FILES.items() for name in names.split()),
        ],
        cpu,
        folder / f"cmsis-q{bits}.elf",
        # unrolled loops are what CMSIS-DSP's own build chooses, and the faster ones
        defines=(f"PEER_BITS={bits}", "ARM_MATH_LOOPUNROLL", "DISABLEFLOAT16"),
        include=(HERE, package / "Include", package / "PrivateInclude", folder),
    )
    function = f"arm_mfcc_q{bits}"
    result = run(elf, inputs=(audio,), count=(function,), timeout_s=300)
    if result.exit_code:
        raise FirmwareError(f"{function} ended with code {result.exit_code}, see cmsis_mfcc.c")
    if bits == 15:
        coefficients = np.frombuffer(result.output, np.int16) / 2.0**7
    else:
        coefficients = np.frombuffer(result.output, np.int32) / 2.0**23
    told = size(elf)
    flash, ram = memory_of(told, "cmsis_mfcc.c")
    table_bytes = (bits + 1) // 8 * (FFT + dct().size + int(np.count_nonzero(weights))) + 8 * SPEC.mel_bands
    return PeerRow(
        name=f"CMSIS-DSP {PACKAGE.version} {function}",
        cpu=cpu,
        output=f"{SPEC.coefficients} coefficients",
        counts=result.instructions[function],
        errors=errors_of(given, coefficients.reshape(-1, SPEC.coefficients), _reference(frames, window, weights)),
        flash_bytes=flash + table_bytes,
        # its buffers are the program's; the samples as they came are the benchmark's own
        ram_bytes=ram + told.sources["cmsis_mfcc.c"].ram_bytes - 2 * FFT,
    )
