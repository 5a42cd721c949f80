"""Exit code 1 means a failed check and nothing else: Ctrl-C, a reader that went away and a full disk have their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

COMMAND = (sys.executable, "-m", "kws_edge")


def test_a_reader_that_goes_away_is_neither_a_failed_check_nor_a_trace() -> None:
    process = subprocess.Popen([*COMMAND, "models", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() == 141


def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, "models"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "kws-edge: No space left on device\n"


def test_closed_standard_output_is_no_error() -> None:
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *COMMAND, "models"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    fifo = tmp_path / "bench.json"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [*COMMAND, "bench", "--compare", fifo, fifo],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # tests that run behind `&` or nohup ignore it, and so would the verb
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with fifo.open("wb"):  # returns when the verb has opened it and waits for what it holds
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, "", "kws-edge: interrupted\n")


def test_a_terminal_without_the_letter_gets_another_one() -> None:
    """The table of the networks has a plus-minus sign, which ASCII has not."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, "models", "ds_cnn-S"], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert rb"\xb1" in done.stdout


def test_a_path_that_is_not_unicode_can_be_told_to_the_user(tmp_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": ""}
    path = os.fsencode(tmp_path) + b"/caf\xe9"
    done = subprocess.run([*COMMAND, "show", path], env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr == b"kws-edge: " + os.fsencode(tmp_path) + b"/caf\\udce9 is no bundle: it does not exist\n"
