"""What the verbs that listen to made streams share: their options, and the way from a corpus to a stream."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kws_edge.bundle import Bundle
    from kws_edge.corpus import Corpus
    from kws_edge.corpus.splits import SplitName
    from kws_edge.corpus.streams import Stream
    from kws_edge.verification.stream_verification import StreamRun

HoursOption = Annotated[float, typer.Option("--hours", min=0.01, help="Length of each stream in hours.")]
NegativesOption = Annotated[
    Path | None,
    typer.Option(
        "--negatives",
        help="Folder of recordings in which nobody says a keyword; they take the place of synthesized running speech.",
        show_default=False,
    ),
]
StreamSeedOption = Annotated[int, typer.Option("--stream-seed", min=0, help="Of everything random in the streams.")]


def open_stream(corpus: Corpus, split: SplitName, *, hours: float, seed: int, negatives: Path | None) -> Stream:
    """A stream of `split` of `corpus`, with what there is to say of it said on stderr."""
    from kws_edge.cli.progress import progress_bar
    from kws_edge.corpus.streams import StreamSettings, make_stream

    with progress_bar("speaking sentences") as progress:
        return make_stream(
            corpus,
            split,
            StreamSettings(hours=hours, seed=seed),
            negatives=negatives,
            warn=lambda text: print(f"warning: {text}", file=sys.stderr),
            progress=progress,
        )


def run_on_stream(bundle: Bundle, stream: Stream, *, with_firmware: bool) -> StreamRun:
    """The bundle's outputs on `stream`, and the compiled spotter's detections if wanted and a compiler is here."""
    from kws_edge.cli.firmware import firmware_of
    from kws_edge.cli.progress import progress_bar
    from kws_edge.errors import ExportError
    from kws_edge.verification.stream_verification import run_stream

    firmware = None
    if with_firmware and shutil.which("gcc") is not None:
        try:
            firmware = firmware_of(bundle, "aot")
            _ = firmware.network  # raises what the engine does not compute
        except ExportError as error:
            print(f"warning: no firmware beside Python: {error}", file=sys.stderr)
            firmware = None
    with progress_bar(f"minutes of {stream.truth.split} stream") as progress:
        return run_stream(bundle, stream, firmware=firmware, progress=progress)
