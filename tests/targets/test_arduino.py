"""The Arduino library keeps the rules of the library specification, revision 2.2, and of its Library Manager."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from exported_folders import exported_files

from firmware_export.codegen.firmware import Engine

# https://docs.arduino.cc/arduino-cli/library-specification, "Library metadata"
REQUIRED = ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures")
OPTIONAL = ("depends", "includes", "dot_a_linkage", "precompiled", "ldflags", "license")
CATEGORIES = (
    "Display",
    "Communication",
    "Signal Input/Output",
    "Sensors",
    "Device Control",
    "Timing",
    "Data Storage",
    "Data Processing",
    "Other",
)
SEMANTIC_VERSION = r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"


@pytest.fixture
def files(engine: Engine) -> dict[str, str]:
    return exported_files("arduino", engine)


@pytest.fixture
def properties(files: dict[str, str]) -> dict[str, str]:
    lines = files["library.properties"].splitlines()
    assert all(re.fullmatch(r"[a-z_]+=.+", line) for line in lines)
    pairs = [line.split("=", 1) for line in lines]
    assert len({name for name, _ in pairs}) == len(pairs), "a field is there twice"
    return dict(pairs)


def test_every_required_field_is_there_and_none_is_unknown(properties: dict[str, str]) -> None:
    assert set(REQUIRED) <= set(properties) <= {*REQUIRED, *OPTIONAL}


def test_fields_have_the_form_that_the_specification_demands(properties: dict[str, str]) -> None:
    name = properties["name"]
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.\-]*", name) and len(name) <= 63
    assert not name.lower().startswith("arduino")
    assert re.fullmatch(SEMANTIC_VERSION, properties["version"])
    assert properties["category"] in CATEGORIES
    # a name that RFC 2606 keeps from ever being somebody's: the library is its user's, who alone knows its page
    assert re.fullmatch(r"https://[a-z-]+\.invalid/\S+", properties["url"])
    assert not properties["paragraph"].startswith(properties["sentence"])
    assert re.fullmatch(r"\*|[a-z0-9_]+(,[a-z0-9_]+)*", properties["architectures"])


def test_the_library_includes_what_it_has_and_depends_on_tflm_alone(
    engine: Engine, properties: dict[str, str], files: dict[str, str]
) -> None:
    assert f"src/{properties['includes']}" in files
    assert properties.get("depends") == ("Chirale_TensorFLowLite" if engine == "tflm" else None)
    assert any("Chirale_TensorFlowLite.h" in text for text in files.values()) == (engine == "tflm")


def test_sources_end_in_what_every_arduino_builder_compiles(files: dict[str, str]) -> None:
    assert {PurePosixPath(name).suffix for name in files if name.startswith("src/")} <= {".c", ".cpp", ".h"}


def test_an_example_is_a_folder_with_a_sketch_of_its_name(files: dict[str, str]) -> None:
    sketches = [PurePosixPath(name) for name in files if name.endswith(".ino")]
    assert [path.as_posix() for path in sketches] == ["examples/Microphone/Microphone.ino"]
    assert all(path.stem == path.parent.name for path in sketches)


def test_keywords_are_coloured_by_tab_and_exist(files: dict[str, str]) -> None:
    headers = "".join(text for name, text in files.items() if name.endswith(".h"))
    lines = [line for line in files["keywords.txt"].splitlines() if not line.startswith("#")]
    for line in lines:
        name, kind = line.split("\t")
        assert kind in ("KEYWORD1", "KEYWORD2", "KEYWORD3", "LITERAL1")
        assert re.search(rf"\b{name}\b", headers), name
    assert lines
