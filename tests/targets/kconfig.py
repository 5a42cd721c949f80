"""Kconfig files through kconfiglib, the library that Zephyr's and ESP-IDF's own tools come from."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import kconfiglib


def symbols(text: str, folder: Path, *, around: str = "") -> kconfiglib.Kconfig:
    """`text` parsed behind `around`, what the SDK itself defines; a warning is an error."""
    path = folder / "Kconfig.under_test"
    path.write_text(f"{around}\n{text}")
    with patch.dict(os.environ, {"KCONFIG_WARN_UNDEF": "y"}):
        parsed = kconfiglib.Kconfig(str(path), warn_to_stderr=False)
    assert parsed.warnings == []
    return parsed
