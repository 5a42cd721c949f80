"""Pages that need nothing else: one HTML file with its style and its plots inside, for phones and desktops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal, TypeAlias

from kws_edge import __version__

# cells of a table that are good or bad news, whatever the table
_VERDICTS = {"pass": "good", "passed": "good", "equal": "good", "FAIL": "bad", "FAILED": "bad", "DIFFERENT": "bad"}


@dataclass(frozen=True)
class Tile:
    """One figure at the top of a page."""

    name: str
    value: str
    # a few words below it
    note: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Lines:
    """A list of sentences."""

    lines: tuple[str, ...]
    kind: Literal["list"] = "list"


@dataclass(frozen=True)
class Plot:
    """A plot that `kws_edge.reports.svg` drew, and what stands above it."""

    caption: str
    svg: str


@dataclass(frozen=True)
class Plots:
    """Plots side by side where there is room."""

    plots: tuple[Plot, ...]
    kind: Literal["plots"] = "plots"


@dataclass(frozen=True)
class Table:
    """A table; on a narrow page it scrolls by itself."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    # numbers of the columns that hold words, which stand to the left; the others hold numbers
    words: tuple[int, ...] = (0,)
    kind: Literal["table"] = "table"


Part: TypeAlias = Text | Lines | Plots | Table


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading of its own."""

    # for links: letters and dashes
    name: str
    title: str
    parts: tuple[Part, ...]


def render_page(title: str, lead: str, *, tiles: Sequence[Tile], sections: Sequence[Section], time: str) -> str:
    """The page as HTML text; `time` says when it was measured. Sections without parts are left out."""
    import jinja2

    templates = resources.files("kws_edge.reports") / "templates"
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((templates / "page.html.jinja").read_text(encoding="utf-8"))
    page: str = template.render(
        title=title,
        lead=lead,
        tiles=tiles,
        sections=[section for section in sections if section.parts],
        style=(templates / "page.css").read_text(encoding="utf-8"),
        verdicts=_VERDICTS,
        version=__version__,
        time=time,
    )
    return page
