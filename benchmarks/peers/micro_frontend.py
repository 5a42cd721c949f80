"""The TFLM micro front end, as pymicro-features ships it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from firmware_export.targets.qemu import build, run, size
from kws_edge.errors import FirmwareError
from peers.mel_filters import triangles
from peers.packages import Package, sources_of
from peers.row import PeerRow, memory_of
from peers.sounds import SPEC, Audio, Float, Sounds, errors_of, frames_of

HERE = Path(__file__).parent
PACKAGE = Package("pymicro-features", "2.0.2", "0d0bed7843ec78b6ced82d1a2dcddeb4fe5df61b3af80a281d0868c8e279c727")
FFT = SPEC.transform_length
# it refuses a band edge at half the sample rate
UPPER_HZ = SPEC.mel_upper_edge_hz - 1
_FILES = (
    "fft fft_util filterbank filterbank_util frontend frontend_util kiss_fft_int16 log_lut log_scale log_scale_util "
    "noise_reduction noise_reduction_util pcan_gain_control pcan_gain_control_util window window_util"
)


def _reference(frames: Audio) -> Float:
    """What the micro front end aims at: ln of the root of the weighted energies, below 1 of int16 amplitude 0."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(FFT) + 0.5) / FFT)
    energies = np.abs(np.fft.rfft(frames * window, FFT)) ** 2 @ triangles(first_bin=2, upper_hz=UPPER_HZ).T
    return 0.5 * np.log(np.maximum(1.0, energies))


def row(given: Sounds, cpu: str, folder: Path) -> PeerRow:
    """Its log-mel rows over the sounds, noise reduction neutral and PCAN off, built in `folder`."""
    package = sources_of(PACKAGE)
    lib = package / "tensorflow" / "lite" / "experimental" / "microfrontend" / "lib"
    # the one C++ header that it includes; a C++ library for the target is no part of the toolchain
    (folder / "cstdint").write_text("#include <stdint.h>\n")
    audio = folder / "clips"
    audio.write_bytes(given.clips.tobytes())
    elf = build(
        [HERE / "micro_frontend.cc", *(lib / f"{name}.cc" for name in _FILES.split())],
        cpu,
        folder / "micro.elf",
        defines=(
            "FIXED_POINT=16",
            f"PEER_CLIP_SAMPLES={SPEC.clip_samples}",
            f"PEER_SAMPLE_RATE={SPEC.sample_rate_hz}",
            f"PEER_WINDOW_MS={SPEC.window_ms:g}",
            f"PEER_STRIDE_MS={SPEC.window_stride_ms:g}",
            f"PEER_BANDS={SPEC.mel_bands}",
            f"PEER_LOWER_HZ={SPEC.mel_lower_hz}f",
            f"PEER_UPPER_HZ={UPPER_HZ}f",
        ),
        include=(package, package / "kissfft", folder),
        flags=("-x", "c++", "-std=gnu++14", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"),
        libraries=("m",),
    )
    result = run(elf, inputs=(audio,), count=("FrontendProcessSamples",), timeout_s=300)
    if result.exit_code:
        raise FirmwareError(f"the micro front end ended with code {result.exit_code}, see micro_frontend.cc")
    # 6 fraction bits: its default scale_shift
    values = np.frombuffer(result.output, np.uint16).reshape(-1, SPEC.mel_bands) / 2.0**6
    flash, ram = memory_of(size(elf), "micro_frontend.cc")
    return PeerRow(
        name=f"TFLM micro front end (pymicro-features {PACKAGE.version})",
        cpu=cpu,
        output=f"{SPEC.mel_bands} log-mel",
        counts=result.instructions["FrontendProcessSamples"],
        errors=errors_of(given, values, _reference(frames_of(given.clips))),
        flash_bytes=flash,
        ram_bytes=ram + int(result.stdout),
    )
