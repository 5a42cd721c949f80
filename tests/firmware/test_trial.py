"""A trial runs the exported firmware natively and on every emulated core, and finds what is not Python's."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_firmware import SPECS, small_firmware

from firmware_export.codegen.firmware import Firmware
from firmware_export.trial import PLACES, try_firmware
from kws_edge.bundle import Bundle
from kws_edge.cli.firmware import firmware_of
from kws_edge.corpus import Corpus
from kws_edge.errors import DependencyError, FirmwareError
from kws_edge.spec import DetectionSettings
from kws_edge.verification.stream import StreamOutputs, differences, stream_outputs

pytestmark = pytest.mark.slow

APT_GET = "apt-get install --no-install-recommends"
# the half minute of training is too short for the third tone
WORDS = ("low", "middle") * 4


@pytest.fixture(scope="session")
def stream(tones: Corpus) -> np.ndarray:
    """Eight words of two kinds, each followed by a second of hiss."""
    split = tones.split("test")
    rng = np.random.default_rng(0)
    parts = [rng.normal(scale=300, size=8000)]
    for number, word in enumerate(WORDS):
        clips = split.clips[split.labels == tones.labels.index(word)]
        parts += [clips[number % len(clips)], rng.normal(scale=300, size=8000)]
    return np.concatenate(parts).round().astype(np.int16)


@pytest.fixture(scope="session")
def bundle(trained_bundle: Bundle) -> Bundle:
    """The trained bundle with a threshold for how little it was trained."""
    return dataclasses.replace(trained_bundle, detection=dataclasses.replace(trained_bundle.detection, threshold=0.45))


@pytest.fixture(scope="session")
def firmware(bundle: Bundle, tool: Callable[[str, str], str]) -> Firmware:
    tool("gcc", f"{APT_GET} gcc libc6-dev")
    return firmware_of(bundle, "aot")


@pytest.fixture(scope="session")
def expected(stream: np.ndarray, bundle: Bundle) -> StreamOutputs:
    return stream_outputs(stream, bundle)


def test_a_trained_bundle_hears_each_word_of_the_stream_once(expected: StreamOutputs, bundle: Bundle) -> None:
    heard = [bundle.labels[found.label] for found in expected.detections]
    assert heard == list(WORDS)


@pytest.mark.parametrize("place", PLACES)
def test_firmware_is_python_integer_for_integer(
    place: str, firmware: Firmware, stream: np.ndarray, expected: StreamOutputs, tool: Callable[[str, str], str]
) -> None:
    if place != "host":
        tool("arm-none-eabi-gcc", f"{APT_GET} gcc-arm-none-eabi libnewlib-arm-none-eabi")
        tool("qemu-system-arm", f"{APT_GET} qemu-system-arm")
    trial = try_firmware(firmware, place, stream)
    assert differences(trial, expected) == []
    assert len(trial.logits) == 1 + (len(stream) - 7936) // 800
    assert trial.detections == expected.detections != ()
    assert (trial.instructions is None) == (place == "host")
    memory = trial.memory
    assert memory.ram_bytes == memory.spotter_bytes + memory.arena_bytes + memory.stack_bytes
    # boards with 32 KB of RAM run the self-test; this network is smaller than the default one
    assert memory.spotter_bytes + memory.arena_bytes + memory.selftest_stack_bytes < 16 * 1024
    assert 100 < memory.stack_bytes < 1024
    if trial.instructions is not None:
        assert trial.instructions.total > trial.instructions.network + trial.instructions.frontend > 0
        assert memory.model_constants_bytes is not None
        assert memory.selftest_flash_bytes is not None
        assert memory.weights_bytes is not None
        assert memory.model_constants_bytes > memory.weights_bytes > 1000
        # front end, network's code, detector and runtime
        assert 4000 < memory.flash_bytes - memory.model_constants_bytes - memory.selftest_flash_bytes < 16 * 1024


def test_instructions_repeat_exactly(firmware: Firmware, stream: np.ndarray, tool: Callable[[str, str], str]) -> None:
    tool("qemu-system-arm", f"{APT_GET} qemu-system-arm")
    first, second = (try_firmware(firmware, "cortex-m4", stream[:24000]) for _ in range(2))
    assert first.instructions == second.instructions
    assert first.memory == second.memory


def test_recordings_are_streams_of_their_own(firmware: Firmware, stream: np.ndarray, bundle: Bundle) -> None:
    clips = stream[:32000].reshape(4, 8000)
    trial = try_firmware(firmware, "host", clips.reshape(-1), recording_samples=8000)
    alone = [stream_outputs(clip, bundle) for clip in clips]
    assert (trial.logits == np.concatenate([outputs.logits for outputs in alone])).all()
    assert (trial.features == np.concatenate([outputs.features for outputs in alone])).all()


def test_every_kind_of_difference_is_found(
    firmware: Firmware, stream: np.ndarray, expected: StreamOutputs, bundle: Bundle
) -> None:
    trial = try_firmware(firmware, "host", stream)

    def found(**changes: object) -> list[str]:
        return differences(dataclasses.replace(trial, **changes), expected)  # type: ignore[arg-type]

    logits = trial.logits.copy()
    logits[7, 2] ^= 1
    assert found(logits=logits) == [f"outputs of 1 of {len(logits)} inferences, first of number 7"]
    features = trial.features.copy()
    features[3:5] += 1
    assert found(features=features) == [f"features of 2 of {len(logits)} inferences, first of number 3"]
    assert found(detections=trial.detections[1:])[0].startswith("detections: ")
    assert found(selftest="FAIL: the detector differs") == ["self-test: FAIL: the detector differs"]
    assert found(logits=logits[1:]) == [f"{len(logits) - 1} inferences instead of {len(logits)}"]
    assert found() == []


def test_settings_reach_the_firmware(stream: np.ndarray, bundle: Bundle) -> None:
    detection = DetectionSettings(
        inference_stride_ms=200, smoothing_window=2, minimum_count=1, thresholds={"low": 0.999}
    )
    changed = dataclasses.replace(bundle, detection=detection)
    trial = try_firmware(firmware_of(changed, "aot"), "host", stream)
    assert differences(trial, stream_outputs(stream, changed)) == []
    assert differences(trial, stream_outputs(stream, bundle)) != []


def test_audio_shorter_than_a_clip_brings_no_inference(firmware: Firmware, bundle: Bundle) -> None:
    short = np.zeros(7935, np.int16)
    trial = try_firmware(firmware, "host", short)
    assert len(trial.logits) == 0
    assert differences(trial, stream_outputs(short, bundle)) == []


def test_bad_requests_say_what_to_do(
    firmware: Firmware, stream: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FirmwareError, match="no firmware can be run on 'cortex-a7'; choose one of host, cortex-m0"):
        try_firmware(firmware, "cortex-a7", stream)
    with pytest.raises(FirmwareError, match=r"samples are float64\[3\]; expected int16"):
        try_firmware(firmware, "host", np.zeros(3))
    with pytest.raises(FirmwareError, match="engine tflm"):
        try_firmware(dataclasses.replace(firmware, engine="tflm"), "host", stream)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DependencyError, match=f"{APT_GET} gcc-arm-none-eabi"):
        try_firmware(firmware, "cortex-m4", stream)
    with pytest.raises(DependencyError, match=f"{APT_GET} gcc"):
        try_firmware(firmware, "host", stream)


def test_ten_minutes_fit_the_memory_of_a_small_board(tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    """What is reserved for its output is what inferences can write, so that a board of 512 MB tries firmware too."""
    tool("gcc", f"{APT_GET} gcc libc6-dev")
    # streams of one clip each, whose window is shorter than a stride, have the most inferences
    spec = dataclasses.replace(SPECS["mfcc"], clip_ms=100, window_ms=8)
    try_firmware(small_firmware(spec, seed=3), "host", np.zeros(spec.clip_samples, np.int16), folder=tmp_path)
    (tmp_path / "samples.raw").write_bytes(bytes(2 * 600 * 8000))
    (tmp_path / "streams.raw").write_bytes(struct.pack("<II", 0, spec.clip_samples))
    command = f"ulimit -v 131072; exec {tmp_path}/trial samples.raw streams.raw output.raw"
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)
