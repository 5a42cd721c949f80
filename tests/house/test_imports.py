"""What a Raspberry Pi runs imports nothing that `pip install kws-edge` does not bring."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import kws_edge
from kws_edge.settings import read_toml

PACKAGE = Path(kws_edge.__file__).parent
EXTRAS = read_toml(PACKAGE.parent / "pyproject.toml")["project"]["optional-dependencies"]
# names under which the packages of extras are imported, where they differ from those under which they are installed
IMPORTED_AS = {"scikit-learn": "sklearn", "webrtcvad-wheels": "webrtcvad"}
# what builds, trains and converts networks imports TensorFlow; the rest of these folders is read on a Pi too
LEFT_OUT = re.compile(
    r"conversion/|models/(?!__init__|own|activations)|training/(phase|pipeline|teacher|tensorboard)\.py|__main__\.py"
)


def test_without_extras_every_module_but_those_of_training_is_imported() -> None:
    extras = [
        requirement.split(";")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        for name, requirements in EXTRAS.items()
        if name not in ("dev", "targets")
        for requirement in requirements
    ]
    hidden = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in extras} - {"numpy"}
    assert {"tensorflow", "scipy", "matplotlib", "sklearn"} <= hidden
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    modules = [
        ".".join(("kws_edge", *path.with_suffix("").parts)) for path in files if not LEFT_OUT.match(path.as_posix())
    ]
    assert {"kws_edge.corpus.augmentation", "kws_edge.cli.app", "kws_edge.models.own"} <= set(modules)
    program = (
        "import importlib, sys\n"
        f"for name in {sorted(hidden)}: sys.modules[name] = None\n"
        f"for name in {modules}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
