"""Trainings as `kws-edge train` in processes of their own, several at a time; what a killed sweep left is taken up."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kws_edge.bundle import Bundle, read_bundle
from kws_edge.errors import BundleError
from kws_edge.files import write_file
from kws_edge.training.request import work_folder

_POLL_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Job:
    """One training."""

    # of its files in the sweep's folder
    name: str
    # settings for `train --config`
    config: str
    # further options of `train`
    options: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How one training ended."""

    job: Job
    bundle: Bundle | None
    # last line that a failed training said, which signal killed it, or what is wrong with its bundle; or None
    failure: str | None


@dataclass(frozen=True)
class Runner:
    """Trains jobs into `folder`, `jobs` at a time, on the recordings in `data` (None: as `train` finds them)."""

    folder: Path
    data: Path | None
    jobs: int

    def run(self, jobs: Sequence[Job], finished: Callable[[Outcome], None]) -> list[Outcome]:
        """Train what has no bundle yet; `finished` is told of each. The result is in the order of `jobs`."""
        outcomes: dict[str, Outcome] = {}

        def done(job: Job, exit_code: int = 0) -> None:
            outcomes[job.name] = self._outcome(job, exit_code)
            finished(outcomes[job.name])

        waiting = []
        for job in jobs:
            if self._bundle(job).exists():
                done(job)
            else:
                waiting.append(job)
        with _ended_on_exit() as running:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    job = waiting.pop(0)
                    running[self._start(job)] = job
                for process in [process for process in running if process.poll() is not None]:
                    done(running.pop(process), process.returncode)
                time.sleep(_POLL_SECONDS)
        return [outcomes[job.name] for job in jobs]

    def _bundle(self, job: Job) -> Path:
        return self.folder / "bundles" / job.name

    def _log(self, job: Job) -> Path:
        return self.folder / "logs" / f"{job.name}.log"

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        config, bundle = self.folder / "configs" / f"{job.name}.toml", self._bundle(job)
        write_file(config, job.config)
        for folder in (bundle.parent, self._log(job).parent):
            folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "kws_edge", "train", "-o", str(bundle), "--config", str(config), "--json"]
        command += job.options
        command += ["--data", str(self.data)] if self.data is not None else []
        command += ["--resume"] if (work_folder(bundle) / "state.npz").exists() else []
        threads = str(max(1, (os.cpu_count() or 1) // self.jobs))
        with self._log(job).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "TF_NUM_INTRAOP_THREADS": threads, "TF_CPP_MIN_LOG_LEVEL": "3"},
                preexec_fn=_end_with_parent,
            )

    def _outcome(self, job: Job, exit_code: int) -> Outcome:
        try:
            return Outcome(job, read_bundle(self._bundle(job)), None)
        except BundleError as error:
            if self._bundle(job).exists():
                return Outcome(job, None, str(error))
            if exit_code < 0:  # what it said last is not why it ended
                killed = f"killed by signal {-exit_code}; where memory is scarce, use fewer --jobs"
                return Outcome(job, None, f"{killed} ({self._log(job)} says how far it came)")
            try:
                said = self._log(job).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            except OSError:
                said = []
            return Outcome(job, None, f"{said[-1] if said else error} (all of it in {self._log(job)})")


@contextmanager
def _ended_on_exit() -> Iterator[dict[subprocess.Popen[bytes], Job]]:
    """Running trainings by process; they are told to end when the block is left early, and waited for."""
    running: dict[subprocess.Popen[bytes], Job] = {}
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _end_with_parent() -> None:
    """A sweep that is killed outright must not leave trainings behind that the next one would collide with."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
