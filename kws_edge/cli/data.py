"""`kws-edge data`: look at a folder of recordings, or make one from synthetic voices."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws_edge.spec import KEYWORDS, SILENCE, UNKNOWN, CorpusSettings, FeatureSpec

if TYPE_CHECKING:
    from kws_edge.corpus import Corpus

app = typer.Typer(help="Look at recordings, or synthesize them.", no_args_is_help=True, pretty_exceptions_enable=False)

_COLUMNS = ("train", "validation", "test")


@app.command(short_help="Speak words with synthetic voices, for demonstrations.")
def synth(
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="Folder to write; an earlier synthesized one there is replaced.", metavar="DIR"
        ),
    ],
    words: Annotated[
        str, typer.Option("--words", help="Words to spot, separated by commas; hey_edge is spoken 'hey edge'.")
    ] = ",".join(KEYWORDS),
    unknown_words: Annotated[
        str | None, typer.Option("--unknown-words", help="Other words; by default two dozen common ones.")
    ] = None,
    clips: Annotated[int, typer.Option("--clips", help="Clips of each word.", min=1)] = 600,
    seed: Annotated[int, typer.Option("--seed", help="The same seed writes the same files.", min=0)] = 0,
) -> None:
    """Speak words with many synthetic voices, in the Speech Commands layout: for demonstrations, not for people."""
    from kws_edge.cli.progress import progress_bar
    from kws_edge.corpus.synthesis import UNKNOWN_WORDS, synthesize_corpus
    from kws_edge.errors import CorpusError

    if not _listed(words):
        raise CorpusError(f"--words {words!r} names no word")
    others = UNKNOWN_WORDS if unknown_words is None else _listed(unknown_words)
    with progress_bar("synthesizing") as progress:
        synthesize_corpus(out, _listed(words), others, clips_per_word=clips, seed=seed, progress=progress)
    print(f"{out}: {clips} clips of each of {', '.join(_listed(words))}, and other words from the same voices")
    print(
        "synthetic voices make a demonstration; for people, record people: at least a few dozen of them for each word"
    )


@app.command(short_help="Count clips by word and split; what is skipped, what is thin.")
def info(
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of recordings; by default KWS_EDGE_DATA.", metavar="[DATA]", show_default=False),
    ] = None,
    keywords: Annotated[
        str | None,
        typer.Option(
            "--keywords",
            help="Words to spot, separated by commas.",
            show_default="the usual ten, else every word there",
        ),
    ] = None,
    sample_rate: Annotated[int, typer.Option("--sample-rate", help="Hz to read the recordings at.")] = 8000,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Check the recordings of a folder: clips by word and split, what was skipped and why, and what is thin."""
    from kws_edge.cli.progress import progress_bar
    from kws_edge.corpus import load_corpus

    folder = find_recordings(data)
    spec = FeatureSpec(sample_rate_hz=sample_rate)
    settings = CorpusSettings(keywords=_usual_or_all(folder) if keywords is None else _listed(keywords))
    with progress_bar("reading recordings") as progress:
        corpus = load_corpus(
            folder, settings, sample_rate_hz=sample_rate, clip_samples=spec.clip_samples, progress=progress
        )
    description = _describe(corpus)
    print(json.dumps(description, indent=2, ensure_ascii=False) if as_json else _text(description))


@app.command(short_help="Look for recordings that spoil a training.")
def check(
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of recordings; by default KWS_EDGE_DATA.", metavar="[DATA]", show_default=False),
    ] = None,
    keywords: Annotated[
        str | None,
        typer.Option(
            "--keywords", help="Words to spot; they decide the splits where few people speak and no list files do."
        ),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Exclusion list to write; `train --exclude` takes it.", metavar="FILE")
    ] = None,
    exclude: Annotated[
        Path | None, typer.Option(help="Exclusion list of recordings whose faults are known.", metavar="FILE")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Findings to print of each kind.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print every finding as JSON.")] = False,
) -> None:
    """Look for recordings that spoil a training: silent, clipped, mislabelled, duplicated. Exit code 1 if there are."""
    from kws_edge.cli import CHECK_FAILED
    from kws_edge.cli.progress import progress_bar
    from kws_edge.corpus.exclusion import read_exclusions
    from kws_edge.explore.analysis import analyse
    from kws_edge.explore.recordings import open_recordings
    from kws_edge.explore.tables import findings_text
    from kws_edge.files import check_file_output, write_file

    if write is not None:
        check_file_output(write)
    known = frozenset(read_exclusions(exclude)) if exclude else frozenset()
    recordings = open_recordings(
        find_recordings(data), stage=progress_bar, keywords=None if keywords is None else _listed(keywords)
    )
    analysis = analyse(recordings, stage=progress_bar)
    if write is not None:
        write_file(write, analysis.exclusion_list())
    if as_json:
        unknown = len(analysis.faults(known))
        print(json.dumps({**analysis.to_json(), "unknown_faults": unknown}, indent=2, ensure_ascii=False))
    else:
        print(findings_text(analysis, known, rows))
        if write is not None:
            using = shlex.join(["kws-edge", "train", "--exclude", str(write)])
            print(f"\n{write}: {len(analysis.exclusions())} recordings for `{using}`")
    if analysis.faults(known):
        raise typer.Exit(CHECK_FAILED)


def find_recordings(data: Path | None) -> Path:
    """`data`, else KWS_EDGE_DATA. Raises CorpusError without either."""
    from kws_edge.corpus import find_data
    from kws_edge.errors import CorpusError

    folder = find_data(data)
    if folder is None:
        raise CorpusError("no folder of recordings: name one, or set KWS_EDGE_DATA")
    return folder


def _usual_or_all(folder: Path) -> tuple[str, ...]:
    """The usual ten keywords if `folder` has them, else every word that it has: who looks first names none yet."""
    from kws_edge.corpus.layouts import scan

    words = scan(folder).words
    if set(KEYWORDS) <= set(words):
        return KEYWORDS
    print("no --keywords: every word counts as one here; `train` wants them named", file=sys.stderr)
    return tuple(word for word in words if word not in (SILENCE, UNKNOWN))


def _listed(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _describe(corpus: Corpus) -> dict[str, Any]:
    splits = {name: corpus.split(name) for name in ("train", "validation", "test")}
    return {
        "path": str(corpus.folder),
        "labels": list(corpus.labels),
        "sample_rate_hz": corpus.sample_rate_hz,
        "clip_samples": corpus.clip_samples,
        "content_sha256": corpus.content_hash,
        "clips": {name: len(split.labels) for name, split in splits.items()},
        "speakers": {name: len(set(split.speakers) - {""}) for name, split in splits.items()},
        "words": corpus.word_counts(),
        "warnings": list(corpus.warnings),
        "skipped": [{"name": name, "reason": reason} for name, reason in corpus.skipped],
    }


def _text(description: dict[str, Any]) -> str:
    from tabulate import tabulate

    rows: list[list[Any]] = [
        [word if word in description["labels"] else f"{word} (unknown)", *(counts[name] for name in _COLUMNS)]
        for word, counts in description["words"].items()
    ]
    rows.append(["all clips", *(description["clips"][name] for name in _COLUMNS)])
    rows.append(["speakers", *(description["speakers"][name] for name in _COLUMNS)])
    lines = [f"{description['path']} at {description['sample_rate_hz']} Hz", "", tabulate(rows, ("word", *_COLUMNS))]
    lines += [f"\nwarning: {warning}" for warning in description["warnings"]]
    if description["skipped"]:
        lines.append(f"\nskipped {len(description['skipped'])} file(s):")
        lines += [f"  {item['name']}: {item['reason']}" for item in description["skipped"]]
    return "\n".join(lines)
