"""The report and the bench as a reader's browser shows them: on a desktop and on a phone, light and dark."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from chromium import Page, open_chromium

from kws_edge.bundle import Bundle
from kws_edge.corpus import Corpus
from kws_edge.corpus.streams import StreamSettings, make_stream
from kws_edge.reports.bench import bench_html
from kws_edge.reports.report import report_html
from kws_edge.verification.bench import run_bench
from kws_edge.verification.budget import parse_budget
from kws_edge.verification.bundle_report import BundleReport, measure_report
from kws_edge.verification.labelled_clips import chosen_clips
from kws_edge.verification.stream_verification import StreamVerification, run_stream, verify_stream
from kws_edge.verification.verify import verify

pytestmark = pytest.mark.slow

# of every mark: whether it has a size, and whether text leaves the window
DRAWN = "[...document.querySelectorAll('svg.plot')].map(svg => svg.getBoundingClientRect().width)"
MARKS = "[...document.querySelectorAll('svg.plot')].map(svg => svg.querySelectorAll('rect, path, circle').length)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALLEST_TEXT = """
Math.min(...[...document.querySelectorAll('svg.plot text')].map(text => {
  const svg = text.ownerSVGElement;
  return parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
}))"""
CONTRAST = """
(() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number)
      .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = light(getComputedStyle(document.body).backgroundColor);
  const ratio = value => (Math.max(value, back) + 0.05) / (Math.min(value, back) + 0.05);
  const inks = [...document.querySelectorAll('p, td, th, a, dt, li, caption, figcaption')]
    .map(element => getComputedStyle(element).color);
  const fills = [...document.querySelectorAll('svg.plot text:not(.inside)')].map(text => getComputedStyle(text).fill);
  return Math.min(...[...inks, ...fills].map(light).map(ratio));
})()"""
FAILED_TILES = "[...document.querySelectorAll('.tiles dd.bad')].map(tile => tile.innerText)"
BUDGET = b"""
[budget]
accuracy_min = 0.1
flash_bytes_max = 10
"""


@pytest.fixture(scope="module")
def heard(trained_bundle: Bundle, tones: Corpus) -> StreamVerification:
    """A minute of stream, of which the compiled spotter is said to have heard something else than Python."""
    stream = make_stream(tones, "test", StreamSettings(hours=0.02, speech_share=0, noise_share=0))
    found = verify_stream(trained_bundle, stream, run_stream(trained_bundle, stream))
    return dataclasses.replace(found, differences=("the spotter's outputs are not Python's",))


@pytest.fixture(scope="module")
def report(trained_bundle: Bundle, tones: Corpus, heard: StreamVerification) -> BundleReport:
    return measure_report(
        verify(trained_bundle, tones),
        budget=parse_budget(BUDGET, "budget.toml"),
        strict=False,
        heard=heard,
        core="cortex-m4",
        clips=8,
        stage=lambda _: nullcontext(lambda done, total: None),
    )


@pytest.fixture(scope="module")
def pages(
    report: BundleReport, trained_bundle: Bundle, tones: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    bench = run_bench(
        trained_bundle, chosen_clips(tones, "test", 8), threads=1, seconds=0.2, only=["litert_xnnpack", "litert_float"]
    )
    (folder / "report.html").write_text(report_html(report), encoding="utf-8")
    (folder / "bench.html").write_text(bench_html(bench), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in ("report", "bench")}


@pytest.fixture(scope="module")
def browser(tool: Callable[[str, str], str]) -> Iterator[Page]:
    with open_chromium(tool("chromium", "apt-get install chromium")) as page:
        yield page


@pytest.mark.parametrize("name", ["report", "bench"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360], ids=["desktop", "phone"])
def test_a_page_is_whole_and_readable(pages: dict[str, Path], browser: Page, name: str, width: int, dark: bool) -> None:
    browser.open(pages[name], width=width, dark=dark)
    assert browser.errors == []
    assert [address for address in browser.requests if not address.startswith(("file:", "data:"))] == []
    widths, marks = browser.evaluate(DRAWN), browser.evaluate(MARKS)
    assert len(widths) >= 4
    assert all(each > 250 for each in widths)
    assert all(count >= 2 for count in marks)
    assert browser.evaluate(OVERFLOW) == 0
    assert browser.evaluate(SMALLEST_TEXT) >= 7
    assert browser.evaluate(CONTRAST) >= 4.5


def test_every_link_of_the_contents_leads_somewhere(pages: dict[str, Path], browser: Page) -> None:
    browser.open(pages["report"])
    links = browser.evaluate("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    assert {"#accuracy", "#parity", "#layers", "#stream", "#budget", "#provenance"} <= set(links)
    assert all(browser.evaluate(f"document.querySelector('{link}') !== null") for link in links)


def test_the_page_says_what_the_json_says(report: BundleReport, pages: dict[str, Path], browser: Page) -> None:
    browser.open(pages["report"])
    said = browser.evaluate("document.body.innerText")
    found = report.to_json()
    device = found["verification"]["interpreters"][report.verification.device]
    assert f"{100 * device['accuracy']:.2f} %" in said
    assert found["verification"]["model_sha256"] in said
    for layer in found["costs"]["layers"]:
        assert layer["name"] in said
    for check in found["verification"]["checks"]:
        assert check["name"] in said


def test_a_budget_that_is_exceeded_shows_at_the_top(
    report: BundleReport, pages: dict[str, Path], browser: Page
) -> None:
    assert not report.passed
    browser.open(pages["report"])
    tiles = browser.evaluate(FAILED_TILES)
    assert any(tile.startswith("FAILED") and "flash_bytes_max" in tile for tile in tiles)


def test_a_spotter_that_differs_fails_the_report(report: BundleReport, pages: dict[str, Path], browser: Page) -> None:
    assert not dataclasses.replace(report, verdict=None).passed
    (check,) = [check for check in report.verification.checks if check.name == "spotter_differs_from_python"]
    assert check.passed is False
    browser.open(pages["report"])
    tiles = browser.evaluate(FAILED_TILES)
    assert any(tile.startswith("FAILED") and "spotter_differs_from_python" in tile for tile in tiles)
