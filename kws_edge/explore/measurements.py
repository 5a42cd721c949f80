"""What one pass over the recordings, at the rates that they were made at, tells of each: length, level, noise, band."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from kws_edge.cores import usable_cores
from kws_edge.corpus.audio import Samples, decode
from kws_edge.errors import CorpusError
from kws_edge.explore.stored import Arrays, read_arrays, stored_path, write_arrays

Progress = Callable[[int, int], None]
FloatArray = npt.NDArray[np.float32]

# bands of the stored spectra, from 0 to half of the usual rate
BANDS = 128
# levels are taken over this much sound
_FRAME_MS = 20
# flat tops: this many samples in a row within a thousandth of the extreme, in a recording that is not a whisper
_FLAT_RUN = 3
_FLAT_TOLERANCE = 0.001
_LOUD_PEAK = 1000
# what rounding to 16 bits adds: power of a uniform error of one step
_ROUNDING_POWER = 1 / 12
_FULL_SCALE = 32768.0
# part of the cache's key: raise it when a measurement changes
_VERSION = 1


@dataclass(frozen=True)
class Measurements:
    """One value per recording, in the order of the names that `measure` was given."""

    # seconds, before anything is cut or padded
    duration_s: FloatArray
    # Hz and count, as the file has them
    sample_rate_hz: npt.NDArray[np.int32]
    channels: npt.NDArray[np.int32]
    # bits per sample as the file stores them, 0 where the format has no such number
    bits: npt.NDArray[np.int32]
    # dB of full scale: highest sample, root mean square without the mean, loudest and quietest-tenth 20 ms
    peak_dbfs: FloatArray
    rms_dbfs: FloatArray
    loudest_dbfs: FloatArray
    floor_dbfs: FloatArray
    # mean of the samples as a part of full scale, -1 to 1
    dc_offset: FloatArray
    # part of the samples that lie in flat tops, 0 to 1
    clipped_share: FloatArray
    # part of the energy above `band_hz`, 0 to 1: what resampling to twice that loses
    lost_share: FloatArray
    # Hz: half of the rate that the corpus is brought to
    band_hz: float
    # Hz: half of the usual sample rate, where `spectra` end
    spectrum_hz: float
    # mean power of each of BANDS equal bands from 0 to `spectrum_hz`, in parts of full scale squared, float32[n, BANDS]
    spectra: FloatArray

    @property
    def snr_db(self) -> FloatArray:
        """Loudest 20 ms against the quietest tenth, in dB: an estimate, for one word in a recording."""
        return self.loudest_dbfs - self.floor_dbfs


def measure(
    folder: Path,
    names: Sequence[str],
    *,
    sample_rate_hz: int,
    content_key: str,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Measurements:
    """Measure the recordings `names` below `folder`, which the corpus brings to `sample_rate_hz`.

    `content_key` is `DecodedCorpus.content_key`: the result is cached under it. `progress(done, total)` counts
    recordings. Raises CorpusError when one cannot be read.
    """
    cached = stored_path("measurements", content_key, tuple(names), sample_rate_hz, _VERSION, cache_dir=cache_dir)
    known = _of_arrays(read_arrays(cached), len(names))
    if known is not None:
        return known
    rates = Counter(soundfile.info(folder / name).samplerate for name in names[:: max(1, len(names) // 200)])
    usual_hz = rates.most_common(1)[0][0]
    rows: list[_Row] = []
    with ThreadPoolExecutor(min(8, usable_cores())) as pool:
        for start in range(0, len(names), 256):
            block = [folder / name for name in names[start : start + 256]]
            rows += pool.map(lambda path: _measure_one(path, sample_rate_hz / 2, usual_hz / 2), block)
            if progress is not None:
                progress(len(rows), len(names))
    measured = _gather(rows, sample_rate_hz / 2, usual_hz / 2)
    write_arrays(cached, {field.name: getattr(measured, field.name) for field in dataclasses.fields(measured)})
    return measured


@dataclass(frozen=True)
class _Row:
    scalars: tuple[float, ...]
    spectrum: FloatArray


def _measure_one(path: Path, band_hz: float, spectrum_hz: float) -> _Row:
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise CorpusError(f"{path}: changed while it was being read: {error.error_string}") from error
    samples = decode(path, info.samplerate)
    signal = samples.astype(np.float32)
    mean = float(signal.mean())
    signal -= mean
    levels = _frame_powers(signal, max(1, info.samplerate * _FRAME_MS // 1000))
    spectrum, lost = band_powers(signal, info.samplerate, band_hz, spectrum_hz)
    bits = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
    scalars = (
        info.frames / info.samplerate,
        info.samplerate,
        info.channels,
        bits.get(info.subtype, 0),
        _db((float(np.abs(samples.astype(np.int32)).max()) / _FULL_SCALE) ** 2),
        _db(float(np.mean(signal**2)) / _FULL_SCALE**2),
        _db(float(levels.max()) / _FULL_SCALE**2),
        _db(float(np.quantile(levels, 0.1)) / _FULL_SCALE**2),
        mean / _FULL_SCALE,
        flat_share(samples),
        lost,
    )
    return _Row(scalars, spectrum)


def flat_share(samples: Samples) -> float:
    """Part of int16[samples] in runs of 3 or more at the recording's own extremes: the mark of clipping at any level.

    A recording clipped before it was turned down is found too. 0 where no sample reaches 1000.
    """
    values = samples.astype(np.int32)
    flat = 0
    for side in (values, -values):
        peak = int(side.max())
        if peak < _LOUD_PEAK:
            continue
        at_top = np.concatenate(([0], side >= peak - max(1, round(_FLAT_TOLERANCE * peak)), [0])).astype(np.int8)
        edges = np.flatnonzero(np.diff(at_top))
        runs = edges[1::2] - edges[::2]
        flat += int(runs[runs >= _FLAT_RUN].sum())
    return flat / len(samples)


def _frame_powers(signal: FloatArray, frame: int) -> FloatArray:
    whole = len(signal) // frame
    if whole == 0:
        return np.array([np.mean(signal**2)], np.float32)
    powers: FloatArray = np.mean(signal[: whole * frame].reshape(whole, frame) ** 2, axis=1)
    return powers


def band_powers(
    signal: FloatArray, sample_rate_hz: int, band_hz: float, spectrum_hz: float
) -> tuple[FloatArray, float]:
    """Mean power in BANDS bands up to `spectrum_hz`, and the part of all power above `band_hz` (Welch's method)."""
    length = 512
    padded = np.pad(signal, (0, max(0, length - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: length // 2]
    window = np.hanning(length).astype(np.float32)
    transformed = np.fft.rfft(frames * window)
    # Parseval: with this scale the bins add up to the signal's mean power
    power = (transformed.real**2 + transformed.imag**2).mean(axis=0) * (2 / (length * float((window**2).sum())))
    power[[0, -1]] /= 2
    frequency_hz = np.fft.rfftfreq(length, 1 / sample_rate_hz)
    total = float(power.sum())
    lost = float(power[frequency_hz > band_hz].sum()) / total if total > 0 else 0.0
    place = np.minimum((frequency_hz / spectrum_hz * BANDS).astype(int), BANDS)
    bands = np.bincount(place, power, minlength=BANDS + 1)[:BANDS] / _FULL_SCALE**2
    return bands.astype(np.float32), lost


def _db(power: float) -> float:
    return 10 * float(np.log10(max(power, _ROUNDING_POWER / _FULL_SCALE**2)))


def _gather(rows: Sequence[_Row], band_hz: float, spectrum_hz: float) -> Measurements:
    columns = np.array([row.scalars for row in rows], np.float64).T
    whole = {"sample_rate_hz", "channels", "bits"}
    names = [field.name for field in dataclasses.fields(Measurements)][: len(columns)]
    values = {
        name: column.astype(np.int32 if name in whole else np.float32)
        for name, column in zip(names, columns, strict=True)
    }
    spectra = np.stack([row.spectrum for row in rows])
    return Measurements(**values, band_hz=band_hz, spectrum_hz=spectrum_hz, spectra=spectra)


def _of_arrays(arrays: Arrays | None, count: int) -> Measurements | None:
    """The measurements that were stored; None when there are none or they are of another corpus or version."""
    if arrays is None:
        return None
    values: dict[str, Any] = dict(arrays)
    try:
        for name in ("band_hz", "spectrum_hz"):
            values[name] = float(values[name])
        measured = Measurements(**values)
    except (KeyError, TypeError, ValueError):
        return None
    return measured if len(measured.spectra) == count else None
