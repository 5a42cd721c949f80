"""A folder of recordings as the analysis sees it: every clip, its split, and its measurements. Nothing is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.audio import Samples
from kws_edge.corpus.cache import decoded_corpus
from kws_edge.corpus.layouts import FoundFile, scan
from kws_edge.corpus.splits import SplitName, assign_splits
from kws_edge.errors import CorpusError
from kws_edge.explore.measurements import Measurements, measure
from kws_edge.spec import KEYWORDS, SILENCE, UNKNOWN, CorpusSettings, FeatureSpec

# `with stage("measuring") as progress:` shows what is being done; progress(done, total)
Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


@dataclass(frozen=True)
class Recordings:
    """Every readable clip of a folder, in order of name."""

    folder: Path
    spec: FeatureSpec
    # one per row of everything below
    files: tuple[FoundFile, ...]
    splits: tuple[SplitName, ...]
    # whether list files decided these
    has_lists: bool
    # int16[n, clip_samples] at the spec's rate; a read-only memory map
    clips: Samples
    measured: Measurements
    # (name, int16[samples]) at the spec's rate
    background: tuple[tuple[str, Samples], ...]
    # (name, reason) of files that cannot be used
    skipped: tuple[tuple[str, str], ...]
    # of the splits: lists that name absent files, too few speakers
    warnings: tuple[str, ...]
    # of the recordings' bytes and names
    content_key: str

    @property
    def names(self) -> tuple[str, ...]:
        """Path of each clip below the folder."""
        return tuple(file.name for file in self.files)

    @property
    def words(self) -> tuple[str, ...]:
        """The words, sorted."""
        return tuple(sorted({file.word for file in self.files}))

    @property
    def word_index(self) -> npt.NDArray[np.int64]:
        """Place of each clip's word in `words`, int64[n]."""
        places = {word: place for place, word in enumerate(self.words)}
        return np.array([places[file.word] for file in self.files], np.int64)

    def row(self, name: str) -> int:
        """The row of the clip `name`. Raises CorpusError when there is none."""
        try:
            return self.names.index(name)
        except ValueError:
            raise CorpusError(
                f"{self.folder}: no readable clip {name!r}; name one such as {self.files[0].name}"
            ) from None


def open_recordings(
    folder: Path,
    *,
    stage: Stage,
    keywords: Sequence[str] | None = None,
    spec: FeatureSpec | None = None,
    cache_dir: Path | None = None,
) -> Recordings:
    """Read and measure the recordings of `folder`; both are cached by content.

    `keywords` matter only where a folder without list files has too few speakers for the SHA-1 rule; by default they
    are the usual ten where the folder has them all, else all of its words. Raises CorpusError when the folder is
    missing or holds no readable recording, SettingsError when `keywords` name nothing.
    """
    spec = spec or FeatureSpec()
    layout = scan(folder)
    with stage("reading recordings") as progress:
        decoded = decoded_corpus(
            layout,
            sample_rate_hz=spec.sample_rate_hz,
            clip_samples=spec.clip_samples,
            cache_dir=cache_dir,
            progress=progress,
        )
    if not decoded.names:
        name, reason = decoded.skipped[0]
        raise CorpusError(f"{folder}: none of its recordings can be read, such as {name}: {reason}; replace them")
    own = tuple(word for word in layout.words if word not in (SILENCE, UNKNOWN))
    usual = KEYWORDS if set(KEYWORDS) <= set(own) else own
    settings = CorpusSettings(keywords=tuple(keywords if keywords is not None else usual or layout.words))
    found = {file.name: file for file in layout.clips}
    files = tuple(found[name] for name in decoded.names)
    splits, warnings = assign_splits(layout, files, settings)
    with stage("measuring") as progress:
        measured = measure(
            folder,
            decoded.names,
            sample_rate_hz=spec.sample_rate_hz,
            content_key=decoded.content_key,
            cache_dir=cache_dir,
            progress=progress,
        )
    return Recordings(
        folder=folder,
        spec=spec,
        files=files,
        splits=splits,
        has_lists=layout.has_lists,
        clips=decoded.clips,
        measured=measured,
        background=decoded.background,
        skipped=(*layout.skipped, *decoded.skipped),
        warnings=warnings,
        content_key=decoded.content_key,
    )
