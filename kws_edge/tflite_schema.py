"""The classes that LiteRT's package generates from TFLite's schema, loaded without LiteRT itself.

Reading a .tflite file is pure Python. Importing `ai_edge_litert` in the usual way loads its native library too, which a
process that runs another interpreter, or none, does not need.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from kws_edge.errors import DependencyError

_PACKAGE, _MODULE = "ai_edge_litert", "schema_py_generated"


def _load() -> ModuleType:
    name = f"{_PACKAGE}.{_MODULE}"
    if name in sys.modules:
        return sys.modules[name]
    package = importlib.util.find_spec(_PACKAGE)
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise DependencyError("reading .tflite files needs ai-edge-litert's schema; pip install ai-edge-litert")
    spec = importlib.util.spec_from_file_location("kws_edge._tflite_schema", Path(folders[0]) / f"{_MODULE}.py")
    if spec is None or spec.loader is None:
        raise DependencyError(f"{folders[0]}: this ai-edge-litert has no {_MODULE}.py; pip install -U ai-edge-litert")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ModelT, Model, BuiltinOperator and the rest, under the schema's own names
schema: Any = _load()
