"""What a killed training needs to go on: one file, replaced whole after every epoch."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.errors import BundleError
from kws_edge.files import write_file

Weights = dict[str, NDArray[Any]]


@dataclass
class TrainingState:
    """Where a training stands. `settings` identifies it: a run resumes only under the settings that it began with."""

    settings: dict[str, Any]
    # rows of history.csv, one per finished epoch
    history: list[dict[str, Any]] = field(default_factory=list)
    # the unfinished phase: its variables, averaged variables, optimizer variables in order
    current: Weights = field(default_factory=dict)
    average: Weights = field(default_factory=dict)
    optimizer: Weights = field(default_factory=dict)
    # per phase: the weights that validated best, and how well
    best: dict[str, Weights] = field(default_factory=dict)
    best_accuracy: dict[str, float] = field(default_factory=dict)

    def epochs_done(self, phase: str) -> int:
        """Finished epochs of a phase."""
        return sum(row["phase"] == phase for row in self.history)

    def save(self, path: Path) -> None:
        """Replace `path`. Raises StorageError."""
        arrays: Weights = {}
        for name in ("current", "average", "optimizer"):
            arrays.update({f"{name}|{key}": value for key, value in getattr(self, name).items()})
        for phase, weights in self.best.items():
            arrays.update({f"best.{phase}|{key}": value for key, value in weights.items()})
        meta = {"settings": self.settings, "history": self.history, "best_accuracy": self.best_accuracy}
        stream = io.BytesIO()
        np.savez(stream, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]  # a stub too narrow
        write_file(path, stream.getvalue())

    @classmethod
    def load(cls, path: Path) -> TrainingState:
        """Read what `save` wrote. Raises BundleError when the file is damaged."""
        try:
            with np.load(path) as archive:
                arrays = {key: archive[key] for key in archive.files}
            meta = json.loads(str(arrays.pop("meta")))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BundleError(f"{path}: not a saved training ({error}); start anew with --restart") from error
        state = cls(settings=meta["settings"], history=meta["history"], best_accuracy=meta["best_accuracy"])
        for key, value in arrays.items():
            group, name = key.split("|", 1)
            if group.startswith("best."):
                state.best.setdefault(group[5:], {})[name] = value
            else:
                getattr(state, group)[name] = value
        return state


def pack_weights(**groups: Weights) -> bytes:
    """`weights.npz` of a bundle: each variable as ``group/path``."""
    stream = io.BytesIO()
    arrays = {f"{group}/{path}": value for group, weights in groups.items() for path, value in weights.items()}
    np.savez(stream, **arrays)  # type: ignore[arg-type]  # a stub too narrow
    return stream.getvalue()
