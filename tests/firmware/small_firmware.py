"""Firmware of small convolutional networks with random weights, for any front end, without training.

The networks come from tests/codegen's builder, which scales every tensor to its values, so that outputs vary.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from firmware_export.codegen.firmware import Firmware, spotter_files
from firmware_export.codegen.firmware_model import FirmwareModel
from kws_edge.runtime.oracle import open_oracle
from kws_edge.spec import DetectionSettings, FeatureSpec

sys.path.append(str(Path(__file__).parents[1] / "codegen"))
from network_builder import NetworkBuilder, windows

LABELS = ("left", "right", "silence", "unknown")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror")
SPECS = {
    "mfcc": FeatureSpec(),
    "mfcc_with_deltas": FeatureSpec(deltas=2, append_energy=True, coefficients=8, mel_bands=20),
    "log_spectrogram": FeatureSpec(kind="log_spectrogram", window_ms=20, window_stride_ms=10),
    "waveform": FeatureSpec(kind="waveform", clip_ms=200),
    "mfcc_16_khz": FeatureSpec(sample_rate_hz=16000, window_ms=25, window_stride_ms=40),
}


def small_model(spec: FeatureSpec, seed: int = 0, outputs: int = len(LABELS)) -> tuple[bytes, FeatureSpec]:
    """An int8 network on features of this shape, and the spec with the scale and zero point of its input.

    A strided convolution, an average over all that is left, a 1x1 convolution to the labels.
    """
    builder = NetworkBuilder(np.random.default_rng(seed))
    x = builder.input((1, *spec.shape, 1))
    stride = (max(spec.frames // 8, 1), max(spec.columns // 4, 1))
    indices, weights, bias = builder.weights((8, 5, 3 if spec.columns > 2 else 1, 1), 0, x, bias=True, per_channel=True)
    options = schema.Conv2DOptionsT()
    options.padding, options.strideH, options.strideW = schema.Padding.SAME, *stride
    options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    seen = windows(x.samples, weights.shape[1:3], stride, (1, 1), True, 0.0)
    summed = np.tensordot(seen, weights, axes=([3, 4, 5], [1, 2, 3])) + bias
    y = builder.activated(summed, (1, *summed.shape[1:]), schema.ActivationFunctionType.RELU)
    builder.operator("CONV_2D", [x.index, *indices], [y.index], options)
    pool = schema.Pool2DOptionsT()
    pool.padding, pool.strideH, pool.strideW = schema.Padding.VALID, 1, 1
    pool.filterHeight, pool.filterWidth = y.shape[1:3]
    pooled = builder.value(y.samples.mean(axis=(1, 2), keepdims=True), (1, 1, 1, 8), y.affine)
    builder.operator("AVERAGE_POOL_2D", [y.index], [pooled.index], pool)
    indices, weights, bias = builder.weights((outputs, 1, 1, 8), 0, pooled, bias=True, per_channel=True)
    summed = pooled.samples @ weights[:, 0, 0, :].T + bias
    # outputs further apart than an untrained network's would bring detections
    logits = builder.value(summed, (1, 1, 1, outputs))
    head = schema.Conv2DOptionsT()
    head.padding, head.strideH, head.strideW = schema.Padding.VALID, 1, 1
    head.dilationHFactor = head.dilationWFactor = 1
    builder.operator("CONV_2D", [pooled.index, *indices], [logits.index], head)
    flat = builder.value(logits.samples.reshape(-1, outputs), (1, outputs), logits.affine)
    shape = schema.ReshapeOptionsT()
    shape.newShape = [1, outputs]
    builder.operator("RESHAPE", [logits.index, builder.integers([1, outputs])], [flat.index], shape)
    fitted = dataclasses.replace(spec, scale=x.affine.scale, zero_point=x.affine.zero_point)
    return builder.finish(flat), fitted


def small_firmware(
    spec: FeatureSpec, *, detection: DetectionSettings | None = None, labels: Sequence[str] = LABELS, seed: int = 0
) -> Firmware:
    """That network on engine aot. A low threshold lets an untrained network detect something."""
    model, fitted = small_model(spec, seed, len(labels))
    oracle = cache(lambda: open_oracle(model))
    return Firmware(
        model=FirmwareModel(model=model, labels=tuple(labels), features=fitted),
        detection=detection or DetectionSettings(smoothing_window=3, threshold=0.3, minimum_count=2, refractory_ms=300),
        engine="aot",
        inference=lambda rows: oracle().run(rows),
        source="small network",
    )


def write_sources(files: dict[str, str], folder: Path) -> Path:
    """Write the files into `folder`, which is made."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_spotter(firmware: Firmware, folder: Path) -> Path:
    """The spotter's C alone in `folder`."""
    return write_sources(spotter_files(firmware), folder)


def build_program(folder: Path, main: str, *, flags: Sequence[str] = ()) -> Path:
    """All C of `folder` and `main` as one program for the host, undefined behaviour trapped."""
    (folder / "main.c").write_text(main)
    sources = sorted(str(path) for path in folder.glob("*.c"))
    command = ["gcc", "-std=c99", "-O1", *WARNINGS, "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    subprocess.run([*command, *flags, f"-I{folder}", *sources, "-o", str(folder / "program")], check=True)
    return folder / "program"


def some_audio(spec: FeatureSpec, seconds: float, seed: int = 0) -> NDArray[np.int16]:
    """Noise and glides of changing loudness, int16[n]."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * spec.sample_rate_hz)) / spec.sample_rate_hz
    glide = np.sin(2 * np.pi * (300 + 800 * np.sin(3 * time) ** 2) * time)
    loud = 6000 * np.abs(np.sin(5 * time)) ** 3
    return np.round(loud * (glide + rng.normal(size=time.size) * 0.5)).clip(-32768, 32767).astype(np.int16)
