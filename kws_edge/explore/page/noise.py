"""Section: the background recordings and the five synthetic colours, their spectra and slopes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.noise import COLOURS as NOISE_COLOURS
from kws_edge.corpus.noise import POWER_EXPONENTS, SYNTHETIC_RMS, coloured_noise
from kws_edge.explore.analysis import Analysis
from kws_edge.explore.measurements import BANDS, band_powers
from kws_edge.explore.page.parts import COLOURS, Plot, Section, Sound, Sounds, Table, decibels

_SYNTHETIC_S = 20
_PLAYED_S = 2
# a slope is fitted between these, clear of the flat bottom of synthetic noise and of a resampler's edge
_FIT_HZ = (100.0, 0.85)


def noise_section(analysis: Analysis, sounds: Sounds) -> Section:
    """Spectra, slopes and sounds of everything that training mixes into clips."""
    recordings = analysis.recordings
    rate = recordings.spec.sample_rate_hz
    rng = np.random.default_rng(0)
    sources = [(name, samples, None) for name, samples in recordings.background]
    recorded = len(sources)
    for colour in NOISE_COLOURS:
        noise = coloured_noise(colour, _SYNTHETIC_S * rate, rate, rng) * SYNTHETIC_RMS
        samples = np.clip(np.rint(noise), -32768, 32767).astype(np.int16)
        sources.append((f"{colour} (synthetic)", samples, 10 * np.log10(2.0) * POWER_EXPONENTS[colour]))
    frequency_hz = (np.arange(BANDS) + 0.5) * (rate / 2) / BANDS
    lines: tuple[list[dict[str, object]], list[dict[str, object]]] = ([], [])
    rows: list[list[str | Sound]] = []
    for place, (name, samples, nominal) in enumerate(sources):
        # a recording of ten minutes is no clearer than its first one
        signal = samples[: 60 * rate].astype(np.float32)
        spectrum = band_powers(signal - signal.mean(), rate, rate / 2, rate / 2)[0].astype(np.float64)
        synthetic = place >= recorded
        number = place - recorded if synthetic else place
        lines[synthetic].append(
            {
                "x": frequency_hz,
                "y": decibels(spectrum),
                "mode": "lines",
                "name": name.rpartition("/")[2],
                "line": {
                    "color": COLOURS[number % len(COLOURS)],
                    "width": 2,
                    "dash": "dash" if number > 7 else "solid",
                },
            }
        )
        slope = _slope_db_per_octave(frequency_hz, spectrum, rate / 2)
        loudness = float(decibels(np.mean((signal / 32768) ** 2)))
        sounds.add(f"noise/{name}", samples[: _PLAYED_S * rate], rate)
        wanted = "" if nominal is None else f"{nominal:+.1f}"
        rows.append(
            [
                Sound(f"noise/{name}", name.rpartition("/")[2]),
                f"{len(samples) / rate:.0f} s",
                f"{loudness:.1f}",
                f"{slope:+.1f}",
                wanted,
            ]
        )
    layout = {"xaxis": {"title": "Hz", "type": "log"}, "yaxis": {"title": "dB of full scale"}}
    plots = [Plot("noise_colours", "The five synthetic colours", lines[1], layout, 340)]
    if recorded:
        plots.insert(0, Plot("noise_recorded", "Background recordings", lines[0], layout, 340))
    text = (
        f"{recorded} background recordings"
        + ("." if recorded else ": silence and background are synthetic noise only."),
        "A colour is the slope of its power: white 0, pink -3, blue +3, brown -6, violet +6 dB per octave.",
    )
    columns = ("noise", "length", "dB of full scale", "slope, dB per octave", "nominal")
    return Section("noise", "Noise", text, plots, (Table("Levels and slopes", columns, rows),))


def _slope_db_per_octave(
    frequency_hz: npt.NDArray[np.float64], spectrum: npt.NDArray[np.float64], nyquist_hz: float
) -> float:
    """Slope of the line through level over octaves; every octave counts alike, however many bands it holds."""
    low, high = _FIT_HZ[0], _FIT_HZ[1] * nyquist_hz
    used = (frequency_hz >= low) & (frequency_hz <= high)
    # a line of bands equally wide in Hz crowds the upper octaves: 1 / f evens that out (weights of polyfit are roots)
    weights = 1 / np.sqrt(frequency_hz[used])
    slope, _ = np.polyfit(np.log2(frequency_hz[used]), decibels(spectrum[used]), 1, w=weights)
    return float(slope)
