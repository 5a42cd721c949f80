"""The course of a training on stderr: a live bar on a terminal, else one line per epoch."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kws_edge.training.phase import EpochReport


class TrainingDisplay:
    """Use as a context; call it with each report of the training."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bar: Progress | None = None
        self._tasks: dict[str, Any] = {}
        self._best: dict[str, float] = {}
        self._started = time.monotonic()
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[state]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )

    def __enter__(self) -> TrainingDisplay:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """One line."""
        if self._bar is not None:
            self._bar.console.print(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def __call__(self, report: EpochReport) -> None:
        """Show where the training stands."""
        if report.row is not None:
            best = max(self._best.get(report.phase, 0.0), report.row["validation_accuracy"])
            self._best[report.phase] = best
        if self._bar is not None:
            if report.phase not in self._tasks:
                total = report.epochs * report.steps
                self._tasks[report.phase] = self._bar.add_task(report.phase, total=total, state="")
            state = f"epoch {report.epoch + 1}/{report.epochs} loss {report.loss:.3f}"
            if report.phase in self._best:
                state += f" best validation {100 * self._best[report.phase]:.2f} %"
            done = report.epoch * report.steps + report.step
            self._bar.update(self._tasks[report.phase], completed=done, state=state)
        elif report.row is not None:
            row = report.row
            print(
                f"{report.phase} epoch {report.epoch + 1}/{report.epochs}: loss {row['train_loss']:.4f}, "
                f"validation {100 * row['validation_accuracy']:.2f} % (best {100 * self._best[report.phase]:.2f} %), "
                f"{row['seconds']:.1f} s",
                file=sys.stderr,
                flush=True,
            )
