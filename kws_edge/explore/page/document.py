"""The page whole: every section, script, style, plotly and the sounds, in one file that asks for nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from kws_edge import __version__
from kws_edge.errors import DependencyError
from kws_edge.explore.analysis import Analysis
from kws_edge.explore.page.anomalies import anomalies_section
from kws_edge.explore.page.band import band_section
from kws_edge.explore.page.closeup import closeup_section
from kws_edge.explore.page.counts import counts_section
from kws_edge.explore.page.noise import noise_section
from kws_edge.explore.page.parts import Section, Sounds, plain
from kws_edge.explore.page.speech import find_stretches, speech_section
from kws_edge.explore.page.words import words_section
from kws_edge.explore.recordings import Stage


@dataclass(frozen=True, kw_only=True)
class PageSettings:
    """How much of a corpus goes into its page."""

    # clips to look at closely, 28 KB each
    closeups: int = 120
    # of 16-bit sound, before base64 adds a third; 8 MB are 500 clips at 8 kHz
    sound_bytes: int = 8_000_000
    # clips to look at closely whatever else is chosen, as paths below the corpus folder
    clips: tuple[str, ...] = ()


def write_page(analysis: Analysis, settings: PageSettings, *, stage: Stage) -> str:
    """The page as HTML text.

    Raises DependencyError without plotly, scikit-learn or webrtcvad, CorpusError when a clip that was asked for is not
    there.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise DependencyError("explore needs plotly: pip install 'kws-edge[explore]'") from error
    sounds = Sounds(settings.sound_bytes)
    stretches = find_stretches(analysis, stage)
    with stage("drawing") as progress:
        sections = []
        # the sounds of the first ones are the surest to be on the page
        makers: tuple[Callable[[], Section], ...] = (
            lambda: closeup_section(analysis, sounds, settings.clips, settings.closeups),
            lambda: noise_section(analysis, sounds),
            lambda: anomalies_section(analysis, sounds),
            lambda: band_section(analysis, sounds),
            lambda: speech_section(analysis, stretches, sounds),
            lambda: words_section(analysis),
            lambda: counts_section(analysis),
        )
        for done, make in enumerate(makers, 1):
            sections.append(make())
            progress(done, len(makers))
    order = ("counts", "closeup", "speech", "band", "words", "anomalies", "noise")
    sections.sort(key=lambda section: order.index(section.name))
    return _render(analysis, sections, sounds, get_plotlyjs())


def _render(analysis: Analysis, sections: Sequence[Section], sounds: Sounds, plotly: str) -> str:
    import jinja2

    templates = resources.files("kws_edge.explore.page")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((templates / "page.html").read_text(encoding="utf-8"))
    plots = {
        plot.name: {"traces": plot.traces, "layout": plot.layout, "height": plot.height}
        for section in sections
        for plot in section.plots
    }
    recordings = analysis.recordings
    return template.render(
        title=recordings.folder.resolve().name,
        version=__version__,
        date=time.strftime("%Y-%m-%d"),
        clips=f"{len(recordings.files):,}",
        faults=len({finding.name for finding in analysis.faults()}),
        excluded=len(analysis.exclusions()),
        sections=sections,
        sounds=sounds,
        heard=sum(name in sounds for name in recordings.names),
        style=(templates / "page.css").read_text(encoding="utf-8"),
        script=(templates / "page.js").read_text(encoding="utf-8"),
        plotly=plotly,
        plots=_json(plots),
        data={section.widget: _json(section.data) for section in sections if section.widget},
        sound_data=_json(sounds.to_json()),
    )


def _json(value: Any) -> str:
    """JSON that may stand inside a script element: no `</script>` can be in it, and no `<!--<script>` to hide that."""
    return json.dumps(plain(value), separators=(",", ":")).replace("<", "\\u003c")
