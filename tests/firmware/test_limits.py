"""The spotter's configuration: what it cannot count is refused at export, and labels have names in C."""

from __future__ import annotations

import dataclasses
import re

import pytest
from small_firmware import LABELS, SPECS, small_firmware

from firmware_export.codegen.config import config_files
from firmware_export.codegen.firmware import spotter_files
from firmware_export.codegen.firmware_model import ArenaNeed
from kws_edge.errors import ExportError
from kws_edge.spec import FeatureSpec


def test_255_labels_are_exported_and_256_refused() -> None:
    words = [f"word{number}" for number in range(256 - len(LABELS))]
    fits = small_firmware(SPECS["mfcc"], labels=[*LABELS, *words[1:]])
    arena = {"arena_bytes": 4, "cmsis_nn_arena_bytes": 4, "arena_alignment": 4}
    files = config_files(fits.model, fits.detector, engine="aot", inference_rows=fits.inference_rows, **arena)
    assert "#define KWS_CONFIG_LABELS 255\n" in files["kws_config.h"]
    with pytest.raises(ExportError, match=r"the model has 256 labels; the spotter's detector takes 255"):
        spotter_files(small_firmware(SPECS["mfcc"], labels=[*LABELS, *words]))


def test_labels_have_names_in_c_where_these_are_their_own() -> None:
    labels = ["yes", "turn left", "Stop!", "stop", "läuft", "*/", "silence", "unknown"]
    header = spotter_files(small_firmware(SPECS["mfcc"], labels=labels))["kws_config.h"]
    named = dict(re.findall(r"^#define KWS_CONFIG_LABEL_(\w+) (\d+) /\*", header, re.MULTILINE))
    assert named == {"YES": "0", "TURN_LEFT": "1", "SILENCE": "6", "UNKNOWN": "7"}
    assert all(f"/* {index} is {label} */" in header for index, label in ((2, "Stop!"), (3, "stop"), (5, "* /")))


def test_a_clip_of_more_rows_than_are_counted_is_refused() -> None:
    # engine aot refuses such an image before
    firmware = small_firmware(FeatureSpec(kind="waveform", clip_ms=8192))
    model = dataclasses.replace(firmware.model, arena=ArenaNeed(12_000, 1_024))
    with pytest.raises(ExportError, match=r"a clip is 65536 rows of features; the spotter takes 65535"):
        spotter_files(dataclasses.replace(firmware, engine="tflm", model=model))
