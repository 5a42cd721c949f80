"""`kws-edge run`: build a bundle's firmware, boot it, feed it a recording, and hold it against Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

_LONGEST_S = 600


def run(
    bundle: Annotated[Path, typer.Argument(help="The bundle to try.", metavar="BUNDLE", show_default=False)],
    on: Annotated[
        str,
        typer.Option(
            "--on",
            help="host, or an emulated cortex-m0, cortex-m3, cortex-m4, cortex-m7, cortex-m33 or cortex-m55.",
            show_default=False,
        ),
    ],
    wav: Annotated[
        Path,
        typer.Option("--wav", help="Recording to feed: any rate and format, ten minutes at most.", show_default=False),
    ],
    engine: Annotated[
        str, typer.Option(help="Only aot can be run; tflm needs TensorFlow Lite Micro's own sources.")
    ] = "aot",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Run a bundle's firmware on a recording before it is flashed; exit code 1 if it is not what Python computes."""
    from firmware_export.trial import check_engine, check_place, try_firmware
    from kws_edge.bundle import read_bundle
    from kws_edge.cli import CHECK_FAILED
    from kws_edge.cli.firmware import firmware_of
    from kws_edge.cli.recordings import too_short
    from kws_edge.corpus.audio import decode
    from kws_edge.detection import end_sample
    from kws_edge.errors import CorpusError
    from kws_edge.reports.trial import trial_report, trial_text
    from kws_edge.verification.stream import differences, stream_outputs

    check_engine(engine)
    check_place(on)
    source = read_bundle(bundle)
    samples = decode(wav, source.features.sample_rate_hz, longest_s=_LONGEST_S)
    least = end_sample(0, source.detection, source.features)
    if len(samples) < least:
        rate = source.features.sample_rate_hz
        raise CorpusError(
            f"{wav}: {len(samples) / rate:.2f} s is shorter than the {least / rate:.2f} s of one inference, so nothing "
            "would be compared; give a longer recording"
        )
    hint = too_short(len(samples), source.detection, source.features)
    if hint is not None:
        print(hint, file=sys.stderr)
    firmware = firmware_of(source, "aot")
    print(f"building for {on} and running {len(samples) / source.features.sample_rate_hz:.1f} s", file=sys.stderr)
    trial = try_firmware(firmware, on, samples)
    report = trial_report(trial, source, differences(trial, stream_outputs(samples, source)))
    print(json.dumps(report, indent=2) if as_json else trial_text(report))
    if not report["equal_to_python"]:
        raise typer.Exit(CHECK_FAILED)
