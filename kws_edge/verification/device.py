"""What a bundle's firmware takes on a core: compiled by the cross compiler, booted in QEMU, fed with recordings."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_export.codegen.firmware import Firmware
from firmware_export.codegen.firmware_model import FirmwareModel
from firmware_export.trial import Trial, try_firmware
from kws_edge.bundle import Bundle
from kws_edge.detection import inference_samples
from kws_edge.errors import FirmwareError
from kws_edge.runtime.oracle import open_oracle
from kws_edge.verification.stream import checksums, differences, stream_outputs

# after the first clip, inferences at the detection stride: their instructions are averaged
_FURTHER_INFERENCES = 2


@dataclass(frozen=True, kw_only=True)
class DeviceCost:
    """Firmware with engine aot on one core; instructions are exact and repeatable, and not cycles."""

    # "host", or the emulated core, such as "cortex-m4"
    place: str
    # code, constants and weights
    flash_bytes: int
    # spotter, arena and deepest stack
    ram_bytes: int
    # kws_spotter: front end, features, detector
    spotter_bytes: int
    # engine aot's
    arena_bytes: int
    stack_bytes: int
    # None on the host
    instructions_per_inference: int | None
    # all of it at the detection stride: front end, so many inferences, detector; None on the host
    instructions_per_second: int | None
    frontend_instructions_per_second: int | None
    # what of its self-test, features, outputs and detections is not what Python computes; empty if all is
    differences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class DeviceParity:
    """Clips through the firmware, each a stream of its own, against the host's features and outputs."""

    place: str
    # that were pushed through it
    clips: int
    # "PASS", or the first stage that differs
    selftest: str
    # names of the clips of which any feature differs
    different_features: tuple[str, ...]
    # names of the clips of which any output differs
    different_outputs: tuple[str, ...]
    # names of the clips that get another label
    different_labels: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether the self-test passes and no clip differs in anything."""
        return self.selftest == "PASS" and not self.different_features and not self.different_outputs

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON types."""
        return {**asdict(self), "equal": self.equal}


def measure_device(bundle: Bundle, place: str, clips: NDArray[np.int16]) -> DeviceCost:
    """Build the firmware of `bundle` for `place`, one of `PLACES`, and feed it the first of int16[n, clip_samples].

    Raises DependencyError for a missing toolchain, FirmwareError if it does not build, fit or end, ExportError for a
    model that engine aot does not take.
    """
    spec = bundle.features
    samples_between = inference_samples(bundle.detection, spec)
    wanted = spec.clip_samples + (_FURTHER_INFERENCES + 1) * samples_between
    samples = np.resize(np.asarray(clips[: 1 + wanted // spec.clip_samples]).reshape(-1), wanted)
    trial = try_firmware(_firmware(bundle), place, samples)
    counted, memory = trial.instructions, trial.memory
    inferences = len(trial.logits)
    seconds = len(samples) / spec.sample_rate_hz
    per_second = frontend = None
    if counted is not None:
        frontend = round(counted.frontend / seconds)
        # the first clip brings no inference until it is full: a device that has been listening has them all the time
        every_inference = (counted.total - counted.frontend) / inferences
        per_second = round(frontend + every_inference * spec.sample_rate_hz / samples_between)
    return DeviceCost(
        place=place,
        flash_bytes=memory.flash_bytes,
        ram_bytes=memory.ram_bytes,
        spotter_bytes=memory.spotter_bytes,
        arena_bytes=memory.arena_bytes,
        stack_bytes=memory.stack_bytes,
        instructions_per_inference=None if counted is None else counted.network // inferences,
        instructions_per_second=per_second,
        frontend_instructions_per_second=frontend,
        differences=tuple(differences(trial, stream_outputs(samples, bundle))),
    )


def device_parity(
    bundle: Bundle,
    place: str,
    clips: NDArray[np.int16],
    names: tuple[str, ...],
    features: NDArray[np.int8],
    outputs: NDArray[np.int8],
) -> DeviceParity:
    """Push int16[n, clip_samples] through the firmware and hold it against the host's features and outputs.

    `features` is int8[n, frames, columns], `outputs` int8[n, labels]; both are in the order of `clips`. Raises as
    `measure_device` does.
    """
    spec = bundle.features
    # one inference for each clip, whatever the bundle's stride
    alone = dataclasses.replace(
        bundle, detection=dataclasses.replace(bundle.detection, inference_stride_ms=float(spec.clip_ms))
    )
    trial = try_firmware(
        _firmware(alone), place, np.asarray(clips).reshape(-1), recording_samples=spec.clip_samples, count=False
    )
    if len(trial.logits) != len(clips):
        raise FirmwareError(f"{len(trial.logits)} inferences on {place} of {len(clips)} clips")
    return _held_against(trial, names, features, outputs)


def _held_against(
    trial: Trial, names: tuple[str, ...], features: NDArray[np.int8], outputs: NDArray[np.int8]
) -> DeviceParity:
    def named(different: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(names[number] for number in np.flatnonzero(different))

    return DeviceParity(
        place=trial.place,
        clips=len(trial.logits),
        selftest=trial.selftest,
        different_features=named(trial.features != checksums(features)),
        different_outputs=named((trial.logits != outputs).any(axis=1)),
        different_labels=named(trial.logits.argmax(axis=1) != outputs.argmax(axis=1)),
    )


def _firmware(bundle: Bundle) -> Firmware:
    return Firmware(
        model=FirmwareModel.from_bundle(bundle, None),
        detection=bundle.detection,
        engine="aot",
        inference=open_oracle(bundle.int8_model).run,
        source=str(bundle.path),
    )
