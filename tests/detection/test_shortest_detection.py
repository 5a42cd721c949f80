"""A recording that is too short for any detection says so: else a clip of one word looks like a model that is deaf."""

from __future__ import annotations

import numpy as np
import pytest

from kws_edge.cli.recordings import too_short
from kws_edge.detection import Detector, detector_tables, end_sample
from kws_edge.spec import DetectionSettings, FeatureSpec

LABELS = ("yes", "silence", "unknown")


@pytest.mark.parametrize("settings", [DetectionSettings(), DetectionSettings(minimum_count=1, inference_stride_ms=200)])
def test_what_is_too_short_is_what_the_detector_cannot_answer(settings: DetectionSettings) -> None:
    spec = FeatureSpec()
    detector = Detector(detector_tables(settings, spec, LABELS, 0.1))
    (first, *_) = detector.push(np.array([[127, -128, -128]] * 8, np.int8))
    needed = end_sample(first.inference, settings, spec)
    assert too_short(needed, settings, spec) is None
    assert too_short(needed - 1, settings, spec) is not None


def test_a_clip_of_one_second_is_too_short_by_default() -> None:
    said = too_short(8000, DetectionSettings(), FeatureSpec())
    assert said is not None and said.startswith("1.00 s is too short for a detection: a keyword must lead 4 times")
    assert "which takes 1.29 s" in said
