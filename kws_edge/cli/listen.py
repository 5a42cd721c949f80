"""`kws-edge listen`: a recording, a pipe or the microphone, heard as the device would hear it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws_edge.errors import SettingsError

if TYPE_CHECKING:
    from kws_edge.corpus.audio import Samples
    from kws_edge.runtime.streaming import Heard


def listen(
    bundle: Annotated[Path, typer.Argument(help="The bundle that listens.", metavar="BUNDLE", show_default=False)],
    pipe: Annotated[
        str | None,
        typer.Argument(
            help="- for standard input: a WAV, or raw mono 16-bit samples.", metavar="[-]", show_default=False
        ),
    ] = None,
    wav: Annotated[
        Path | None, typer.Option("--wav", help="Recording of any length, rate and format.", show_default=False)
    ] = None,
    microphone: Annotated[bool, typer.Option("--mic", help="The microphone; Ctrl-C ends.")] = False,
    rate: Annotated[
        int | None,
        typer.Option(min=1000, max=768000, help="Samples per second of raw samples.", show_default="the model's rate"),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Microphone: its number or a part of its name.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each detection.")] = False,
) -> None:
    """Listen to a stream: front end, network and detector, each integer as on the device."""
    from kws_edge.bundle import read_bundle
    from kws_edge.cli.listening_display import listening_display
    from kws_edge.cli.recordings import too_short
    from kws_edge.runtime.streaming import StreamingSpotter

    source = read_bundle(bundle)
    blocks = _blocks(source.features.sample_rate_hz, pipe, wav, microphone, rate, device)
    spotter = StreamingSpotter(source)
    samples = detections = 0
    try:
        with listening_display(source.labels, wanted=sys.stdout.isatty() and not as_json) as display:
            for block in blocks:
                found = spotter.push(block)
                samples += len(block)
                detections += len(found)
                for heard in found:
                    if display is None:
                        print(_line(heard, as_json=as_json), flush=True)
                if display is not None:
                    display.show(block, samples / source.features.sample_rate_hz, spotter.scores, found)
    except KeyboardInterrupt:
        if not microphone:
            raise
    hint = None if microphone else too_short(samples, source.detection, source.features)
    if hint is not None:
        print(hint, file=sys.stderr)
    seconds = samples / source.features.sample_rate_hz
    print(
        f"{seconds:.2f} s heard by {spotter.interpreter}, {detections} detection{'' if detections == 1 else 's'}",
        file=sys.stderr,
    )


def _blocks(
    rate_hz: int, pipe: str | None, wav: Path | None, microphone: bool, raw_rate_hz: int | None, device: str | None
) -> Iterator[Samples]:
    from kws_edge.corpus.live import file_blocks, microphone_blocks, pipe_blocks

    if (pipe is not None) + (wav is not None) + microphone != 1 or pipe not in (None, "-"):
        raise SettingsError("say what to listen to: --wav FILE, --mic, or - for standard input")
    if device is not None and not microphone:
        raise SettingsError("--device names a microphone: add --mic")
    if raw_rate_hz is not None and pipe is None:
        raise SettingsError("--rate is that of raw samples from standard input: add -")
    if wav is not None:
        return file_blocks(wav, rate_hz)
    if microphone:
        return microphone_blocks(rate_hz, device=device)
    return pipe_blocks(sys.stdin.buffer, rate_hz, raw_rate_hz=raw_rate_hz)


def _line(heard: Heard, *, as_json: bool) -> str:
    if not as_json:
        return f"{heard.time_s:8.2f} s  {heard.word}  {heard.score:.2f}"
    return json.dumps(
        {"time_s": heard.time_s, "label": heard.word, "score": heard.score, "end_sample": heard.end_sample},
        ensure_ascii=False,
    )
