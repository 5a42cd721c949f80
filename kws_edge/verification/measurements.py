"""What a budget's lines are held against: each figure measured when it is first asked for, or else why it was not."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from firmware_export.trial import check_place
from kws_edge.bundle import Bundle
from kws_edge.detection import inference_samples
from kws_edge.errors import DependencyError, ExportError, FirmwareError, KwsEdgeError
from kws_edge.frontend import features
from kws_edge.runtime import available_interpreters, open_interpreter
from kws_edge.runtime.operators import LeastCosts, least_costs
from kws_edge.runtime.tflm import arena_refusal
from kws_edge.verification.budget import Board
from kws_edge.verification.detection import StreamOutcome
from kws_edge.verification.device import DeviceCost, measure_device
from kws_edge.verification.interpreters import LITERT_FLOAT
from kws_edge.verification.latency import Latency, measure_latency
from kws_edge.verification.layers import LayerCosts, measure_layers
from kws_edge.verification.memory import measure_memory
from kws_edge.verification.verify import Verification

# no instruction of a Cortex-M multiplies and adds more often
_MACS_PER_INSTRUCTION = 2


@dataclass(frozen=True)
class Measured:
    """One figure, and where it comes from."""

    # None if it was not measured
    value: float | None
    # how it was measured, or why not
    how: str
    # known even where `value` is not: it cannot be less
    at_least: float | None = None


class Measurements:
    """All figures of one bundle on one board; nothing is built or run before a figure needs it."""

    def __init__(
        self, bundle: Bundle, board: Board, verification: Verification | None, stream: StreamOutcome | None
    ) -> None:
        """`verification` and `stream` are what this run has measured already, or None."""
        self.bundle, self.board, self.verification, self.stream = bundle, board, verification, stream

    def value(self, quantity: str) -> Measured:
        """One figure of the whole bundle, such as "flash_bytes" or "false_reject_rate"; the name of a property here."""
        measured: Measured = getattr(self, quantity)
        return measured

    @cached_property
    def accuracy(self) -> Measured:
        if self.verification is None or self.verification.device not in self.verification.interpreters:
            return Measured(None, "no interpreter ran")
        device = self.verification.device
        return Measured(self.verification.interpreters[device].accuracy, f"{device}, {self._clips()}")

    @cached_property
    def accuracy_drop_points(self) -> Measured:
        run = self.verification
        if run is None or LITERT_FLOAT not in run.interpreters or run.device not in run.interpreters:
            return Measured(None, "the float model did not run")
        real, device = run.interpreters[LITERT_FLOAT].confusion, run.interpreters[run.device].confusion
        lost = int(np.trace(real)) - int(np.trace(device))
        return Measured(100 * lost / int(device.sum()), f"{LITERT_FLOAT} to {run.device}, {self._clips()}")

    @cached_property
    def flash_bytes(self) -> Measured:
        return self._of_device("flash_bytes", self._least.constant_bytes)

    @cached_property
    def ram_bytes(self) -> Measured:
        return self._of_device("ram_bytes", self._least.activation_bytes)

    @cached_property
    def stack_bytes(self) -> Measured:
        return self._of_device("stack_bytes", None)

    @cached_property
    def instructions_per_inference(self) -> Measured:
        return self._of_device("instructions_per_inference", self._fewest_instructions)

    @cached_property
    def instructions_per_second(self) -> Measured:
        spec = self.bundle.features
        rate = spec.sample_rate_hz / inference_samples(self.bundle.detection, spec)
        return self._of_device("instructions_per_second", self._fewest_instructions * rate)

    @cached_property
    def arena_bytes(self) -> Measured:
        absence = available_interpreters()["tflm"]
        if absence is not None:
            return Measured(None, absence)
        known = None if self.verification is None else self.verification.arena
        arena = known or measure_memory(self.bundle.int8_model)
        return Measured(arena.measured_bytes, "TFLM on this host, without margin")

    @cached_property
    def latency_p95_ms(self) -> Measured:
        latency = self.latency
        if isinstance(latency, str):
            return Measured(None, latency)
        threads = f"{latency.threads} thread{'s' if latency.threads > 1 else ''}"
        return Measured(
            latency.p95_ms, f"{latency.interpreter}, {threads}, {latency.runs} inferences on {latency.machine}"
        )

    @cached_property
    def false_accepts_per_hour(self) -> Measured:
        if self.stream is None:
            return Measured(None, "no stream was judged; add --stream")
        return Measured(self.stream.false_accepts_per_hour, f"{self.stream.total.hours:.2f} h of stream")

    @cached_property
    def false_reject_rate(self) -> Measured:
        if self.stream is None:
            return Measured(None, "no stream was judged; add --stream")
        return Measured(self.stream.false_reject_rate, f"{self.stream.total.spoken} spoken keywords")

    def false_accepts_per_hour_of(self, keyword: str) -> Measured:
        """Of one keyword on the stream."""
        outcome = None if self.stream is None else self.stream.keywords.get(keyword)
        if outcome is None:
            return self._no_keyword(keyword)
        return Measured(outcome.false_accepts_per_hour, f"{outcome.hours:.2f} h of stream")

    def false_reject_rate_of(self, keyword: str) -> Measured:
        """Of one keyword on the stream."""
        outcome = None if self.stream is None else self.stream.keywords.get(keyword)
        if outcome is None:
            return self._no_keyword(keyword)
        return Measured(outcome.false_reject_rate, f"spoken {outcome.spoken} times")

    def layer_bytes(self, field: str) -> Mapping[str, int] | str:
        """Layer to its "weight_bytes" or "output_bytes", or why they are not known."""
        if isinstance(self.layers, str):
            return self.layers
        # a reshape moves nothing
        layers = [layer for layer in self.layers.layers if layer.kind != "RESHAPE"]
        return {layer.name: getattr(layer, field) for layer in layers if getattr(layer, field)}

    def arena_refusal(self, arena_bytes: int) -> str | None:
        """What TFLM says of an arena of so many bytes, or None if it runs in it."""
        return arena_refusal(self.bundle.int8_model, arena_bytes)

    @cached_property
    def layers(self) -> LayerCosts | str:
        """What each layer costs, instructions not counted; or why engine aot does not take the model."""
        try:
            return measure_layers(self.bundle, count=False)
        except ExportError as error:
            return str(error)

    @cached_property
    def device(self) -> DeviceCost | str:
        """The firmware on the board's core, or why it was not measured."""
        try:
            check_place(self.board.core)
            return measure_device(self.bundle, self.board.core, self._some_clips())
        except (DependencyError, FirmwareError, ExportError) as error:
            return str(error)

    @property
    def firmware_differences(self) -> tuple[str, ...]:
        """What the firmware computed otherwise than Python when it was measured; it is not built to find that out."""
        device = self.__dict__.get("device")
        return device.differences if isinstance(device, DeviceCost) else ()

    @cached_property
    def latency(self) -> Latency | str:
        """Of the board's interpreter on this machine, or why it was not measured."""
        here = platform.machine()
        if self.board.machine and here != self.board.machine:
            return f"this is {here}, the budget is for {self.board.machine}: verify on the board itself"
        try:
            interpreter = open_interpreter(self.board.interpreter, self.bundle.int8_model, threads=self.board.threads)
        except KwsEdgeError as error:
            return str(error)
        rows = features(self._some_clips()[:1], self.bundle.features)
        return measure_latency(lambda: interpreter.run(rows), interpreter.name, threads=self.board.threads)

    def _of_device(self, field: str, at_least: float | None) -> Measured:
        device = self.device
        if isinstance(device, str):
            return Measured(None, device, at_least)
        value = getattr(device, field)
        if value is None:
            return Measured(None, "not counted on the host", at_least)
        where = "on this host" if device.place == "host" else f"{device.place} in QEMU"
        if self.board.stands_in_for:
            where += f", standing in for {self.board.stands_in_for}"
        return Measured(value, f"engine aot, {where}")

    @cached_property
    def _least(self) -> LeastCosts:
        return least_costs(self.bundle.int8_model)

    @property
    def _fewest_instructions(self) -> float:
        return self._least.multiply_accumulates / _MACS_PER_INSTRUCTION

    def _clips(self) -> str:
        assert self.verification is not None
        return f"{self.verification.clips} clips ({self.verification.split})"

    def _some_clips(self) -> NDArray[np.int16]:
        if self.verification is not None:
            return np.asarray(self.verification.data.split(self.verification.split).clips[:2])
        spec = self.bundle.features
        return np.random.default_rng(0).normal(scale=2000, size=(2, spec.clip_samples)).round().astype(np.int16)

    def _no_keyword(self, keyword: str) -> Measured:
        if self.stream is None:
            return Measured(None, "no stream was judged; add --stream")
        return Measured(None, f"the bundle has no keyword {keyword!r}; it has {', '.join(self.stream.keywords)}")
