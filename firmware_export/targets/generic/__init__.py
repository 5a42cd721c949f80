"""For any board and build system: C99 sources in one folder, a CMake file, an example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from firmware_export.codegen.firmware import Engine, Firmware, spotter_files
from firmware_export.targets.packaging import microphone_files, project_values

DESCRIPTION = "C99 sources and a CMake file, for any board"
ENGINES: tuple[Engine, ...] = ("aot",)

_TEMPLATES = Path(__file__).parent / "templates"


def files(firmware: Firmware) -> dict[str, str]:
    """The exported folder, path to text."""
    sources = {**spotter_files(firmware), **microphone_files()}
    return {
        **{f"src/{name}": text for name, text in sources.items()},
        "example/main.c": (_TEMPLATES / "main.c").read_text(encoding="utf-8"),
        **rendered(
            {"CMakeLists.txt": "CMakeLists.txt.jinja", "README.md": "README.md.jinja"},
            library="kws_spotter",
            example="kws_example",
            **project_values(firmware, sources),
        ),
    }


def rendered(templates: dict[str, str], **values: Any) -> dict[str, str]:
    """File name to text, for file name to name of the template."""
    environment = Environment(
        loader=PackageLoader("firmware_export.targets.generic"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C and CMake, not HTML
    )
    return {name: environment.get_template(template).render(values) for name, template in templates.items()}
