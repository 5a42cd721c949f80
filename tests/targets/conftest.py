"""The engines that targets are tested on, and which of these tests need something that most machines have not."""

from __future__ import annotations

import os

import pytest

from firmware_export.codegen.firmware import Engine

# TensorFlow Lite Micro in C++ comes from no package; docs/targets.md tells of TFLM_DIR
collect_ignore = [] if os.environ.get("TFLM_DIR") else ["test_tflm_checkout.py"]


@pytest.fixture(params=["aot", "tflm"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found
