"""Real clips for the front end's tests, decoded once."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from frontend_signals import decode_some
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def speech_8khz(speech_commands: Path) -> NDArray[np.int16]:
    """int16[60, 8000] of real speech."""
    return decode_some(speech_commands, 8000, 60)


@pytest.fixture(scope="session")
def speech_16khz(speech_commands: Path) -> NDArray[np.int16]:
    """int16[20, 16000] of real speech."""
    return decode_some(speech_commands, 16000, 20)


GOLDEN = Path(__file__).parents[1] / "golden" / "make_golden.py"


@pytest.fixture(scope="session")
def golden() -> ModuleType:
    """The module that makes and reads the golden vectors."""
    spec = importlib.util.spec_from_file_location("make_golden", GOLDEN)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
