"""Section: where the speech is, how much of the corpus is silence, and what trimming would do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.voice_activity import voiced_stretch
from kws_edge.explore.analysis import Analysis
from kws_edge.explore.page.parts import COLOURS, Plot, Section, Sound, Sounds, Table, histogram
from kws_edge.explore.recordings import Stage
from kws_edge.explore.stored import read_arrays, stored_path, write_arrays

# part of the cache's key: raise it when the cut changes
_VERSION = 1
_EXAMPLES = 6


@dataclass(frozen=True)
class Stretches:
    """Where the voice is in every clip."""

    # samples; both 0 where no voice was found
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]

    @property
    def found(self) -> npt.NDArray[np.bool_]:
        """Clips in which there is voice."""
        return self.end > self.start


def find_stretches(analysis: Analysis, stage: Stage) -> Stretches:
    """Look for the voice in every clip; cached. Raises DependencyError without webrtcvad."""
    recordings = analysis.recordings
    rate = recordings.spec.sample_rate_hz
    clip_samples = recordings.spec.clip_samples
    path = stored_path("stretches", recordings.content_key, recordings.names, rate, clip_samples, _VERSION)
    known = read_arrays(path)
    if known is None:
        found = []
        with stage("finding speech") as progress:
            for done, clip in enumerate(recordings.clips, 1):
                found.append(voiced_stretch(clip, rate) or (0, 0))
                if done % 256 == 0:
                    progress(done, len(recordings.clips))
        known = {"bounds": np.array(found, np.int64).reshape(-1, 2)}
        write_arrays(path, known)
    return Stretches(known["bounds"][:, 0], known["bounds"][:, 1])


def speech_section(analysis: Analysis, stretches: Stretches, sounds: Sounds) -> Section:
    """How long the words are, how much silence surrounds them, and some cuts to look at and to hear."""
    recordings = analysis.recordings
    rate = recordings.spec.sample_rate_hz
    found = stretches.found
    length_s = (stretches.end - stretches.start)[found] / rate
    recorded = np.minimum(recordings.measured.duration_s, recordings.spec.clip_ms / 1000)
    silence = 1 - float(length_s.sum()) / float(recorded.sum())
    text = (
        f"WebRTC's voice activity detector finds voice in {found.sum():,} of {len(found):,} clips. Around it, "
        f"{100 * silence:.0f} % of the recorded time is silence or noise"
        + (
            f"; the usual word takes {np.median(length_s):.2f} s of a clip, margins of 60 ms included."
            if len(length_s)
            else "."
        ),
        f"<code>kws-edge train --trim</code> cuts that away from training clips, puts the speech into their middle and "
        f"zeros around it. It leaves the {(~found).sum():,} clips without voice as they are, and never touches "
        "validation and test: a device gets no trimmed audio.",
    )
    index = recordings.word_index
    order = np.argsort([-np.median(length) if len(length) else 0 for length in _per_word(analysis, stretches)])
    boxes = [
        {
            "type": "box",
            "name": recordings.words[place],
            "y": (stretches.end - stretches.start)[found & (index == place)] / rate,
            "marker": {"color": COLOURS[2]},
            "line": {"width": 1},
            "boxpoints": False,
            "showlegend": False,
        }
        for place in order
    ]
    plots = (
        Plot(
            "speech_length",
            "How long the speech is",
            [{**histogram(length_s, 50, low=0), "marker": {"color": COLOURS[2]}}],
            {"xaxis": {"title": "seconds from first to last voice"}, "yaxis": {"title": "clips"}},
        ),
        Plot(
            "speech_start",
            "Where it begins",
            [{**histogram(stretches.start[found] / rate, 50, low=0), "marker": {"color": COLOURS[4]}}],
            {"xaxis": {"title": "seconds into the clip"}, "yaxis": {"title": "clips"}},
        ),
        Plot("speech_per_word", "Length per word", boxes, {"yaxis": {"title": "seconds"}}, 320, wide=True, long=True),
        *_cuts(analysis, stretches),
    )
    return Section("speech", "Silence removal", text, plots, (_listen(analysis, stretches, sounds),))


def _per_word(analysis: Analysis, stretches: Stretches) -> list[npt.NDArray[np.int64]]:
    index = analysis.recordings.word_index
    length = stretches.end - stretches.start
    return [length[stretches.found & (index == place)] for place in range(len(analysis.recordings.words))]


def _examples(analysis: Analysis, stretches: Stretches) -> list[int]:
    """Clips in which much is cut, little is cut, and between, none of them nearly silent."""
    usable = np.flatnonzero(stretches.found & (analysis.recordings.measured.loudest_dbfs > -30))
    if len(usable) == 0:
        return []
    length = (stretches.end - stretches.start)[usable]
    places = np.linspace(0.02, 0.98, _EXAMPLES) * (len(usable) - 1)
    return [int(row) for row in usable[np.argsort(length, kind="stable")][places.astype(int)]]


def _cuts(analysis: Analysis, stretches: Stretches) -> tuple[Plot, ...]:
    recordings = analysis.recordings
    rate = recordings.spec.sample_rate_hz
    plots = []
    for number, row in enumerate(_examples(analysis, stretches)):
        clip = recordings.clips[row]
        # extremes of each 4 ms keep the outline at a fraction of the points
        step = 4 * rate // 1000
        outline = np.asarray(clip[: len(clip) // step * step]).reshape(-1, step)
        time = np.repeat((np.arange(len(outline)) + 0.5) * step / rate, 2)
        line = {"x": time, "y": np.stack([outline.min(1), outline.max(1)], 1).ravel() / 32768, "mode": "lines"}
        start, end = int(stretches.start[row]) / rate, int(stretches.end[row]) / rate
        box = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}, "fillcolor": "#88888855"}
        marks = [
            {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": at, "x1": at, "line": {"color": COLOURS[5]}}
            for at in (start, end)
        ]
        layout = {
            "xaxis": {"title": "seconds", "range": [0, len(clip) / rate]},
            "shapes": [{**box, "x0": 0, "x1": start}, {**box, "x0": end, "x1": len(clip) / rate}, *marks],
        }
        trace = {**line, "line": {"color": COLOURS[0], "width": 1}}
        title = f"{recordings.files[row].name}: {start:.2f} to {end:.2f} s"
        plots.append(Plot(f"cut_{number}", title, [trace], layout, 190))
    return tuple(plots)


def _listen(analysis: Analysis, stretches: Stretches, sounds: Sounds) -> Table:
    recordings = analysis.recordings
    rate = recordings.spec.sample_rate_hz
    rows: list[list[str | Sound]] = []
    for row in _examples(analysis, stretches):
        name = recordings.files[row].name
        start, end = int(stretches.start[row]), int(stretches.end[row])
        sounds.add(name, recordings.clips[row], rate)
        sounds.add(f"trimmed/{name}", recordings.clips[row][start:end], rate)
        cut = f"{1000 * start / rate:.0f} ms and {1000 * (len(recordings.clips[row]) - end) / rate:.0f} ms"
        rows.append([name, cut, Sound(name, "before"), Sound(f"trimmed/{name}", "after")])
    return Table("Hear the cut", ("clip", "cut before and after", "", ""), rows)
