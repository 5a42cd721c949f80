"""Engine tflm against TensorFlow Lite Micro's own headers and library.

Collected only where TFLM_DIR points to a checkout of TFLM whose own build has fetched its third-party code and made its
library: ``make -f tensorflow/lite/micro/tools/make/Makefile microlite``.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exported_folders import export_to, firmware_on
from small_firmware import WARNINGS, small_model

from firmware_export.codegen.c_text import tflm_op_name
from firmware_export.codegen.firmware_model import ArenaNeed, FirmwareModel
from firmware_export.codegen.folder import write_export
from firmware_export.targets.registry import targets
from kws_edge.runtime.oracle import open_oracle
from kws_edge.spec import FeatureSpec
from kws_edge.verification.memory import measure_memory

pytestmark = pytest.mark.slow

CHECKOUT = Path(os.environ["TFLM_DIR"]).resolve()
_DOWNLOADS = CHECKOUT / "tensorflow" / "lite" / "micro" / "tools" / "make" / "downloads"
INCLUDE_DIRS = (CHECKOUT, _DOWNLOADS / "flatbuffers" / "include", _DOWNLOADS / "gemmlowp", _DOWNLOADS / "ruy")
COMPILERS = {
    "g++": ["g++"],
    "clang++": ["clang++"],
    "arm-none-eabi-g++": ["arm-none-eabi-g++", "-mcpu=cortex-m4", "-mthumb"],
}
DRIVER = """
#include <stdio.h>
#include "kws_engine.h"
#include "kws_features.h"
static unsigned char memory[KWS_ENGINE_ARENA_BYTES + KWS_ENGINE_ARENA_ALIGNMENT];
int main(void) {
  static int8_t features[KWS_FEATURES_FRAMES * KWS_FEATURES_COLUMNS], logits[KWS_CONFIG_LABELS];
  const size_t beyond = (uintptr_t)memory % KWS_ENGINE_ARENA_ALIGNMENT;
  void *arena = memory + (KWS_ENGINE_ARENA_ALIGNMENT - beyond) % KWS_ENGINE_ARENA_ALIGNMENT;
  kws_status status = kws_engine_init(arena);
  if (kws_engine_init(NULL) != KWS_ERROR_NULL || kws_engine_run(features, logits, NULL) != KWS_ERROR_NULL) return 100;
  while (status == KWS_OK && fread(features, 1, sizeof features, stdin) == sizeof features) {
    status = kws_engine_run(features, logits, arena);
    fwrite(logits, 1, sizeof logits, stdout);
  }
  return -(int)status;
}
"""


@pytest.fixture(scope="module")
def library() -> Path:
    """TFLM's own library for this host."""
    built = sorted(CHECKOUT.glob("gen/linux*/lib/libtensorflow-microlite.a"))
    if not built:
        pytest.skip(f"{CHECKOUT} has no library; make -f tensorflow/lite/micro/tools/make/Makefile microlite")
    return built[0]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("static_memory", [(), ("-DTF_LITE_STATIC_MEMORY",)], ids=["default", "static_memory"])
def test_the_glue_compiles_against_tflms_headers_without_a_warning(
    compiler: str, static_memory: tuple[str, ...], tmp_path: Path, tool: Callable[[str, str], str]
) -> None:
    folder = export_to(tmp_path / "export", "generic-tflm", "tflm")
    tool(compiler, f"apt-get install {compiler}")
    headers = [argument for path in INCLUDE_DIRS for argument in ("-isystem", str(path))]
    flags = ["-std=c++17", "-O2", "-fno-exceptions", "-fno-rtti", *WARNINGS, *static_memory, *headers]
    target = tmp_path / "glue.o"
    command = [*COMPILERS[compiler], *flags, "-c", "src/kws_engine_tflm.cc", "-o", str(target)]
    subprocess.run(command, cwd=folder, check=True)
    nm = "arm-none-eabi-nm" if compiler.startswith("arm") else "nm"
    names = subprocess.run([nm, str(target)], capture_output=True, text=True, check=True).stdout
    # nothing is constructed before main, guarded, thrown or taken from a heap
    assert not re.search(r"_GLOBAL__sub_I|__cxa_guard|__cxa_throw|\b_Zn[wa]|malloc", names)


def test_operators_are_called_what_the_resolver_calls_them() -> None:
    header = (CHECKOUT / "tensorflow" / "lite" / "micro" / "micro_mutable_op_resolver.h").read_text()
    methods = re.findall(r"TfLiteStatus Add(\w+)\([^{]*\{\s*return AddBuiltin\(\s*BuiltinOperator_(\w+)", header)
    assert len(methods) > 90
    assert {builtin: tflm_op_name(builtin) for _, builtin in methods} == {builtin: name for name, builtin in methods}


@dataclasses.dataclass(frozen=True)
class Build:
    """The exported CMake package and its program, whose standard input is features and whose output is logits."""

    folder: Path
    build: Path

    def make(self) -> None:
        subprocess.run(["cmake", "--build", self.build], check=True, capture_output=True)

    def run(self, features: bytes) -> tuple[int, bytes]:
        """Status with its sign changed, and logits."""
        done = subprocess.run([self.build / "kws_example"], input=features, capture_output=True, check=False)
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def model(package: Callable[[str, str], None]) -> FirmwareModel:
    package("tflite_micro", "pip install 'kws-edge[train]'")
    content, spec = small_model(FeatureSpec())
    need = measure_memory(content)
    arena = ArenaNeed(need.measured_bytes, need.margin_bytes)
    return dataclasses.replace(firmware_on("tflm").model, model=content, features=spec, arena=arena)


@pytest.fixture(scope="module")
def built(
    library: Path, model: FirmwareModel, tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str, str], str]
) -> Build:
    made = Build(tmp_path_factory.mktemp("tflm") / "export", tmp_path_factory.mktemp("tflm_build"))
    firmware = dataclasses.replace(firmware_on("tflm"), model=model)
    write_export(made.folder, targets()["generic-tflm"].files(firmware), force=False)
    (made.folder / "example" / "main.c").write_text(DRIVER)
    directories = ";".join(str(path) for path in INCLUDE_DIRS)
    options = [f"-DKWS_TFLM_INCLUDE_DIRS={directories}", f"-DKWS_TFLM_LIBRARY={library}", "-DCMAKE_BUILD_TYPE=Release"]
    cmake = tool("cmake", "apt-get install cmake")
    subprocess.run([cmake, "-S", made.folder, "-B", made.build, *options], check=True, capture_output=True)
    made.make()
    return made


def test_outputs_in_tflms_own_library_equal_the_hosts(built: Build, model: FirmwareModel) -> None:
    rows = np.random.default_rng(1).integers(-128, 128, (300, *model.features.shape)).astype(np.int8)
    status, logits = built.run(rows.tobytes())
    expected = open_oracle(model.model).run(rows)
    assert status == 0
    assert len(np.unique(expected, axis=0)) > 100, "the network gives the same for all inputs: test is void"
    assert np.array_equal(np.frombuffer(logits, np.int8).reshape(expected.shape), expected)


@pytest.mark.parametrize(
    "change",
    [
        ("kws_model.h", r"(KWS_MODEL_INPUT_SCALE) \S+f", r"\1 0.5f"),
        ("kws_model.h", r"(KWS_MODEL_INPUT_ZERO_POINT) \S+", r"\1 (3)"),
        ("kws_model.h", r"(KWS_MODEL_OUTPUT_SCALE) \S+f", r"\1 0.5f"),
        ("kws_model.h", r"(KWS_MODEL_ARENA_BYTES) \d+", r"\1 2048"),
        ("kws_engine_tflm.cc", r"input_shape\[\] = \{1, 49", "input_shape[] = {1, 48"),
        ("kws_engine_tflm.cc", r"output_shape\[\] = \{1, 4\}", "output_shape[] = {4, 1}"),
        ("kws_engine_tflm.cc", r"  if \(engine->resolver.AddReshape.*\n", ""),
        ("kws_engine_tflm.cc", r"!= TFLITE_SCHEMA_VERSION", "!= TFLITE_SCHEMA_VERSION + 1"),
    ],
    ids=lambda change: re.sub(r"\W+", "_", change[1]).strip("_"),
)
def test_a_model_that_is_not_the_one_described_is_refused(built: Build, change: tuple[str, str, str]) -> None:
    file, pattern, replacement = change
    path = built.folder / "src" / file
    original = path.read_text()
    text, count = re.subn(pattern, replacement, original)
    assert count == 1
    try:
        path.write_text(text)
        built.make()
        assert built.run(b"") == (3, b"")  # KWS_ERROR_MODEL
    finally:
        path.write_text(original)
    built.make()
    assert built.run(b"") == (0, b"")
