"""Section: what bringing the recordings to the model's rate takes away."""

from __future__ import annotations

import numpy as np

from kws_edge.corpus.audio import decode
from kws_edge.explore.analysis import Analysis
from kws_edge.explore.measurements import BANDS, band_powers
from kws_edge.explore.page.parts import COLOURS, Plot, Section, Sound, Sounds, Table, decibels

# clips whose spectra after resampling are averaged, and clips to listen to
_AVERAGED = 1000
_EXAMPLES = 6


def band_section(analysis: Analysis, sounds: Sounds) -> Section:
    """Mean spectrum before and after, the energy that each word loses, and clips that lose most, to be heard."""
    recordings, measured = analysis.recordings, analysis.recordings.measured
    rate = recordings.spec.sample_rate_hz
    rows = np.unique(np.linspace(0, len(recordings.files) - 1, _AVERAGED).astype(int))
    frequency_hz = (np.arange(BANDS) + 0.5) * measured.spectrum_hz / BANDS
    after = np.zeros(BANDS)
    for row in rows:
        signal = recordings.clips[row].astype(np.float32)
        after += band_powers(signal - signal.mean(), rate, measured.band_hz, measured.spectrum_hz)[0]
    before = measured.spectra[rows].mean(axis=0)
    # a spectrum after resampling is nothing above the new band, not a floor
    shown = frequency_hz < measured.band_hz
    lines = [
        {"x": frequency_hz, "y": decibels(before), "name": "as recorded", "line": {"color": COLOURS[1]}},
        {
            "x": frequency_hz[shown],
            "y": decibels(after / len(rows))[shown],
            "name": f"at {rate:,} Hz",
            "line": {"color": COLOURS[0]},
        },
    ]
    index, words = recordings.word_index, recordings.words
    lost = [100 * float(measured.lost_share[index == place].mean()) for place in range(len(words))]
    order = np.argsort(lost)[::-1]
    bars = {
        "type": "bar",
        "x": [words[place] for place in order],
        "y": [lost[place] for place in order],
        "marker": {"color": COLOURS[1]},
    }
    plots = (
        Plot(
            "spectrum_before_after",
            "Mean spectrum before and after",
            [{"mode": "lines", **line} for line in lines],
            {"xaxis": {"title": "Hz"}, "yaxis": {"title": "dB of full scale"}},
            320,
            wide=True,
        ),
        Plot(
            "lost_per_word",
            "Energy lost per word",
            [bars],
            {"yaxis": {"title": "% of the energy"}},
            300,
            wide=True,
            long=True,
        ),
    )
    text = (
        f"The model hears {rate:,} samples a second, so nothing above {measured.band_hz:,.0f} Hz. On "
        f"average {100 * float(measured.lost_share.mean()):.1f} % of a clip's energy lies above, mostly in s, t and f.",
    )
    return Section("band", "Resampling", text, plots, (_examples(analysis, sounds),))


def _examples(analysis: Analysis, sounds: Sounds) -> Table:
    recordings, measured = analysis.recordings, analysis.recordings.measured
    # clips that lose much and can be heard: the ranking is by the energy itself
    lost = measured.lost_share * 10 ** (measured.rms_dbfs / 10)
    listed: list[list[str | Sound]] = []
    for row in np.argsort(-lost)[:_EXAMPLES]:
        file = recordings.files[row]
        path = recordings.folder / file.name
        original = int(measured.sample_rate_hz[row])
        if sounds.add(f"original/{file.name}", decode(path, original, longest_s=2), original):
            sounds.add(file.name, recordings.clips[row], recordings.spec.sample_rate_hz)
        share = f"{100 * float(measured.lost_share[row]):.0f} %"
        before = Sound(f"original/{file.name}", f"{original:,} Hz")
        listed.append([file.name, share, before, Sound(file.name, f"{recordings.spec.sample_rate_hz:,} Hz")])
    return Table("Hear what goes", ("clip", "energy lost", "before", "after"), listed)
