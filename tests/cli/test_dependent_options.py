"""`verify --hours 10` without --stream hears no stream; a user who is not told believes that it did."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("verify", "gone", "--hours", "1"), "--stream"),  # its default, and yet it was asked for
        (("verify", "gone", "--stream-seed", "3"), "--stream"),
        (("verify", "gone", "--negatives", "x"), "--stream"),
        (("verify", "gone", "--core", "cortex-m0"), "--emulated"),
        (("verify", "gone", "--margin", "20"), "--write-budget"),
        (("verify", "gone", "--strict"), "--budget"),
        (("report", "gone", "-o", "page.html", "--hours", "10"), "--stream"),
        (("report", "gone", "-o", "page.html", "--strict"), "--budget"),
        (("layers", "gone", "--clips", "8"), "--parity or --quantization"),
        (("train", "-o", "new", "--data", "gone", "--qat-epochs", "5"), "--qat"),
    ],
)
def test_an_option_that_would_do_nothing_names_the_one_that_it_needs(arguments: tuple[str, ...], wanted: str) -> None:
    done = subprocess.run([sys.executable, "-m", "kws_edge", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(f"does nothing without {wanted}: add {wanted}\n")
