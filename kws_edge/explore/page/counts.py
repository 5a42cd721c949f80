"""Section: how many clips of whom, and how they were recorded."""

from __future__ import annotations

from collections import Counter

import numpy as np

from kws_edge.explore.analysis import Analysis
from kws_edge.explore.page.parts import COLOURS, SPLIT_COLOURS, Plot, Section, Table, histogram


def counts_section(analysis: Analysis) -> Section:
    """Clips per word, split and speaker; durations, formats, levels, noise, clipping, offset."""
    recordings, measured = analysis.recordings, analysis.recordings.measured
    per_speaker = Counter(file.speaker for file in recordings.files)
    clip_s = recordings.spec.clip_ms / 1000
    short = int((measured.duration_s < clip_s - 1e-6).sum())
    long = int((measured.duration_s > clip_s + 1e-6).sum())
    total_h = float(measured.duration_s.sum()) / 3600
    text = (
        f"{len(recordings.files):,} clips of {len(recordings.words)} words by {len(per_speaker):,} speakers, "
        f"{total_h:.1f} hours.",
        f"{short:,} clips ({100 * short / len(recordings.files):.1f} %) are shorter than a clip of {clip_s:g} s and "
        "are padded with zeros at their end; "
        + (f"of {long:,} longer ones the stretch with the most energy is kept." if long else "none is longer."),
    )
    return Section(
        "counts", "Counts", text, (*_count_plots(analysis, per_speaker), *_level_plots(analysis)), _tables(analysis)
    )


def _count_plots(analysis: Analysis, per_speaker: Counter[str]) -> tuple[Plot, ...]:
    recordings = analysis.recordings
    counts: Counter[tuple[str, str]] = Counter(
        (file.word, split) for file, split in zip(recordings.files, recordings.splits, strict=True)
    )
    words = sorted(recordings.words, key=lambda word: -sum(counts[word, split] for split in SPLIT_COLOURS))
    bars = [
        {
            "type": "bar",
            "name": split,
            "x": words,
            "y": [counts[word, split] for word in words],
            "marker": {"color": colour},
        }
        for split, colour in SPLIT_COLOURS.items()
    ]
    spoken = np.array(list(per_speaker.values()))
    most = max(1, int(np.quantile(spoken, 0.99)))
    speakers = {**histogram(spoken, most, low=0.5, high=most + 0.5), "marker": {"color": COLOURS[3]}}
    return (
        Plot(
            "clips_per_word",
            "Clips per word and split",
            bars,
            {"barmode": "stack", "yaxis": {"title": "clips"}},
            320,
            wide=True,
            long=True,
        ),
        Plot(
            "clips_per_speaker",
            "Clips per speaker",
            [speakers],
            {"xaxis": {"title": "clips of one speaker"}, "yaxis": {"title": "speakers"}},
            note=f"The busiest speaker has {spoken.max():,}; the last bar holds the top hundredth.",
        ),
        Plot(
            "durations",
            "Durations",
            [{**histogram(recordings.measured.duration_s, 60, low=0), "marker": {"color": COLOURS[4]}}],
            {"xaxis": {"title": "seconds"}, "yaxis": {"title": "clips", "type": "log"}},
            note="The vertical axis is logarithmic.",
        ),
    )


def _level_plots(analysis: Analysis) -> tuple[Plot, ...]:
    measured, limits = analysis.recordings.measured, analysis.limits

    def limit(at: float) -> dict[str, object]:
        line = {"color": COLOURS[5], "width": 2, "dash": "dot"}
        return {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "line": line}

    def plot(
        name: str, title: str, values: np.ndarray, unit: str, at: float | None = None, *, log: bool = False
    ) -> Plot:
        layout = {"xaxis": {"title": unit}, "yaxis": {"title": "clips", "type": "log" if log else "linear"}}
        note = "" if at is None else "The dotted line is the limit of the check."
        if at is not None:
            layout["shapes"] = [limit(at)]  # type: ignore[assignment]  # a layout holds more than axes
        return Plot(name, title, [{**histogram(values), "marker": {"color": COLOURS[0]}}], layout, 240, note)

    return (
        plot("loudness", "Loudness (root mean square)", measured.rms_dbfs, "dB of full scale"),
        plot("loudest", "Loudest 20 ms", measured.loudest_dbfs, "dB of full scale", limits.silent_dbfs),
        plot(
            "snr",
            "Signal-to-noise estimate",
            measured.snr_db,
            "dB, loudest 20 ms over the quietest tenth",
            limits.least_snr_db,
        ),
        plot("peak", "Peak", measured.peak_dbfs, "dB of full scale"),
        plot(
            "clipping",
            "Clipping",
            100 * measured.clipped_share,
            "% of samples in flat tops",
            100 * limits.clipped_share,
            log=True,
        ),
        plot(
            "offset", "DC offset", 100 * np.abs(measured.dc_offset), "% of full scale", 100 * limits.dc_offset, log=True
        ),
    )


def _tables(analysis: Analysis) -> tuple[Table, ...]:
    recordings, measured = analysis.recordings, analysis.recordings.measured
    splits = []
    for split in SPLIT_COLOURS:
        rows = [row for row, home in enumerate(recordings.splits) if home == split]
        speakers = {recordings.files[row].speaker for row in rows}
        splits.append([split, f"{len(rows):,}", f"{len(speakers):,}"])
    formats = Counter(
        zip(measured.sample_rate_hz.tolist(), measured.channels.tolist(), measured.bits.tolist(), strict=True)
    )
    shown = [
        [f"{rate:,}", str(channels), str(bits or "-"), f"{count:,}"]
        for (rate, channels, bits), count in formats.most_common(8)
    ]
    return (
        Table("Splits", ("split", "clips", "speakers"), splits, "No speaker ought to be in two of them."),
        Table("Formats", ("Hz", "channels", "bits", "clips"), shown),
    )
