"""The margin on top of TFLM's arena is what export says it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kws_edge.bundle import Bundle
from kws_edge.runtime.tflm import measure_arena
from kws_edge.verification.memory import measure_memory


@pytest.mark.slow
def test_the_margin_is_a_twentieth_and_no_less_than_a_kilobyte(
    trained_bundle: Bundle, package: Callable[[str, str], None]
) -> None:
    package("tflite_micro", "pip install 'kws-edge[train]' (x86_64 Linux)")
    memory = measure_memory(trained_bundle.int8_model)
    assert memory.measured_bytes == measure_arena(trained_bundle.int8_model)
    assert memory.margin_bytes >= max(1024, memory.measured_bytes / 20 - 1)
    assert memory.margin_bytes % 16 == 0
