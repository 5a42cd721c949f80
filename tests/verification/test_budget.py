"""A budget is read strictly, judged line by line, and no line is passed over in silence."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from kws_edge.errors import SettingsError
from kws_edge.reports.budgets import verdict_table
from kws_edge.reports.junit import cases, junit_xml
from kws_edge.runtime.operators import LeastCosts
from kws_edge.verification import budget as budget_module
from kws_edge.verification.budget import parse_budget, preset_names, read_budget
from kws_edge.verification.budget_writing import _rounded_up
from kws_edge.verification.checks import Check
from kws_edge.verification.device import DeviceCost
from kws_edge.verification.measurements import Measured, Measurements
from kws_edge.verification.verdict import Line, Verdict, _line, judge

BOARDS = Path(budget_module.__file__).parent / "boards"
# the boards that were promised
PROMISED = {
    "nano_33_ble_sense",
    "stm32l4",
    "stm32f7",
    "nrf52840",
    "rp2040",
    "esp32_s3",
    "raspberry_pi_zero_2",
    "raspberry_pi_3",
    "raspberry_pi_4",
    "raspberry_pi_5",
}


def test_every_promised_board_has_a_preset_that_reads() -> None:
    assert set(preset_names()) == PROMISED
    for name in preset_names():
        budget = read_budget(name)
        assert budget.board.name
        assert budget.limits.given()


@pytest.mark.parametrize("path", sorted(BOARDS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_figure_of_a_preset_stands_under_its_source(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert re.search(r"[Dd]atasheet|Product Specification|product brief", lines[0])
    start = lines.index("[budget]")
    for number in range(start + 1, len(lines)):
        if "=" in lines[number] and not lines[number].startswith("#"):
            above = lines[number - 1]
            assert above.startswith(("#", "instructions_per_second_max")), lines[number]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[budget]\nflash_byte_max = 3", r"my.toml \[budget\]: unknown key 'flash_byte_max'; did you mean 'flash_b"),
        ("[budget]\nflash_bytes_max = 3.5", "flash_bytes_max = 3.5; expected int"),
        ("[budget]\naccuracy_min = 95", "accuracy_min = 95.*use a share of 0 to 1"),
        ("[budget.false_reject_rate_max_per_keyword]\nstop = 2", "false_reject_rate_max_per_keyword.stop = 2"),
        ("[budget]\nram_bytes_max = -1", "ram_bytes_max = -1; use 0 or more"),
        ("[budget]\nlatency_p95_ms_max = inf", "latency_p95_ms_max = inf; .*leave it out for no limit"),
        ("[budgets]\nram_bytes_max = 1", r"unknown table \[budgets\]; did you mean \[budget\]\?"),
        ("[limits]\nram_bytes_max = 1", r"unknown table \[limits\]; known tables: board, budget, front_end"),
        ("budget = 3", "my.toml: budget = 3; expected a table"),
        ("ram_bytes_max = 3", "my.toml: ram_bytes_max = 3 stands in no table; known tables: board, budget"),
        ("[board]\ncore = 'cortex-m4'", r"\[budget\] is missing or empty"),
        ("[budget]\nlayer_weight_bytes_max = {}", r"\[budget\] is missing or empty"),
        ("[board]\ncore = 'avr'\n[budget]\nram_bytes_max = 1", "core = 'avr'; choose one of host, cortex-m0"),
        (
            "[board]\ninterpreter = 'litert'\n[budget]\nram_bytes_max = 1",
            "interpreter = 'litert'; choose one of litert_ref",
        ),
        ("[budget]\nram_bytes_max = 1\n[front_end]\nmel_band = 3", "unknown key 'mel_band'; did you mean 'mel_bands'"),
        ("[budget\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_answered_with_the_way_out(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_budget(text.encode(), "my.toml")


def test_a_name_that_is_neither_file_nor_board_lists_the_boards() -> None:
    with pytest.raises(SettingsError, match=r"--budget nano: neither a file nor a board; .*nano_33_ble_sense.*stm32l4"):
        read_budget("nano")


def test_only_what_the_front_end_table_names_is_compared() -> None:
    budget = parse_budget(b"[budget]\nram_bytes_max = 1\n[front_end]\nmean = [1]\ncoefficients = 1", "x")
    assert budget.front_end == {"mean": [1.0], "coefficients": 1}


@pytest.mark.parametrize(("differences", "passed"), [((), True), (("outputs of 1 of 3 inferences",), False)])
def test_what_wrong_firmware_costs_is_no_measurement(differences: tuple[str, ...], passed: bool) -> None:
    budget = parse_budget(b"[budget]\nram_bytes_max = 1\n", "x")
    counts = dict.fromkeys((field.name for field in fields(DeviceCost)), 1)
    device = DeviceCost(**{**counts, "place": "cortex-m4", "differences": differences})
    # only what a line asks for is looked at, and this one asks for the device alone
    measurements = Measurements(SimpleNamespace(int8_model=b""), budget.board, None, None)
    measurements.__dict__.update(device=device, _least=LeastCosts(*[0] * len(fields(LeastCosts))))
    verdict = judge(budget, measurements)
    assert verdict.passed is passed
    assert [line.name for line in verdict.lines if not line.passed] == ([] if passed else ["firmware"])


def test_the_limit_itself_is_allowed_and_one_more_is_not() -> None:
    assert _line("flash_bytes_max", 100, Measured(100, "here"), smaller=True).passed is True
    line = _line("flash_bytes_max", 100, Measured(101, "here"), smaller=True)
    assert (line.passed, line.detail) == (False, "1 too much; here")
    assert _line("accuracy_min", 0.9, Measured(0.9, "here"), smaller=False).passed is True
    assert _line("accuracy_min", 0.9, Measured(0.89, "here"), smaller=False).passed is False


@pytest.mark.parametrize("value", [0.0, 5 / 600, 7 / 600, 1 / 30_000, 0.0525, 1.0, 29 / 7])
def test_a_rate_keeps_the_limit_that_was_made_of_it(value: float) -> None:
    limit = _rounded_up(value)
    assert value <= limit < value + 1e-4
    assert limit == float(f"{limit:.4f}")


def test_a_figure_that_is_surely_too_large_fails_even_where_it_was_not_measured() -> None:
    def verdict(at_least: float | None) -> bool | None:
        return _line("flash_bytes_max", 100, Measured(None, "no toolchain", at_least), smaller=True).passed

    assert verdict(101) is False
    assert verdict(100) is None
    assert verdict(None) is None


def line(name: str, passed: bool | None) -> Line:
    measured = None if passed is None else 7.0
    return Line(name=name, limit=5.0, measured=measured, passed=passed, detail="because")


def verdict(*passed: bool | None, strict: bool = False) -> Verdict:
    lines = tuple(line(f"line_{number}", each) for number, each in enumerate(passed))
    return Verdict(source="my.toml", board="A board", lines=lines, strict=strict)


def test_an_unmeasured_line_is_shown_and_fails_only_if_strict() -> None:
    assert verdict(True, True).passed
    assert not verdict(True, False).passed
    assert verdict(True, None).passed
    assert not verdict(True, None, strict=True).passed
    table = verdict_table(verdict(True, False, None))
    assert "1 of 3 lines kept, 1 failed, 1 not measured" in table
    assert len(re.findall("because", table)) == 3
    assert [entry["verdict"] for entry in verdict(True, False, None).to_json()["lines"]] == [
        "pass",
        "fail",
        "not measured",
    ]


@pytest.mark.parametrize("strict", [False, True])
def test_junit_counts_what_failed_and_what_was_not_made(strict: bool) -> None:
    checks = (
        Check("sound", True, 0, 0),
        Check("broken", False, 3, 0, "layer <x> & co"),
        Check("absent", None, None, 0),
    )
    document = ElementTree.fromstring(junit_xml(cases(checks, verdict(True, False, None, strict=strict)), "my bundle"))
    suites = {suite.get("name"): suite for suite in document}
    assert {key: suites["checks"].get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
    }
    assert suites["budget"].get("failures") == ("2" if strict else "1")
    assert suites["budget"].get("skipped") == ("0" if strict else "1")
    failure = suites["checks"].find("testcase[@name='broken']/failure")
    assert failure is not None
    assert "layer <x> & co" in (failure.get("message") or "")


def test_junit_stays_xml_whatever_a_compiler_or_a_path_says() -> None:
    checks = (Check("built", False, 1, 0, "\x1b[31merror:\x1b[0m läuft nicht\0"),)
    document = ElementTree.fromstring(junit_xml(cases(checks, None), "b\udcff"))
    assert "\ufffd[31merror:\ufffd[0m läuft nicht\ufffd" in (document.find(".//failure").get("message") or "")
