"""What `verify` and `report` share: their options, and the way from a bundle to what was measured of it."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws_edge.cli.stream_options import open_stream, run_on_stream

if TYPE_CHECKING:
    from kws_edge.verification.stream_verification import StreamVerification
    from kws_edge.verification.verify import Verification


class SplitName(str, Enum):
    """Splits of a corpus."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of recordings; else KWS_EDGE_DATA, else synthesized speech.")
]
SplitOption = Annotated[SplitName, typer.Option(help="Which clips to run.")]
MaxDropOption = Annotated[
    float, typer.Option(min=0, help="Percentage points of accuracy that int8 may lose against float.")
]


def verified(bundle: Path, data: Path | None, *, split: SplitName, max_drop_points: float) -> Verification:
    """What every interpreter makes of one split of the recordings, under a progress bar."""
    from kws_edge.bundle import read_bundle
    from kws_edge.cli.progress import progress_bar
    from kws_edge.cli.recordings import corpus_of_bundle
    from kws_edge.verification.verify import verify

    # TensorFlow's start-up notices are no news of this bundle
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    source = read_bundle(bundle)
    corpus = corpus_of_bundle(source, data)
    with progress_bar("verifying") as progress:
        return verify(source, corpus, split=split.value, max_drop_points=max_drop_points, progress=progress)


def heard_on_stream(
    verification: Verification, *, hours: float, seed: int, negatives: Path | None
) -> StreamVerification:
    """What the bundle and its compiled spotter make of a stream of the split that was verified."""
    from kws_edge.verification.stream_verification import verify_stream

    made = open_stream(verification.data, verification.split, hours=hours, seed=seed, negatives=negatives)
    run = run_on_stream(verification.bundle, made, with_firmware=True)
    return verify_stream(verification.bundle, made, run)
