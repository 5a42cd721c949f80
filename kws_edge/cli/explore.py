"""`kws-edge explore`: a folder of recordings as a page to look at and to listen to."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer


def explore(
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of recordings; by default KWS_EDGE_DATA.", metavar="[DATA]", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path("recordings.html"),
    clip: Annotated[
        list[str] | None,
        typer.Option(help="Clip to look at closely, as a path below DATA; may be repeated.", show_default=False),
    ] = None,
    clips: Annotated[int, typer.Option(min=1, help="Clips to look at closely, 30 KB each.")] = 120,
    sounds: Annotated[int, typer.Option(min=0, help="Megabytes of sound on the page.")] = 8,
    keywords: Annotated[
        str | None,
        typer.Option(
            "--keywords", help="Words to spot; they decide the splits where few people speak and no list files do."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Write one HTML page about the recordings of a folder: what is in it, how it looks, what is wrong with it."""
    from kws_edge.cli.data import find_recordings
    from kws_edge.cli.progress import progress_bar
    from kws_edge.explore.analysis import analyse
    from kws_edge.explore.page.document import PageSettings, write_page
    from kws_edge.explore.recordings import open_recordings
    from kws_edge.files import check_file_output, write_file

    check_file_output(output)
    words = None if keywords is None else [word.strip() for word in keywords.split(",") if word.strip()]
    recordings = open_recordings(find_recordings(data), stage=progress_bar, keywords=words)
    settings = PageSettings(closeups=clips, sound_bytes=sounds * 1_000_000, clips=tuple(clip or ()))
    for name in settings.clips:
        recordings.row(name)
    analysis = analyse(recordings, stage=progress_bar)
    page = write_page(analysis, settings, stage=progress_bar)
    write_file(output, page)
    if as_json:
        print(json.dumps({"page": str(output), **analysis.to_json()}, indent=2, ensure_ascii=False))
        return
    faults = len({finding.name for finding in analysis.faults()})
    print(f"{output}: {len(page.encode()) / 1e6:.1f} MB about {len(recordings.files):,} clips, {faults:,} with a fault")
    print("next:", shlex.join(["kws-edge", "data", "check", str(recordings.folder), "--write", "exclude.txt"]))
