"""What a page is made of: sections of text, plots and tables, and the sounds that they play."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.audio import Samples

# Colours that differ in lightness too, readable on white and on near-black (after Okabe and Ito's palette).
COLOURS = ("#0b84c6", "#e08a00", "#13a37b", "#cc5fa0", "#7a6ff0", "#d9534f", "#7f8c8d", "#b8a200")
SPLIT_COLOURS = {"train": COLOURS[0], "validation": COLOURS[1], "test": COLOURS[2]}


@dataclass(frozen=True)
class Plot:
    """A plotly figure."""

    # letters, digits and _; unique on the page
    name: str
    title: str
    # plotly traces and layout; arrays may be NumPy's
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)
    # CSS pixels
    height: int = 280
    # what to see in it
    note: str = ""
    # over the whole width of the page
    wide: bool = False
    # with a column for each word: a narrow screen scrolls it rather than squeeze it
    long: bool = False


@dataclass(frozen=True)
class Sound:
    """A table cell or a button that plays a sound of the page."""

    # key in `Sounds`, which may lack it: then the text stands alone
    key: str
    text: str


@dataclass(frozen=True)
class Table:
    """Rows under a heading."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Sound]]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own."""

    name: str
    title: str
    # paragraphs
    text: Sequence[str]
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    # a piece of the template with controls of its own, and the data that its script reads
    widget: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class Sounds:
    """Sounds embedded in the page as 16-bit PCM, up to a number of bytes; the first ones to come are kept."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._kept: dict[str, tuple[Samples, int]] = {}

    def add(self, key: str, samples: Samples, sample_rate_hz: int) -> bool:
        """Keep int16[samples] as `key`; whether it is on the page now."""
        if key in self._kept:
            return True
        if samples.nbytes > self._left:
            return False
        self._left -= samples.nbytes
        self._kept[key] = (np.array(samples, "<i2"), sample_rate_hz)
        return True

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def to_json(self) -> dict[str, Any]:
        """Key to rate in Hz and base64 of the little-endian samples."""
        return {
            key: [rate, base64.b64encode(samples.tobytes()).decode("ascii")]
            for key, (samples, rate) in self._kept.items()
        }


def array(values: npt.ArrayLike, dtype: str = "f4") -> dict[str, Any]:
    """An array as plotly.js and the page's script read it: base64 of little-endian numbers, with type and shape."""
    data = np.ascontiguousarray(np.asarray(values), np.dtype(dtype).newbyteorder("<"))
    result: dict[str, Any] = {"dtype": dtype, "bdata": base64.b64encode(data.tobytes()).decode("ascii")}
    if data.ndim > 1:
        result["shape"] = ", ".join(map(str, data.shape))
    return result


def plain(value: Any) -> Any:
    """`value` with every NumPy array as `array` encodes it, every NumPy number as Python's, and null for no number."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fiu":
            return array(
                value, "f4" if value.dtype.kind == "f" else f"{value.dtype.kind}{min(value.dtype.itemsize, 4)}"
            )
        return value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def histogram(
    values: npt.ArrayLike, bins: int = 50, *, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    """A bar trace of how often values fall into `bins` equal intervals; outer values count to the outermost.

    `low` and `high` default to the ends of the values; without values every bar is empty.
    """
    numbers = np.asarray(values, np.float64)
    smallest, largest = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 0.0)
    low = smallest if low is None else low
    high = largest if high is None else high
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    counts, _ = np.histogram(np.clip(numbers, edges[0], edges[-1]), edges)
    return {"type": "bar", "x": (edges[:-1] + edges[1:]) / 2, "y": counts, "width": float(edges[1] - edges[0])}


def decibels(power: npt.ArrayLike, floor: float = 1e-12) -> npt.NDArray[np.float64]:
    """10 log10 of `power`, raised to `floor` first."""
    return np.asarray(10 * np.log10(np.maximum(np.asarray(power, np.float64), floor)))


Progress = Callable[[int, int], None]
