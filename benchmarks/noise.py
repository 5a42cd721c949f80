"""Accuracy in noise: int8 models on the testing list with each background recording and each noise colour added.

    python benchmarks/noise.py BUNDLE... [--data DIR] [--snr 20 10 5 0] [--json FILE]

Background is the last tenth of each recording, which no training saw. Signal-to-noise ratios are of the whole clip's
powers; clips of silence, which have none, stay out. `alone` is the share of a thousand clips of nothing but the noise,
from as loud as it is to 40 dB below, that are answered with silence. The same crops of noise meet every bundle.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from kws_edge.bundle import Bundle, read_bundle
from kws_edge.corpus import Corpus, NoiseBank, augment, find_data, load_corpus
from kws_edge.corpus.layouts import scan
from kws_edge.corpus.noise import COLOURS, SYNTHETIC_RMS, background_clips, coloured_noise
from kws_edge.files import write_file
from kws_edge.frontend import features
from kws_edge.spec import SILENCE, AugmentationSettings
from kws_edge.verification.interpreters import candidates

SEED = 0
COLOUR_SECONDS = 60
ALONE = 1000


def noises(corpus: Corpus) -> dict[str, NoiseBank]:
    """Each background recording's testing part and each colour, by name."""
    bank = corpus.noise("test")
    ends = np.cumsum(bank.lengths)
    parts = np.split(bank.samples, ends[:-1])
    names = [Path(file.name).stem for file in scan(corpus.folder).background]
    # recordings under twenty clips were joined behind the others
    if len(names) != len(parts) or min(bank.lengths) < 2 * corpus.clip_samples:
        names = [f"background {number}" for number in range(len(parts))]
    named = {name: NoiseBank.of([part]) for name, part in zip(names, parts, strict=True)}
    rng = np.random.default_rng(SEED)
    for colour in COLOURS:
        samples = coloured_noise(colour, COLOUR_SECONDS * corpus.sample_rate_hz, corpus.sample_rate_hz, rng)
        named[f"{colour} (synthetic)"] = NoiseBank.of([np.rint(samples * SYNTHETIC_RMS).astype(np.int16)])
    return named


def accuracy(bundle: Bundle, clips: Any, labels: Any) -> float:
    """Percent of int16[n, clip_samples] that the int8 model of `bundle`, compiled ahead of time, labels right."""
    engine = next(candidate for candidate in candidates(bundle) if candidate.name == "aot")
    if engine.absence is not None:
        sys.exit(f"the ahead-of-time engine is not usable here: {engine.absence}")
    outputs = engine.open().run(features(clips, bundle.features))
    return 100 * float((outputs.argmax(axis=1) == labels).mean())


def table(bundle: Bundle, data: Path, ratios_db: list[float]) -> list[dict[str, Any]]:
    """One row per noise: accuracy in percent at each signal-to-noise ratio, and where nothing is spoken."""
    spec = bundle.features
    corpus = load_corpus(data, bundle.corpus, sample_rate_hz=spec.sample_rate_hz, clip_samples=spec.clip_samples)
    split = corpus.split("test")
    silence = corpus.labels.index(SILENCE)
    spoken = split.labels != silence
    clips, labels = np.asarray(split.clips)[spoken], split.labels[spoken]
    clean = accuracy(bundle, clips, labels)
    rows: list[dict[str, Any]] = [{"noise": "none", **{f"{ratio:g} dB": clean for ratio in ratios_db}}]
    for name, bank in noises(corpus).items():
        row: dict[str, Any] = {"noise": name}
        for ratio in ratios_db:
            mix = AugmentationSettings(
                time_shift_ms=0,
                gain_db=0,
                speed=0,
                noise_probability=1,
                snr_low_db=ratio,
                snr_high_db=ratio,
                synthetic_noise_share=0,
            )
            noisy = augment(clips, mix, bank, np.random.default_rng(SEED), spec.sample_rate_hz)
            row[f"{ratio:g} dB"] = accuracy(bundle, noisy, labels)
        unspoken = background_clips(ALONE, spec.clip_samples, bank, np.random.default_rng(SEED))
        row["alone"] = accuracy(bundle, unspoken, silence)
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    means = {key: float(np.mean([row[key] for row in rows[1:]])) for key in rows[1] if key != "noise"}
    return [*rows, {"noise": "mean of all noises", **means}]


def main() -> None:
    """Print one table for each bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="*")
    parser.add_argument("--data", type=Path, help="folder of recordings; default KWS_EDGE_DATA")
    parser.add_argument("--snr", type=float, nargs="+", default=[20.0, 10.0, 5.0, 0.0], help="dB")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = find_data(given.data)
    if data is None or not given.bundles:
        sys.exit("name bundles and --data (or set KWS_EDGE_DATA): python benchmarks/noise.py BUNDLE --data DIR")
    result = {}
    for path in given.bundles:
        result[path.name] = table(read_bundle(path), data, given.snr)
        print(f"\n{path.name}")
        print(tabulate(result[path.name], headers="keys", floatfmt=".2f"))
    if given.json:
        write_file(given.json, json.dumps(result, indent=2).encode())


if __name__ == "__main__":
    main()
