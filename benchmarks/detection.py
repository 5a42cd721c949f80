"""Hours of stream: false accepts per hour, misses and latency at operating points that were chosen on other streams.

    python benchmarks/detection.py BUNDLE --data DIR [--hours 10] [--validation-hours 5] [--targets 1,5,20] [-o FOLDER]

Settings are chosen on streams of the validation split, with one threshold and with a threshold for each keyword, and
reported on streams of the testing split. The whole spotter, compiled for this machine with the settings of the middle
target and one threshold, hears the testing stream too and must detect the same. With -o, detection.json and det.png
go there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from kws_edge.bundle import Bundle, read_bundle
from kws_edge.cli.progress import progress_bar
from kws_edge.cli.recordings import corpus_of_bundle
from kws_edge.cli.stream_options import open_stream, run_on_stream
from kws_edge.files import write_file
from kws_edge.reports.detection import det_png, outcome_text, points_table, settings_text
from kws_edge.verification.calibration import Calibration, Target, calibrate
from kws_edge.verification.operating_points import OperatingPoint
from kws_edge.verification.stream_verification import StreamVerification, sweep_of, verify_stream


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--negatives", type=Path)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--validation-hours", type=float, default=5.0)
    parser.add_argument("--targets", default="1,5,20", help="false accepts per hour, three by custom")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    bundle = read_bundle(arguments.bundle)
    corpus = corpus_of_bundle(bundle, arguments.data)
    rates = [float(rate) for rate in arguments.targets.split(",")]
    stream = open_stream(corpus, "validation", hours=arguments.validation_hours, seed=0, negatives=arguments.negatives)
    chosen = choose(bundle, rates, sweep_of(bundle, stream, run_on_stream(bundle, stream, with_firmware=False)))
    middle = chosen[rates[len(rates) // 2], False].nearest.settings
    tried = dataclasses.replace(bundle, detection=middle)
    testing = open_stream(corpus, "test", hours=arguments.hours, seed=0, negatives=arguments.negatives)
    run = run_on_stream(tried, testing, with_firmware=True)
    result = verify_stream(tried, testing, run)
    sweep = sweep_of(tried, testing, run)
    validation = {name_of(rate, own): found.nearest for (rate, own), found in chosen.items()}
    reported = {"as trained": sweep.point(bundle.detection)}
    reported |= {name: sweep.point(point.settings) for name, point in validation.items()}
    print_report(bundle, stream.truth.hours, testing.truth.hours, validation, reported, result)
    unmet = [name_of(*key) for key, found in chosen.items() if found.chosen is None]
    if unmet:
        print(
            f"\nno setting met the target on validation, with at most half of the keywords missed: {', '.join(unmet)}"
        )
    if arguments.output is not None:
        save(arguments.output, validation, reported, result)
    return 0 if result.check.passed else 1


def choose(bundle: Bundle, rates: list[float], sweep: Any) -> dict[tuple[float, bool], Calibration]:
    """Settings for every rate, with one threshold (False) and with a threshold for each keyword (True)."""
    keys = [(rate, own) for own in (False, True) for rate in rates]
    targets = [Target(false_accepts_per_hour=rate, per_keyword=own) for rate, own in keys]
    with progress_bar("settings tried") as progress:
        return dict(zip(keys, calibrate(sweep, bundle.detection, targets, progress=progress), strict=True))


def name_of(rate: float, own: bool) -> str:
    """An operating point's name."""
    return f"{rate:g} an hour, {'thresholds by keyword' if own else 'one threshold'}"


def print_report(
    bundle: Bundle,
    validation_hours: float,
    testing_hours: float,
    validation: dict[str, OperatingPoint],
    reported: dict[str, OperatingPoint],
    result: StreamVerification,
) -> None:
    print(f"{bundle.path}: chosen on {validation_hours:g} h of validation\n")
    print(points_table(validation))
    print(f"\nreported on {testing_hours:g} h of testing, {result.outcome.total.spoken} spoken keywords\n")
    print(points_table(reported))
    print("\nsettings\n")
    print("\n".join(f"{name}: {settings_text(point.settings)}" for name, point in reported.items()))
    print(f"\nthe middle one by keyword on testing\n\n{outcome_text(result.outcome)}\n")
    print(f"inferences: {result.inferences:,} by {result.interpreter}, {result.audited:,} of them by the oracle too")
    print(f"detections of the compiled spotter: {result.firmware_detections}")
    print("equal to Python: " + ("; ".join(result.differences) or "every output, detection, score and time"))


def save(
    folder: Path, validation: dict[str, OperatingPoint], reported: dict[str, OperatingPoint], result: StreamVerification
) -> None:
    report = {
        "validation": {name: point.to_json() for name, point in validation.items()},
        "testing": {name: point.to_json() for name, point in reported.items()},
        "middle": result.to_json(),
    }
    write_file(folder / "detection.json", json.dumps(report, indent=2))
    shown = {name: point for name, point in reported.items() if "by keyword" not in name}
    write_file(folder / "det.png", det_png({"the middle setting, any threshold": result.det}, shown, "testing stream"))


if __name__ == "__main__":
    sys.exit(main())
