"""Which labels a model doubts that never heard the speaker: scores by cross-validation, then odds against the label.

Several ridge regressions, each on patches of another length (`embedding`), are fitted on four fifths of the speakers
and score the rest; a logistic regression over the summed scores, cross-validated likewise, makes probabilities of them.
Judging a label by probabilities that were predicted without it is confident learning's idea (C. G. Northcutt, L. Jiang
and I. L. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.errors import DependencyError
from kws_edge.explore.embedding import embed, learn_patches

Progress = Callable[[int, int], None]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

FOLDS = 5
# Words with fewer clips than this cannot be learned, and are judged as one: "another word".
LEAST_CLIPS = 40
# Below this many clips, or with one word to choose from, there is nothing to learn.
LEAST_CORPUS = 100

# lengths of the patches in frames: consonants, syllables, halves of words
_PATCH_FRAMES = (7, 11, 15, 21)
_PATCHES = 400
# a small corpus gets fewer, so many clips for each
_CLIPS_PER_PATCH = 4
_RIDGE = 1500.0
# probabilities are kept above this, so that odds stay finite
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class LabelOdds:
    """What a model that was trained without each clip's speaker makes of its label."""

    # word that the model finds likeliest among the others; empty where it cannot name one
    rival: tuple[str, ...]
    # natural logarithm of P(label) / P(rival), float32[n]; below 0 the rival is likelier
    log_odds: FloatArray
    # part of the clips whose label is the model's first choice, 0 to 1
    accuracy: float


def judge_labels(
    energies: FloatArray, words: Sequence[str], speakers: Sequence[str], progress: Progress | None = None
) -> LabelOdds | None:
    """Judge the label of every clip; None when the corpus is too small to learn from.

    `energies` are centred log mel energies, float32[n, frames, bands]. Raises DependencyError without scikit-learn.
    """
    names, labels = _judged_words(words)
    if len(labels) < LEAST_CORPUS or len(names) < 2:
        return None
    fold = _folds(speakers)
    scores = np.zeros((len(labels), len(names)), np.float32)
    steps = len(_PATCH_FRAMES)
    for step, frames in enumerate(_PATCH_FRAMES):

        def report(done: int, total: int, step: int = step) -> None:
            if progress is not None:
                progress(step * total + done, steps * total)

        patches = min(_PATCHES, len(energies) // _CLIPS_PER_PATCH)
        dictionary = learn_patches(energies, patches=patches, patch_frames=frames)
        scores += _ridge_scores(embed(energies, dictionary, report), labels, len(names), fold)
    log_probability = _calibrated(scores, labels, fold)
    rows = np.arange(len(labels))
    others = log_probability.copy()
    others[rows, labels] = -np.inf
    rivals = others.argmax(axis=1)
    log_odds = log_probability[rows, labels] - others[rows, rivals]
    return LabelOdds(
        rival=tuple(names[rival] for rival in rivals),
        log_odds=log_odds.astype(np.float32),
        accuracy=float((log_odds > 0).mean()),
    )


def _judged_words(words: Sequence[str]) -> tuple[tuple[str, ...], IntArray]:
    """The classes to tell apart and each clip's; the last class, named "", stands for all scarce words."""
    found, place, count = np.unique(np.array(words), return_inverse=True, return_counts=True)
    frequent = count >= LEAST_CLIPS
    names = tuple(str(word) for word in found[frequent])
    label_of = np.cumsum(frequent) - 1
    label_of[~frequent] = len(names)
    if not frequent.all():
        names += ("",)
    return names, label_of[place].astype(np.int64)


def _folds(speakers: Sequence[str]) -> IntArray:
    """A fold for every clip, the same for all clips of a speaker; clip by clip when there are too few speakers."""
    rng = np.random.default_rng(0)
    found, place = np.unique(np.array(speakers), return_inverse=True)
    if len(found) < 2 * FOLDS:
        return rng.permutation(len(speakers)) % FOLDS
    return (rng.permutation(len(found)) % FOLDS)[place]


def _ridge_scores(embedded: FloatArray, labels: IntArray, classes: int, fold: IntArray) -> FloatArray:
    """Scores float32[n, classes] of regressions to +1 for the label and -1 for the rest, each fold's by the others."""
    targets = np.full((len(labels), classes), -1, np.float32)
    targets[np.arange(len(labels)), labels] = 1
    # the same solution by clips or by columns, whichever are fewer (Gram matrix or covariance)
    by_clips = len(embedded) < embedded.shape[1]
    inner = embedded @ embedded.T if by_clips else embedded.T @ embedded
    scores = np.empty_like(targets)
    for held_out in range(FOLDS):
        rows = fold == held_out
        if by_clips:
            matrix, right, left = inner[np.ix_(~rows, ~rows)], targets[~rows], inner[np.ix_(rows, ~rows)]
        else:
            left = embedded[rows]
            matrix, right = inner - left.T @ left, embedded[~rows].T @ targets[~rows]
        matrix[np.diag_indices_from(matrix)] += _RIDGE
        scores[rows] = left @ np.linalg.solve(matrix, right)
    return scores


def _calibrated(scores: FloatArray, labels: IntArray, fold: IntArray) -> npt.NDArray[np.float64]:
    """Logarithms of probabilities, float64[n, classes], each fold's by a regression on the others' scores."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise DependencyError(
            "looking for doubtful labels needs scikit-learn: pip install 'kws-edge[explore]'"
        ) from error
    result = np.full(scores.shape, np.log(_LEAST_PROBABILITY))
    for held_out in range(FOLDS):
        rows = fold == held_out
        heard = np.unique(labels[~rows])
        if len(heard) == 1:  # one speaker alone says the other word
            result[rows, heard[0]] = 0
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # sixty steps are near enough for a ranking
            model = LogisticRegression(max_iter=60).fit(scores[~rows], labels[~rows])
        probability = np.maximum(model.predict_proba(scores[rows]), _LEAST_PROBABILITY)
        result[np.ix_(rows, model.classes_)] = np.log(probability)
    return result
