"""Models are read without loading LiteRT itself."""

from __future__ import annotations

import subprocess
import sys

READ = """
import sys
from kws_edge.errors import ConversionError
from kws_edge.tflite_file import summarize
try:
    summarize(b"0000TFL3" + bytes(40))
except ConversionError:
    pass
print([name for name in sys.modules if name.split(".")[0] == "ai_edge_litert"])
"""


def test_reading_a_model_loads_nothing_native() -> None:
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_package_the_error_names_it() -> None:
    program = "import kws_edge.tflite_schema as module; module._PACKAGE = 'no_such_package'; module._load()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "DependencyError" in done.stderr
    assert "pip install ai-edge-litert" in done.stderr
