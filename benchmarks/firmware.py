"""The firmware's figures for bundles: equality with TFLM on every clip, memory and instructions on emulated cores.

    python benchmarks/firmware.py BUNDLE... --data DIR [--emulated 500] [--json FILE]

Every clip of the testing list goes through the exported C on the host, and a seeded choice of `--emulated` clips
through the firmware on an emulated Cortex-M4, each clip a stream of its own. Features are compared with the compiled
front end, outputs with TFLM's. Memory and instructions are those of an inference every 100 ms on three clips.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from firmware_export.codegen.firmware import Firmware
from firmware_export.trial import Trial, try_firmware
from kws_edge.bundle import Bundle, read_bundle
from kws_edge.cli.firmware import firmware_of
from kws_edge.corpus import find_data, load_corpus
from kws_edge.frontend import features
from kws_edge.runtime.oracle import open_oracle
from kws_edge.verification.device import device_parity

SEED = 0
CORES = ("cortex-m0", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
STREAM_CLIPS = 3


def equality(bundle: Bundle, place: str, clips: Any, expected: Any) -> dict[str, Any]:
    """Differences in features and outputs of one inference for each of int16[n, clip_samples]."""
    names = tuple(map(str, range(len(clips))))
    found = device_parity(bundle, place, clips, names, features(clips, bundle.features), expected)
    return {
        "on": place,
        "selftest": found.selftest,
        "clips": found.clips,
        "clips_with_different_features": len(found.different_features),
        "clips_with_different_outputs": len(found.different_outputs),
        "equal": found.equal,
    }


def cost(firmware: Firmware, trial: Trial) -> dict[str, Any]:
    """Memory and instructions of one core."""
    memory, counted = trial.memory, trial.instructions
    assert counted is not None
    assert memory.model_constants_bytes is not None and memory.selftest_flash_bytes is not None
    assert memory.weights_bytes is not None
    without_selftest = memory.flash_bytes - memory.selftest_flash_bytes
    return {
        "on": trial.place,
        "instructions_per_inference": counted.network // len(trial.logits),
        "frontend_instructions_per_second": round(
            counted.frontend * firmware.model.features.sample_rate_hz / trial.samples
        ),
        "flash_bytes": memory.flash_bytes,
        "model_constants_bytes": memory.model_constants_bytes,
        "selftest_flash_bytes": memory.selftest_flash_bytes,
        "beyond_model_bytes": without_selftest - memory.model_constants_bytes,
        "beyond_weights_bytes": without_selftest - memory.weights_bytes,
        "spotter_bytes": memory.spotter_bytes,
        "arena_bytes": memory.arena_bytes,
        "stack_bytes": memory.stack_bytes,
        "ram_bytes": memory.ram_bytes,
        "selftest_stack_bytes": memory.selftest_stack_bytes,
    }


def measure(bundle: Bundle, data: Path, emulated: int) -> dict[str, Any]:
    """All figures of one bundle."""
    spec = bundle.features
    # every unknown word of the list, however few the bundle was trained with
    everything = dataclasses.replace(bundle.corpus, unknown_share=10.0)
    corpus = load_corpus(data, everything, sample_rate_hz=spec.sample_rate_hz, clip_samples=spec.clip_samples)
    clips = np.asarray(corpus.split("test").clips)
    expected = open_oracle(bundle.int8_model).run(features(clips, spec))
    firmware = firmware_of(bundle, "aot")
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(clips))[:emulated])
    results = [equality(bundle, "host", clips, expected)]
    results.append(equality(bundle, "cortex-m4", clips[chosen], expected[chosen]))
    rows_that_differ = len(np.unique(expected, axis=0))
    stream = clips[chosen[:STREAM_CLIPS]].reshape(-1)
    return {
        "bundle": str(bundle.path),
        "arch": bundle.model.arch,
        "distinct_outputs": rows_that_differ,
        "equality": results,
        "cost": [cost(firmware, try_firmware(firmware, core, stream)) for core in CORES],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--emulated", type=int, default=500)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    data = find_data(arguments.data)
    if data is None:
        parser.error("give --data or set KWS_EDGE_DATA")
    figures = []
    for path in arguments.bundles:
        figures.append(measure(read_bundle(path), data, arguments.emulated))
        print(f"\n{figures[-1]['arch']} ({path}), {figures[-1]['distinct_outputs']} distinct rows of outputs")
        for name in ("equality", "cost"):
            print(tabulate(figures[-1][name], headers="keys", intfmt=","), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    if not all(row["equal"] for one in figures for row in one["equality"]):
        sys.exit("firmware and host differ")


if __name__ == "__main__":
    main()
