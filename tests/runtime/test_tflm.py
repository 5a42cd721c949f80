"""TFLM's arena is measured exactly, and a model that TFLM cannot run is an error, not the end of the process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kws_edge.bundle import Bundle
from kws_edge.errors import ConversionError
from kws_edge.runtime import open_interpreter
from kws_edge.runtime.tflm import ARENA_ALIGNMENT_BYTES, arena_refusal, measure_arena

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _tflm(package: Callable[[str, str], None]) -> None:
    package("tflite_micro", "pip install 'kws-edge[train]' (x86_64 Linux)")


def test_the_measured_arena_suffices_and_a_step_less_does_not(trained_bundle: Bundle) -> None:
    need_bytes = measure_arena(trained_bundle.int8_model)
    assert need_bytes % ARENA_ALIGNMENT_BYTES == 0
    assert arena_refusal(trained_bundle.int8_model, need_bytes) is None
    assert arena_refusal(trained_bundle.int8_model, need_bytes - ARENA_ALIGNMENT_BYTES) is not None


def test_an_operator_that_tflm_lacks_is_named(package: Callable[[str, str], None]) -> None:
    package("tensorflow", "pip install 'kws-edge[train]'")
    import tensorflow as tf

    function = tf.function(lambda x: tf.math.top_k(x, 3).values)
    concrete = function.get_concrete_function(tf.TensorSpec([1, 12], tf.float32))
    model = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    assert open_interpreter("litert_reference", model).output.shape == (1, 3)
    with pytest.raises(ConversionError, match="TOPK_V2"):
        open_interpreter("tflm", model)
