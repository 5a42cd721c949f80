"""Which of these tests need something that most machines have not."""

from __future__ import annotations

import os

# TensorFlow Lite Micro in C++ comes from no package; docs/targets.md tells of TFLM_DIR
collect_ignore = [] if os.environ.get("TFLM_DIR") else ["test_tflm_checkout.py"]
