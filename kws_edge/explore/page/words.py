"""Section: how the words look: mean spectra and spectrograms, energy at a frequency, two speakers side by side."""

from __future__ import annotations

import numpy as np

from kws_edge.explore.analysis import Analysis
from kws_edge.explore.embedding import log_mel
from kws_edge.explore.measurements import BANDS
from kws_edge.explore.page.parts import COLOURS, Plot, Section, array, decibels

# clips of each word behind the violins and the mean spectrograms, and words whose spectra are drawn at first
_CLIPS_PER_WORD = 80
_DRAWN = 6
# bands of the violins: pairs of those that were measured
_VIOLIN_BANDS = BANDS // 2
# above the plot, and never more than a quarter of it: a phone scrolls the rest
_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "maxheight": 0.25}


def words_section(analysis: Analysis) -> Section:
    """Mean spectrum and mean spectrogram of every word, and the spread of its energy at any frequency."""
    recordings, measured = analysis.recordings, analysis.recordings.measured
    index, words = recordings.word_index, recordings.words
    rng = np.random.default_rng(0)
    order = np.argsort(-np.bincount(index, minlength=len(words)), kind="stable")
    frequency_hz = (np.arange(BANDS) + 0.5) * measured.spectrum_hz / BANDS
    # every clip at one level, so that a loud speaker counts like a soft one
    share = measured.spectra / np.maximum(measured.spectra.sum(axis=1, keepdims=True), 1e-12)
    lines, spectrograms, violins = [], {}, {}
    for rank, place in enumerate(order):
        rows = np.flatnonzero(index == place)
        drawn = rows if len(rows) <= _CLIPS_PER_WORD else np.sort(rng.choice(rows, _CLIPS_PER_WORD, replace=False))
        lines.append(
            {
                "x": frequency_hz,
                "y": decibels(share[rows], 1e-9).mean(axis=0),
                "mode": "lines",
                "name": words[place],
                "line": {"color": COLOURS[rank % len(COLOURS)], "width": 2},
                "visible": True if rank < _DRAWN else "legendonly",
            }
        )
        energies = log_mel(recordings.clips[drawn], recordings.spec)
        spectrograms[words[place]] = array(energies.mean(axis=0) * (10 / np.log(10)), "f4")
        pairs = share[drawn].reshape(len(drawn), _VIOLIN_BANDS, 2).sum(axis=2)
        violins[words[place]] = array(np.clip(np.rint(decibels(pairs, 1e-9)), -90, 0), "i1")
    plots = (
        Plot(
            "mean_spectra",
            "Mean spectrum of each word",
            lines,
            {"xaxis": {"title": "Hz"}, "yaxis": {"title": "dB of the clip's energy"}, "legend": _LEGEND},
            400,
            "Every clip at one level. Touch a word in the legend to show or hide it.",
            wide=True,
        ),
    )
    text = (
        f"Means and violins are over {_CLIPS_PER_WORD} clips of each word, drawn at random, or all where it has fewer.",
    )
    data = {
        "words": [words[place] for place in order],
        "spectrograms": spectrograms,
        "violins": violins,
        "band_hz": measured.spectrum_hz / _VIOLIN_BANDS,
        "bands": _VIOLIN_BANDS,
        "frames": recordings.spec.frames,
        "mel_bands": recordings.spec.mel_bands,
        "stride_s": recordings.spec.window_stride_ms / 1000,
    }
    return Section("words", "Per word", text, plots, widget="words", data=data)
