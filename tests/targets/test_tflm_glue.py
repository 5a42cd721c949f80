"""Engine tflm: its glue registers exactly what the model uses, in an arena that holds all of it."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import flatbuffers
import pytest
from exported_folders import export_to, exported_files, firmware_on

from firmware_export.codegen.tflm_engine import registrations, tflm_arena_bytes, tflm_engine_files
from kws_edge.errors import ExportError


def test_every_kind_of_operator_is_registered_once_with_its_int8_kernels() -> None:
    glue = exported_files("generic-tflm", "tflm")["src/kws_engine_tflm.cc"]
    assert re.findall(r"resolver\.Add(\w+)\(([\w:()]*)\) != ", glue) == [
        ("Conv2D", "tflite::Register_CONV_2D_INT8()"),
        ("AveragePool2D", "tflite::Register_AVERAGE_POOL_2D_INT8()"),
        ("Reshape", ""),
    ]


def test_an_operator_that_is_not_all_int8_gets_the_general_kernels() -> None:
    from ai_edge_litert import schema_py_generated as schema

    model = firmware_on("tflm").model
    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model.model, 0))
    graph = parsed.subgraphs[0]
    graph.tensors[graph.operators[0].outputs[0]].type = schema.TensorType.INT16
    builder = flatbuffers.Builder(0)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    wide = dataclasses.replace(model, model=bytes(builder.Output()))
    assert [(r.name, r.registration is None) for r in registrations(wide)] == [
        ("Conv2D", True),
        ("AveragePool2D", True),
        ("Reshape", True),
    ]


def test_without_a_measured_arena_there_is_no_engine() -> None:
    unmeasured = dataclasses.replace(firmware_on("tflm").model, arena=None)
    with pytest.raises(ExportError, match="--engine aot"):
        tflm_engine_files(unmeasured)


def test_the_arena_has_room_for_the_interpreter_and_the_operators() -> None:
    model = firmware_on("tflm").model
    assert model.arena is not None
    assert tflm_arena_bytes(model) == model.arena.total_bytes + 8 * (64 + 14 * 3)


def test_cmake_asks_where_tflm_is(tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    folder = export_to(tmp_path / "export", "generic-tflm", "tflm")
    command = [tool("cmake", "apt-get install cmake"), "-S", str(folder), "-B", str(tmp_path / "build")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "set KWS_TFLM_TARGET, or KWS_TFLM_INCLUDE_DIRS and" in done.stderr


PARENT = """
cmake_minimum_required(VERSION 3.13)
project(application C CXX)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
add_library(my_tflm INTERFACE)
target_compile_definitions(my_tflm INTERFACE TF_LITE_STATIC_MEMORY MY_TFLM)
set(KWS_TFLM_TARGET my_tflm)
add_subdirectory(kws)
add_executable(application kws/example/main.c)
target_link_libraries(application PRIVATE kws::spotter)
"""


def test_cmake_takes_the_enclosing_projects_target(tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    export_to(tmp_path / "kws", "generic-tflm", "tflm")
    (tmp_path / "CMakeLists.txt").write_text(PARENT)
    build = tmp_path / "build"
    command = [tool("cmake", "apt-get install cmake"), "-S", str(tmp_path), "-B", str(build)]
    subprocess.run(command, capture_output=True, check=True)
    units = json.loads((build / "compile_commands.json").read_text())
    compiled = {Path(unit["file"]).name: unit["command"] for unit in units}
    assert {"-DMY_TFLM", "-DTF_LITE_STATIC_MEMORY", "-fno-exceptions"} <= set(compiled["kws_engine_tflm.cc"].split())
    assert "kws_spotter.c" in compiled
