"""The exported firmware on trial before it is flashed: built, booted in QEMU or run natively, fed with audio.

`try_firmware` does all of it; what it measured is a `Trial`.
"""

from __future__ import annotations

from firmware_export.trial.program import PLACES, Instructions, Memory, Trial, check_engine, check_place, try_firmware

__all__ = ["PLACES", "Instructions", "Memory", "Trial", "check_engine", "check_place", "try_firmware"]
