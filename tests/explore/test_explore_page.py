"""The page in a real browser: every plot drawn, nothing loaded, no error; sounds, light, dark and a phone's width."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chromium import Page

from kws_edge.cli import main
from kws_edge.explore.page.document import _json
from kws_edge.explore.page.parts import Sounds, array, histogram, plain

# plots of the sections, and those that the page's script draws: nine of a clip, violins, two means, two speakers
SCRIPTED = 9 + 1 + 2 + 2


@pytest.fixture(scope="module", autouse=True)
def packages(package: Callable[[str, str], None]) -> None:
    for module in ("plotly", "sklearn", "webrtcvad"):
        package(module, "pip install 'kws-edge[explore]'")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, speech_commands: Path) -> Path:
    """A page about some hundred real recordings of four words."""
    folder = tmp_path_factory.mktemp("explore")
    for word in ("yes", "no", "stop", "bird"):
        (folder / "data" / word).mkdir(parents=True)
        for path in sorted((speech_commands / word).glob("*.flac"))[:60]:
            (folder / "data" / word / path.name).symlink_to(path.resolve())
    background = folder / "data" / "_background_noise_"
    background.mkdir()
    (background / "tap.flac").symlink_to((speech_commands / "_background_noise_" / "running_tap.flac").resolve())
    # a name that a page must not take for markup
    odd = folder / "data" / "yes" / "<b>'&amp;_1.flac"
    odd.symlink_to(sorted((speech_commands / "yes").glob("*.flac"))[70].resolve())
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        main(
            [
                "explore",
                str(folder / "data"),
                "-o",
                str(folder / "report.html"),
                "--clips",
                "12",
                "--clip",
                f"yes/{odd.name}",
            ]
        )
    assert not ended.value.code
    return folder / "report.html"


@pytest.mark.slow
def test_every_plot_is_drawn_and_nothing_is_loaded_or_complained_of(report: Path, chromium: Page) -> None:
    chromium.open(report)
    plots = chromium.evaluate("document.querySelectorAll('.plot').length")
    figures = chromium.evaluate("JSON.parse(document.getElementById('data-plots').textContent)")
    assert {"clips_per_word", "cut_0", "spectrum_before_after", "mean_spectra", "cloud", "noise_colours"} <= set(
        figures
    )
    assert chromium.evaluate("kwsEdge.drawAll()") == len(figures) + SCRIPTED
    assert plots + 9 == len(figures) + SCRIPTED
    # a drawn plot has marks in it: bars and lines, a heatmap's image or a WebGL canvas
    marks = ".points path, .lines path, .boxlayer path, .violinlayer path, .heatmaplayer image, canvas"
    empty = chromium.evaluate(
        f"[...document.querySelectorAll('.plot')].filter(plot => !plot.querySelector('{marks}')).map(plot => plot.id)"
    )
    assert empty == []
    assert [address for address in chromium.requests if not address.startswith(("data:", "file:"))] == []
    assert len([address for address in chromium.requests if address.startswith("file:")]) == 1
    assert chromium.errors == []


@pytest.mark.slow
def test_the_page_fits_a_phone_and_follows_the_readers_choice_of_light(report: Path, chromium: Page) -> None:
    chromium.open(report, width=390, height=800, dark=True)
    chromium.evaluate("kwsEdge.drawAll()")
    assert chromium.evaluate("document.documentElement.scrollWidth") == 390
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "document.querySelector('#plot-durations .xtick text').style.fill"
    dark = chromium.evaluate(f"[{ground}, {ink}]")
    chromium.look(width=390, height=800, dark=False)
    chromium.wait_for(f"{ink} !== {json.dumps(dark[1])}")
    light = chromium.evaluate(f"[{ground}, {ink}]")
    assert light[0] == "rgb(255, 255, 255)" and dark[0] != light[0]
    assert len(chromium.screenshot()) > 10_000
    assert chromium.errors == []


@pytest.mark.slow
def test_a_clip_can_be_picked_by_name_and_played(report: Path, chromium: Page) -> None:
    chromium.open(report)
    chromium.evaluate("kwsEdge.drawAll()")
    # the clip that was asked for comes first, its name as it is
    assert chromium.evaluate("document.getElementById('clip-name').value") == "yes/<b>'&amp;_1.flac"
    assert "yes, speaker" in chromium.evaluate("document.getElementById('clip-facts').textContent")
    names = chromium.evaluate("[...document.getElementById('clip-names').children].map(option => option.value)")
    other = next(name for name in names if name.startswith("stop/"))
    chromium.evaluate(
        f"(() => {{ const box = document.getElementById('clip-name'); box.value = {json.dumps(other[:11])};"
        " box.dispatchEvent(new Event('change')); })()"
    )
    assert chromium.evaluate("document.getElementById('clip-name').value") == other
    assert chromium.evaluate("document.getElementById('clip-facts').textContent").startswith("stop, speaker")
    # asked in the same breath, because a clip of one second ends by itself
    click = "(() => {{ const b = document.querySelector({!r}); b.click(); return b.classList.contains('playing'); }})()"
    assert chromium.evaluate(click.format("#clip-play"))
    chromium.wait_for("!document.querySelector('.playing')")
    assert chromium.evaluate(click.format("#noise button.play"))
    assert not chromium.evaluate(click.format("#noise button.play"))
    assert chromium.errors == []


@pytest.mark.slow
def test_a_page_needs_neither_speech_nor_sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for name in ("yes/a_1.wav", "yes/b_1.wav", "no/a_1.wav", "no/b_1.wav"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "data" / name, rng.integers(-2, 3, 8000).astype(np.int16), 8000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(SystemExit) as ended:
        main(["explore", str(tmp_path / "data"), "-o", str(tmp_path / "page.html"), "--sounds", "0"])
    assert not ended.value.code
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "finds voice in 0 of 4 clips" in page and "is silence or noise.</p>" in page
    assert "left no room for any" in page and 'id="data-closeup"' not in page


def test_sounds_stop_at_their_budget_and_keep_the_first() -> None:
    sounds = Sounds(4000)
    assert sounds.add("one", np.arange(1000, dtype=np.int16), 8000)
    assert not sounds.add("long", np.zeros(1001, np.int16), 8000)
    assert sounds.add("two", np.zeros(1000, np.int16), 8000) and sounds.add("one", np.zeros(9999, np.int16), 8000)
    assert "long" not in sounds and len(sounds) == 2 and sounds.to_json()["one"][0] == 8000


def test_arrays_become_what_plotly_reads() -> None:
    assert array([[1, 2], [3, -4]], "i1") == {"dtype": "i1", "bdata": "AQID/A==", "shape": "2, 2"}
    assert plain({"x": np.float32(1.5), "y": (np.int64(2), "z")}) == {"x": 1.5, "y": [2, "z"]}
    bars = histogram([0.1, 0.2, 0.9, 5.0], 2, low=0, high=1)
    assert bars["y"].tolist() == [2, 2] and bars["x"].tolist() == [0.25, 0.75]
    assert histogram([], 2)["y"].tolist() == [0, 0]


def test_no_name_of_a_recording_ends_the_data_of_the_page() -> None:
    names = {"</script>": 1.5, "<!--<script>": float("nan"), "yes/ä.wav": [float("inf")]}
    text = _json(names)
    assert "<" not in text
    assert json.loads(text) == {"</script>": 1.5, "<!--<script>": None, "yes/ä.wav": [None]}
