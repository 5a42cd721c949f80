"""What every layout promises: complete, the same every time, briefly explained, its C free of warnings."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import yaml
from exported_folders import RATES_HZ, SDK_EXPORTS, export_to, exported_files, firmware_on
from small_firmware import small_firmware

from firmware_export.codegen.firmware import Engine
from firmware_export.targets.registry import engine_and_target, targets
from kws_edge.errors import ExportError
from kws_edge.spec import FeatureSpec

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror")
BUILD_FILES = {
    "esp-idf": "CMakeLists.txt",
    "generic-tflm": "CMakeLists.txt",
    "zephyr": "zephyr/CMakeLists.txt",
}
SDK_HEADERS = {
    "arduino": {"PDM.h", "Chirale_TensorFlowLite.h"},
    "esp-idf": {"driver/i2s_std.h", "esp_attr.h", "esp_err.h", "esp_log.h", "sdkconfig.h"},
    "generic-tflm": set[str](),
    "platformio": {"Arduino.h", "PDM.h", "Chirale_TensorFlowLite.h"},
    "zephyr": {"zephyr/audio/dmic.h", "zephyr/device.h", "zephyr/kernel.h", "zephyr/sys/printk.h"},
}
C_LIBRARY = {"limits.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "string.h", "new", "arm_acle.h"}


@pytest.fixture(params=SDK_EXPORTS, ids=lambda pair: "-".join(pair))
def pair(request: pytest.FixtureRequest) -> tuple[str, Engine]:
    found: tuple[str, Engine] = request.param
    return found


@pytest.fixture
def files(pair: tuple[str, Engine]) -> dict[str, str]:
    return exported_files(*pair)


def test_every_target_of_an_sdk_is_tested_here() -> None:
    carried = {(name, engine) for name, target in targets().items() for engine in target.engines}
    assert set(SDK_EXPORTS) == {(name, engine) for name, engine in carried if name != "generic"}


def test_the_same_firmware_gives_the_same_files(pair: tuple[str, Engine], files: dict[str, str]) -> None:
    firmware_on.cache_clear()
    exported_files.cache_clear()
    again = exported_files(*pair)
    assert list(again.items()) == list(files.items())


def test_the_readme_has_five_lines_and_its_links_lead_somewhere(files: dict[str, str]) -> None:
    title, blank, *lines = files["README.md"].splitlines()
    assert (title, blank) == ("# Keyword spotter: left, right", "")
    assert len(lines) == 5 and all(lines)
    for link in re.findall(r"\]\(([^)]+)\)", files["README.md"]):
        assert link in files


LICENSED = (("generic", "aot"), *SDK_EXPORTS)


@pytest.mark.parametrize("licensed", LICENSED, ids=lambda pair: "-".join(pair))
def test_the_license_of_the_code_comes_with_it(licensed: tuple[str, Engine]) -> None:
    written = exported_files(*licensed)
    root = Path(__file__).parents[2]
    assert written["LICENSE"] == (root / "LICENSE").read_text(encoding="utf-8")
    assert "[LICENSE](LICENSE)" in written["README.md"]
    # an installed package has the file too
    assert '"core/LICENSE"' in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_build_files_name_every_source_once_and_nothing_else(pair: tuple[str, Engine], files: dict[str, str]) -> None:
    if pair[0] not in BUILD_FILES:  # the library formats compile whatever is in src
        assert all(len(PurePosixPath(name).parts) == 2 for name in files if name.startswith("src/"))
        return
    named = re.findall(r"\bkws_\w+\.(?:cc|cpp|c)\b", files[BUILD_FILES[pair[0]]])
    compiled = [PurePosixPath(name).name for name in files if re.fullmatch(r"src/.*\.(cc|cpp|c)", name)]
    assert sorted(named) == sorted(compiled)


def test_includes_are_in_the_folder_or_come_with_the_sdk(pair: tuple[str, Engine], files: dict[str, str]) -> None:
    known = {PurePosixPath(name).name for name in files if name.startswith("src/")} | C_LIBRARY | SDK_HEADERS[pair[0]]
    known |= {"arm_nnfunctions.h"}  # of CMSIS-NN, with KWS_USE_CMSIS_NN alone
    for name, text in files.items():
        if not name.endswith((".c", ".cc", ".cpp", ".h", ".ino")):
            continue
        for header in re.findall(r"^#include [<\"]([^>\"]+)[>\"]", text, re.MULTILINE):
            assert header in known or header.startswith("tensorflow/lite/"), f"{name} includes {header}"


def test_both_builds_of_engine_aot_reserve_the_arena_that_their_network_takes() -> None:
    files = exported_files("generic", "aot")
    stated = [
        re.search(r"#ifdef KWS_USE_CMSIS_NN\n.*ARENA_BYTES (\d+)u\n#else\n.*ARENA_BYTES (\d+)u\n#endif", files[name])
        for name in ("src/kws_config.h", "src/kws_network.h")
    ]
    config, network = (match.groups() if match else None for match in stated)
    assert config == network is not None
    assert "add_library" in files["CMakeLists.txt"] and "PUBLIC KWS_USE_CMSIS_NN" in files["CMakeLists.txt"]


def test_no_file_says_when_or_where_it_was_made(files: dict[str, str]) -> None:
    places = [re.escape(str(place)) for place in (Path.home(), Path(__file__).parents[2], Path(tempfile.gettempdir()))]
    trace = re.compile("|".join([r"20\d\d-\d\d-\d\d", r"\d\d:\d\d:\d\d", *places]))
    for name, text in files.items():
        assert not trace.search(text), name


@pytest.mark.parametrize("compiler", ["gcc", "clang", "arm-none-eabi-gcc"])
@pytest.mark.slow
def test_all_c_compiles_without_a_warning(
    pair: tuple[str, Engine], compiler: str, tmp_path: Path, tool: Callable[[str, str], str]
) -> None:
    package = {"arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi"}.get(compiler, compiler)
    command = [tool(compiler, f"apt-get install {package}"), "-std=c99", *WARNINGS, "-O2", "-Isrc", "-c"]
    if compiler.startswith("arm"):
        command += ["-mcpu=cortex-m4", "-mthumb", "-funsigned-char"]
    folder = export_to(tmp_path / "export", *pair)
    sources = sorted(str(path.relative_to(folder)) for path in (folder / "src").glob("*.c"))
    assert sources
    subprocess.run([*command, *sources], cwd=folder, check=True)


@pytest.mark.slow
def test_cppcheck_has_nothing_to_say(pair: tuple[str, Engine], tmp_path: Path, tool: Callable[[str, str], str]) -> None:
    folder = export_to(tmp_path / "export", *pair)
    # the core's own files are checked with the target called generic
    targets_own = ("kws_decimate.c", "kws_model.c", "kws_engine_tflm.cc", "kws_engine_tflm.cpp")
    sources = [path for path in folder.rglob("*") if path.suffix in (".c", ".cc", ".cpp")]
    sources = [path for path in sources if path.parent.name != "src" or path.name in targets_own or path.stem == "main"]
    command = [tool("cppcheck", "apt-get install cppcheck"), "--quiet", "--error-exitcode=1", f"-I{folder / 'src'}"]
    command += ["--enable=warning,style,performance,portability", *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("target", "engine"), [pair for pair in SDK_EXPORTS if pair[0] != "generic-tflm"])
def test_examples_decimate_exactly_when_the_microphone_is_faster(target: str, engine: Engine, rate_hz: int) -> None:
    written = exported_files(target, engine, rate_hz)
    (program,) = (text for name, text in written.items() if name.endswith((".ino", "main.c", "main.cpp")))
    assert ("kws_decimate_push(" in program) == (rate_hz == 8000)
    assert "kws_dc_block_run(" in program
    assert re.search(r"MICROPHONE_RATE_HZ(?: =)? 16000\b", program)


@pytest.mark.parametrize("exported", [("generic", "aot"), ("generic-tflm", "tflm")], ids=lambda pair: pair[0])
def test_a_board_without_an_example_is_told_what_lies_between_microphone_and_spotter(
    exported: tuple[str, Engine],
) -> None:
    at_8, at_16 = (exported_files(*exported, rate_hz) for rate_hz in RATES_HZ)
    assert "those of a 16000 Hz microphone through [kws_decimate.h](src/kws_decimate.h)" in at_8["README.md"]
    assert "kws_decimate" not in at_16["README.md"]
    for files in (at_8, at_16):  # the offset is to be removed at either rate
        assert "src/kws_decimate.h" in files and "src/kws_decimate.c\n" in files["CMakeLists.txt"]


@pytest.mark.parametrize("engine", ["aot", "tflm"])
def test_the_readme_tells_only_of_verbs_that_know_the_engine(engine: Engine) -> None:
    """`kws-edge run` computes with engine aot: its sizes are not those of the other."""
    last = exported_files("zephyr", engine)["README.md"].splitlines()[-1]
    assert "kws-edge calibrate BUNDLE --set threshold=0.8" in last
    assert ("kws-edge run" in last) == (engine == "aot")


ODD_LABELS = ('say "hi" \\ now', "a: b # {c} <d>\n- %e", "silence", "unknown")


def test_no_keyword_breaks_a_manifest() -> None:
    firmware = small_firmware(FeatureSpec(), labels=ODD_LABELS)
    keywords = """say "hi" \\ now, a: b # {c} <d> - %e"""

    def exported(target: str) -> dict[str, str]:
        return targets()[target].files(firmware)

    assert yaml.safe_load(exported("esp-idf")["idf_component.yml"])["description"].endswith(f": {keywords}")
    assert json.loads(exported("platformio")["library.json"])["description"].endswith(f": {keywords}")
    arduino = exported("arduino")
    assert f"sentence=Spots keywords in speech: {keywords}." in arduino["library.properties"].splitlines()
    assert len(arduino["README.md"].splitlines()) == 7
    assert len(exported("generic")["README.md"].splitlines()) == 7


def test_a_target_with_two_engines_asks_for_one() -> None:
    with pytest.raises(ExportError, match="carries engines aot and tflm; add --engine"):
        engine_and_target(None, "zephyr")
    assert engine_and_target("tflm", None)[1].name == "generic-tflm"
    with pytest.raises(ExportError, match="not aot"):
        engine_and_target("aot", "generic-tflm")
