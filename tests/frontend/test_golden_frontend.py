"""The golden vectors are what the specification says today, and what the C computes, stage by stage."""

from __future__ import annotations

import numpy as np
import pytest

from kws_edge.frontend import Stream, features, native

COMPILED = pytest.mark.skipif(not native.is_compiled(), reason=f"the C front end is not compiled; {native.INSTALL}")


def test_golden_files_are_not_stale(golden):
    stale = [name for name, text in golden.rendered().items() if (golden.FOLDER / name).read_text() != text]
    assert not stale, f"{stale} differ from the specification; run python {golden.FOLDER / 'make_golden.py'}"


@COMPILED
@pytest.mark.parametrize("name", ["mfcc", "mfcc_deltas", "log_spectrogram", "waveform"])
def test_the_compiled_front_end_makes_the_golden_rows(golden, name):
    spec = {
        "mfcc": golden.MFCC,
        "mfcc_deltas": golden.DELTAS,
        "log_spectrogram": golden.SPECTROGRAM,
        "waveform": golden.WAVEFORM,
    }[name]
    samples = golden.read_golden("samples").astype(np.int16)
    expected = golden.read_golden(name)
    np.testing.assert_array_equal(features(samples[None], spec)[0], expected)
    np.testing.assert_array_equal(Stream(spec).push(samples), expected)
