"""History rows as TensorBoard scalars."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import tensorflow as tf

from kws_edge.errors import DependencyError
from kws_edge.training.phase import EpochReport, Reporter

SCALARS = ("learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def tensorboard_reporter(folder: Path) -> Reporter:
    """A reporter that writes each finished epoch below `folder`, one run per phase. Raises DependencyError."""
    if importlib.util.find_spec("tensorboard") is None:
        raise DependencyError("--tensorboard needs the package tensorboard: pip install 'kws-edge[tensorboard]'")
    writers: dict[str, tf.summary.SummaryWriter] = {}

    def report(progress: EpochReport) -> None:
        if progress.row is None:
            return
        if progress.phase not in writers:
            writers[progress.phase] = tf.summary.create_file_writer(str(folder / progress.phase))
        with writers[progress.phase].as_default():
            for name in SCALARS:
                tf.summary.scalar(name, progress.row[name], step=progress.epoch)
        writers[progress.phase].flush()

    return report
