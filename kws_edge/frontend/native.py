"""The firmware's own C, compiled into the package: features of whole batches, and of streams as they arrive."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws_edge.cores import usable_cores
from kws_edge.errors import DependencyError, SettingsError
from kws_edge.frontend import mfcc_fixed
from kws_edge.frontend.framing import Clips, Progress, checked_clips, frame_count
from kws_edge.frontend.tables import FrontendTables, SpectrumTables, frontend_tables
from kws_edge.spec import FeatureSpec

try:
    from kws_edge.frontend import _native
except ImportError:
    _native = None  # type: ignore[assignment]  # there was no compiler

KINDS = ("mfcc", "log_spectrogram", "waveform")
INSTALL = "install a C compiler and reinstall kws-edge (`pip install --no-deps --force-reinstall kws-edge`)"

# a thread is worth its start when it has this many clips to do
CLIPS_PER_THREAD = 16


def is_compiled() -> bool:
    """Whether the C front end was compiled when the package was installed."""
    return _native is not None


def has_lanes() -> bool:
    """Whether batches are transformed eight frames at a time here: on x86-64 with AVX2."""
    return _native is not None and bool(_native.lib.kws_batch_has_lanes())


def features(
    clips: Clips,
    spec: FeatureSpec,
    *,
    threads: int | None = None,
    lanes: bool = True,
    progress: Progress | None = None,
) -> NDArray[np.int8]:
    """int8[n, frames, columns] of int16[n, samples] at the model's input scale and zero point, by the compiled C.

    `threads` defaults to the cores that this process may use; the GIL is free meanwhile. `lanes` = False keeps to the
    firmware's own order of work, one frame at a time, where `has_lanes`; the numbers are the same. Where the package
    was installed without a compiler, the specification gives the same numbers more slowly, with one warning.
    `progress(done, total)` counts clips.
    Raises SettingsError for clips of another type or shape, or shorter than a window, and for a spec that integers
    cannot represent.
    """
    if _native is None:
        _warn_once()
        return mfcc_fixed.reference_features(clips, spec, progress=progress)
    clips = checked_clips(clips, spec)
    tables = native_tables(spec)
    result = np.empty((len(clips), frame_count(clips.shape[1], spec), spec.columns), np.int8)
    lanes = lanes and has_lanes() and spec.kind != "waveform"

    def compute(place: slice) -> None:
        part, rows = clips[place], result[place]
        ffi, lib = _native.ffi, _native.lib
        padded = np.zeros(part.shape[1] + lib.kws_batch_padding(tables.pointer), np.int16)
        lib.kws_batch_features(
            tables.pointer,
            ffi.from_buffer("int16_t[]", part),
            len(part),
            part.shape[1],
            ffi.from_buffer("int8_t[]", rows, require_writable=True),
            rows[0].size,
            lanes,
            ffi.from_buffer("int16_t[]", padded, require_writable=True),
        )

    _in_threads(compute, len(clips), threads or usable_cores())
    if progress is not None:
        progress(len(clips), len(clips))
    return result


class Stream:
    """The front end on samples as they arrive: rows of features whenever they are due.

    Equal to `features` of the whole recording, however it is cut. Needs the compiled C; raises DependencyError without.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        if _native is None:
            raise DependencyError(f"streaming needs the compiled front end; {INSTALL}")
        self._tables = native_tables(spec)
        self._columns = spec.columns
        self._frontend = _native.ffi.new("kws_frontend *")
        _native.lib.kws_frontend_start(self._frontend, self._tables.pointer)

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.int8]:
        """The rows, int8[rows, columns], that int16[count] further samples complete; often none.

        Raises SettingsError for samples of another type or shape.
        """
        ffi, lib = _native.ffi, _native.lib
        data = np.ascontiguousarray(samples)
        if data.dtype != np.int16 or data.ndim != 1:
            raise SettingsError(f"samples is {data.dtype}{list(data.shape)}; give int16[count]")
        position, rows = 0, []
        row, due = np.empty(self._columns, np.int8), ffi.new("bool *")
        source, target = ffi.from_buffer("int16_t[]", data), ffi.from_buffer("int8_t[]", row, require_writable=True)
        while position < len(data):
            position += lib.kws_frontend_push(self._frontend, source + position, len(data) - position, target, due)
            if due[0]:
                rows.append(row.copy())
        return np.stack(rows) if rows else np.empty((0, self._columns), np.int8)


class NativeTables:
    """`FrontendTables` as the C struct; keeps the arrays alive that the struct points into."""

    def __init__(self, tables: FrontendTables) -> None:
        self._kept: list[Any] = []
        self.pointer = _native.ffi.new("kws_frontend_tables *")
        fill_columns(self.pointer, tables, self._array)
        if tables.spectrum is not None:
            fill_spectrum(self.pointer, tables, self._array)
            fill_transform(self.pointer.transform, tables.spectrum, self._array)

    def _array(self, values: NDArray[Any], type_name: str) -> Any:
        array = np.ascontiguousarray(values)
        buffer = _native.ffi.from_buffer(array)
        self._kept.append((array, buffer))
        return _native.ffi.cast(f"const {type_name} *", buffer)


@lru_cache(maxsize=32)
def native_tables(spec: FeatureSpec) -> NativeTables:
    """The C struct of a spec's tables."""
    return NativeTables(frontend_tables(spec))


def fill_columns(target: Any, tables: FrontendTables, array: Callable[[NDArray[Any], str], Any]) -> None:
    """Write what every kind of features needs into a kws_frontend_tables."""
    spec, columns = tables.spec, tables.columns
    target.kind = KINDS.index(spec.kind)
    target.statics = len(columns.bias)
    target.deltas = spec.deltas if spec.kind == "mfcc" else 0
    target.inputs = columns.matrix.shape[1]
    target.shift, target.history_shift, target.delta_shift = columns.shift, columns.history_shift, columns.delta_shift
    target.matrix = array(columns.matrix, "int16_t")
    target.gains = array(columns.gains, "int32_t")
    target.bias = array(columns.bias, "int64_t")
    target.delta_gains = array(columns.delta_gains, "int32_t")
    target.delta_bias = array(columns.delta_bias, "int64_t")


def fill_spectrum(target: Any, tables: FrontendTables, array: Callable[[NDArray[Any], str], Any]) -> None:
    """Write what lies between the transform and the columns into a kws_frontend_tables."""
    spec, spectrum, logarithm = tables.spec, tables.spectrum, tables.logarithm
    assert spectrum is not None and logarithm is not None
    target.window_samples, target.stride_samples = spec.window_samples, spec.stride_samples
    target.mel_bands = spec.mel_bands if spec.kind == "mfcc" else 0
    target.append_energy = spec.append_energy
    target.log_gain, target.log_centre = logarithm.gain, logarithm.centre
    target.energy_floor, target.floor_log2 = spectrum.energy_floor, spectrum.floor_log2
    target.log2_chords = array(logarithm.chords, "uint16_t")
    target.mel_edges = array(spectrum.mel_edges, "uint16_t")
    target.mel_rising = array(spectrum.mel_rising, "int16_t")


def fill_transform(target: Any, spectrum: SpectrumTables, array: Callable[[NDArray[Any], str], Any]) -> None:
    """Write a kws_transform_tables."""
    plan = spectrum.plan
    target.sample_gain, target.previous_gain = spectrum.sample_gain, spectrum.previous_gain
    target.points, target.first_radix = plan.points, plan.radices[0]
    target.radix4_passes, target.radix2_passes = plan.radices[1:].count(4), plan.radices.count(2)
    target.window = array(spectrum.window, "int16_t")
    target.order = array(plan.order, "uint16_t")
    target.radix4_twiddles = array(plan.radix4_twiddles, "kws_rotation")
    target.split_twiddles = array(plan.split_twiddles, "kws_rotation")


def _in_threads(compute: Callable[[slice], None], count: int, threads: int) -> None:
    parts = max(1, min(threads, count // CLIPS_PER_THREAD))
    bounds = [count * part // parts for part in range(parts + 1)]
    places = [slice(start, stop) for start, stop in pairwise(bounds) if stop > start]
    if len(places) == 1:
        compute(places[0])
    elif places:
        with ThreadPoolExecutor(len(places)) as pool:
            list(pool.map(compute, places))


@lru_cache(maxsize=1)
def _warn_once() -> None:
    warnings.warn(
        f"kws_edge: the C front end was not compiled; NumPy computes the same features more slowly; {INSTALL}",
        RuntimeWarning,
        stacklevel=3,
    )
