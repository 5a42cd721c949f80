"""What the targets for other people's SDKs share: their templates, the microphone's rate, the facts of a model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from firmware_export.codegen.firmware import CORE, Engine, Firmware
from kws_edge import __version__
from kws_edge.spec import SILENCE, UNKNOWN

BOTH_ENGINES: tuple[Engine, ...] = ("aot", "tflm")

_TARGETS = Path(__file__).parent
_TEMPLATE = ".jinja"
# what PDM drivers offer most often, and some, such as the Nano 33 BLE Sense's, as their lowest rate
_USUAL_MICROPHONE_RATE_HZ = 16000
_MICROPHONE = ("kws_decimate.c", "kws_decimate.h", "kws_simd.h")
_C_OR_CPP = (".c", ".cc", ".cpp")
_TERMS = "The code is under the terms of [LICENSE](LICENSE), the model under those of its recordings."
_TUNING = (
    "It wakes for nothing, or misses words? `kws-edge calibrate BUNDLE --set threshold=0.8` (or 0.5), and export again."
)
_SIZES: dict[Engine, str] = {
    "aot": "Flash, RAM, stack and time: `kws-edge run BUNDLE --on cortex-m4 --wav FILE`, or on another core.",
    "tflm": "Too large or too slow? `--engine aot` needs no interpreter.",
}


def microphone_rate_hz(firmware: Firmware) -> int:
    """Samples per second to ask of the microphone: 16,000 for an 8,000 Hz model, whose half it is, else the model's."""
    rate_hz = firmware.model.features.sample_rate_hz
    return 2 * rate_hz if 2 * rate_hz == _USUAL_MICROPHONE_RATE_HZ else rate_hz


def microphone_files() -> dict[str, str]:
    """The decimator and the offset removal by file name: what lies between a microphone and the spotter."""
    return {name: (CORE / name).read_text(encoding="utf-8") for name in _MICROPHONE}


def compiled(names: Iterable[str]) -> list[str]:
    """Those of the file names that a compiler takes, in alphabetical order."""
    return sorted(name for name in names if name.endswith(_C_OR_CPP))


def project_files(target: str, firmware: Firmware, *, sources: Iterable[str]) -> dict[str, str]:
    """Every file under the target's ``templates`` folder, path to text; those that end in .jinja are rendered.

    Their variables are `project_values`.
    """
    folder = _TARGETS / target / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C, CMake, YAML
    )
    values = project_values(firmware, sources)
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name.endswith(_TEMPLATE):
            files[name.removesuffix(_TEMPLATE)] = environment.get_template(name).render(values)
        else:
            files[name] = path.read_text(encoding="utf-8")
    return files


def project_values(firmware: Firmware, sources: Iterable[str]) -> dict[str, Any]:
    """What a project's templates may say of a firmware whose files are ``sources``.

    ``sources`` (those to compile), ``engine``, ``keywords``, ``version`` of kws-edge, ``rate_hz`` of the model,
    ``microphone_rate_hz``, ``decimate`` (whether these differ), ``arena_bytes`` to reserve; of every README ``terms``
    and ``tuning`` (what to do about a detector that is too eager or too deaf, and where sizes are told).
    """
    model, microphone = firmware.model, microphone_rate_hz(firmware)
    return {
        "sources": compiled(sources),
        "engine": firmware.engine,
        # one line, whatever a folder of recordings was called
        "keywords": " ".join(", ".join(label for label in model.labels if label not in (SILENCE, UNKNOWN)).split()),
        "version": __version__,
        "rate_hz": model.features.sample_rate_hz,
        "microphone_rate_hz": microphone,
        "decimate": microphone != model.features.sample_rate_hz,
        "arena_bytes": firmware.arena_bytes + firmware.arena_alignment,
        "terms": _TERMS,
        "tuning": f"{_TUNING} {_SIZES[firmware.engine]}",
    }
