"""Two fixed-point front ends of this field on the emulated Cortex-M4, to stand beside our own in one table.

CMSIS-DSP's ``arm_mfcc_q15`` and ``arm_mfcc_q31`` and the TFLM micro front end are compiled from the sources that their
PyPI packages ship (downloaded at first use into the user's cache), with the toolchain, the optimization and, as close
as each allows, the settings of our own: 8 kHz, 32 ms Hann windows every 20 ms, FFT 256, 26 mel bands from 20 Hz, 10
coefficients. Neither has pre-emphasis or a lifter, and the micro front end ends at the log-mel bands.

Instructions are those of one call that makes one row. Errors are against a double-precision computation of the same
formula with unquantized tables and the peer's own scale and floor, in units of the peer's natural logarithm; both take
the logarithm of amplitudes, where a difference is half of what it is for energies. The ratio in dB knows no unit.

    python benchmarks/frontend_peers.py [--json FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from peers import cmsis_mfcc, micro_frontend
from peers.row import PeerRow
from peers.sounds import Sounds, sounds
from tabulate import tabulate

from kws_edge.errors import KwsEdgeError

CPU = "cortex-m4"


def peer_rows(given: Sounds | None = None, progress: Callable[[int, int], None] | None = None) -> list[PeerRow]:
    """Both packages' front ends over the sounds (default: `sounds()`).

    `progress(done, total)` is told after each. Raises DependencyError when a tool or the network is missing.
    """
    heard = sounds() if given is None else given
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        works: list[Callable[[], PeerRow]] = [
            lambda: cmsis_mfcc.row(heard, 15, CPU, folder),
            lambda: cmsis_mfcc.row(heard, 31, CPU, folder),
            lambda: micro_frontend.row(heard, CPU, folder),
        ]
        rows = []
        for done, work in enumerate(works, start=1):
            rows.append(work())
            if progress is not None:
                progress(done, len(works))
    return rows


def cost_table(rows: Sequence[PeerRow]) -> str:
    """Instructions and bytes of every front end, as text."""
    return tabulate(
        [
            (row.name, row.cpu, row.output, f"{row.instructions:.0f}", max(row.counts), row.flash_bytes, row.ram_bytes)
            for row in rows
        ],
        headers=("front end", "core", "a row holds", "instructions a row", "at most", "flash B", "RAM B"),
    )


def error_table(rows: Sequence[PeerRow]) -> str:
    """Error of every front end in every set of sounds, as text; in units of the natural logarithm, and in dB."""
    return tabulate(
        [
            (row.name, name, error.largest, error.percentile99, error.rms, error.snr_db)
            for row in rows
            for name, error in row.errors.items()
        ],
        headers=("front end", "sounds", "largest error", "99 %", "rms", "SNR dB"),
        floatfmt=("", "", ".4f", ".4f", ".4f", ".1f"),
    )


def as_json(row: PeerRow) -> dict[str, object]:
    """The figures of a row; instructions as mean, least and most instead of one by one."""
    fields = dataclasses.asdict(row)
    counts = fields.pop("counts")
    return {**fields, "instructions": {"mean": row.instructions, "least": min(counts), "most": max(counts)}}


def main() -> None:
    """Print the tables; with --json write the rows too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    arguments = parser.parse_args()
    try:
        rows = peer_rows(progress=lambda done, total: print(f"{done} of {total} measured", file=sys.stderr))
    except KwsEdgeError as error:
        sys.exit(f"error: {error}")
    print(f"{cost_table(rows)}\n\n{error_table(rows)}")
    if arguments.json:
        arguments.json.write_text(json.dumps([as_json(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
