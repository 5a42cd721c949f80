"""Section: one clip closely, picked by name: waveform, spectrograms, cepstrum and deltas, floats beside integers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_edge.corpus.voice_activity import voiced_frames, voiced_stretch
from kws_edge.explore.analysis import Analysis
from kws_edge.explore.findings import KINDS
from kws_edge.explore.page.parts import Section, Sounds, array, decibels
from kws_edge.frontend import features
from kws_edge.frontend.mfcc_float import mfcc
from kws_edge.frontend.real_tables import mel_weights
from kws_edge.frontend.spectrogram import power_spectrum
from kws_edge.spec import FeatureSpec

# clips whose features are measured, as `train` does, to normalize what is shown
_MEASURED = 1000
# worst findings of each kind that can be looked at closely
_OF_EACH_KIND = 3


def closeup_section(analysis: Analysis, sounds: Sounds, wanted: Sequence[str], count: int) -> Section:
    """The clips `wanted` by name, some of every finding and some of every word, `count` together, in every form."""
    recordings = analysis.recordings
    spec = normalized_spec(analysis)
    rows = [row for row in chosen_rows(analysis, wanted, count) if sounds.add(*_sound(analysis, row))]
    text = (
        f"{len(rows)} of {len(recordings.files):,} clips are on this page in every form; "
        "<code>--clip NAME</code> brings others. Type a part of a name, or step through them.",
        f"Features are those of the project's front end: {spec.window_ms:g} ms windows every {spec.window_stride_ms:g} "
        f"ms, {spec.mel_bands} mel bands, {spec.coefficients} coefficients; the integers are what the device computes.",
    )
    title = "One clip closely"
    if not rows:
        return Section("closeup", title, ("No clip is on this page: <code>--sounds</code> left no room for any.",))
    details = {recordings.files[row].name: _detail(analysis, row, spec) for row in rows}
    spoiled = {finding.name for finding in analysis.findings}
    data = {
        "clips": details,
        # an ordinary clip to begin with, unless one was asked for
        "first": next((name for name in details if name in wanted or name not in spoiled), next(iter(details))),
        "rate": spec.sample_rate_hz,
        "stride_s": spec.window_stride_ms / 1000,
        "window_s": spec.window_ms / 1000,
        "frames": spec.frames,
        "bins": spec.transform_length // 2 + 1,
        "bands": spec.mel_bands,
        "coefficients": spec.coefficients,
        "mean": list(spec.mean),
        "std": list(spec.std),
        "scale": spec.scale,
    }
    return Section("closeup", title, text, widget="closeup", data=data)


def normalized_spec(analysis: Analysis) -> FeatureSpec:
    """The front end with each column's mean and deviation over clips of this corpus, as `train` measures them."""
    spec = analysis.recordings.spec
    rows = np.unique(np.linspace(0, len(analysis.recordings.files) - 1, _MEASURED).astype(int))
    columns = mfcc(analysis.recordings.clips[rows], spec).reshape(-1, spec.columns)
    deviation = np.maximum(columns.std(axis=0), 1e-3)
    return spec.normalized(tuple(map(float, columns.mean(axis=0))), tuple(map(float, deviation)))


def chosen_rows(analysis: Analysis, wanted: Sequence[str], count: int) -> list[int]:
    """`count` rows: the `wanted` names, all of them, the worst of every kind of finding, then words in turn."""
    recordings = analysis.recordings
    place = {name: row for row, name in enumerate(recordings.names)}
    rows = dict.fromkeys(recordings.row(name) for name in wanted)
    for kind in KINDS:
        for finding in analysis.of_kind(kind)[:_OF_EACH_KIND]:
            if finding.name in place and len(rows) < count:
                rows.setdefault(place[finding.name])
    rng = np.random.default_rng(0)
    index = recordings.word_index
    queues = [list(rng.permutation(np.flatnonzero(index == word))) for word in range(len(recordings.words))]
    queues.sort(key=len, reverse=True)
    while len(rows) < min(count, len(recordings.files)) and any(queues):
        for queue in queues:
            if queue and len(rows) < count:
                rows.setdefault(int(queue.pop()))
    return list(rows)


def _sound(analysis: Analysis, row: int) -> tuple[str, npt.NDArray[np.int16], int]:
    recordings = analysis.recordings
    return recordings.files[row].name, recordings.clips[row], recordings.spec.sample_rate_hz


def _detail(analysis: Analysis, row: int, spec: FeatureSpec) -> dict[str, Any]:
    recordings = analysis.recordings
    clip = np.asarray(recordings.clips[row : row + 1])
    power = power_spectrum(clip, spec)[0]
    mel = power @ mel_weights(spec)
    # one decibel is finer than a colour scale shows; powers below one step of int16 are rounding
    spectrogram, mel_db = (np.clip(np.rint(decibels(part, 1.0)), 0, 127) for part in (power, mel))
    cepstrum = mfcc(clip, dataclasses.replace(spec, deltas=2, mean=(), std=()))[0]
    stretch = voiced_stretch(clip[0], spec.sample_rate_hz)
    findings = [f.kind.title + ": " + f.detail for f in analysis.findings if f.name == recordings.files[row].name]
    return {
        "word": recordings.files[row].word,
        "speaker": recordings.files[row].speaker,
        "split": recordings.splits[row],
        "seconds": round(float(recordings.measured.duration_s[row]), 3),
        "voice": list(stretch) if stretch else None,
        "voiced": array(voiced_frames(clip[0], spec.sample_rate_hz), "u1"),
        "spectrogram": array(spectrogram, "i1"),
        "mel": array(mel_db, "i1"),
        # sixty-fourths: liftered cepstra stay within +-400
        "cepstrum": array(np.clip(np.rint(64 * cepstrum), -32768, 32767), "i2"),
        "int8": array(features(clip, spec)[0], "i1"),
        "findings": findings,
    }
