"""The front end's figures: equality and closeness on real speech, cost on the host and on emulated Cortex-M cores.

    python benchmarks/frontend.py [equality] [closeness] [host] [cortex-m] [--data DIR] [--json FILE]

Without names all four are measured, in about five minutes. `equality` counts differences between the compiled C and the
specification over every recording. `closeness` compares the integer features with the float reference, quantized the
same way by a spec whose statistics come from the recordings outside the testing list. `host` times whole clips on one
core, in turns so that a busy machine slows all alike; CPU time, best of the turns. `cortex-m` boots the firmware in
QEMU and counts instructions for a frame, beside CMSIS-DSP's and TFLM's front ends (frontend_peers.py).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from frontend_peers import as_json, cost_table, error_table, peer_rows
from peers.row import PeerRow
from peers.sounds import SHARED, Sounds, errors_of, sounds
from tabulate import tabulate

from firmware_export.codegen.frontend import CORE, FRONTEND_CORE_FILES, frontend_files
from firmware_export.targets.qemu import build, run, size
from kws_edge.errors import KwsEdgeError
from kws_edge.frontend import features, float_features, mfcc_fixed, native, quantize, reference_features
from kws_edge.frontend.mfcc_float import mfcc
from kws_edge.frontend.tables import frontend_tables
from kws_edge.frontend.transform_fixed import real_transform
from kws_edge.spec import FeatureSpec

HERE = Path(__file__).parent
SPEC = FeatureSpec()
SPECTROGRAM = FeatureSpec(kind="log_spectrogram", window_ms=20, window_stride_ms=10, preemphasis=0)
CORES = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55")
HOST_TURNS = 40
HOST_CLIPS = 60

Audio = npt.NDArray[np.int16]


def decode(path: Path, sample_rate_hz: int) -> Audio:
    """The first second of a recording, int16[sample_rate_hz], padded with zeros."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    resampled = np.asarray(soxr.resample(samples.mean(axis=1), rate, sample_rate_hz), np.float64)
    clip = np.clip(np.floor(resampled * 32768 + 0.5), -32768, 32767).astype(np.int16)[:sample_rate_hz]
    return np.pad(clip, (0, sample_rate_hz - len(clip)))


def recordings(folder: Path) -> tuple[Audio, npt.NDArray[np.bool_]]:
    """All word recordings, int16[n, 8000], and whether each is in the testing list."""
    paths = sorted(path for path in folder.glob("*/*.*") if not path.parent.name.startswith("_"))
    if not paths:
        raise KwsEdgeError(f"{folder} holds no recordings; name a Speech Commands folder with --data")
    listed = set((folder / "testing_list.txt").read_text().split())
    with ProcessPoolExecutor(2) as pool:
        clips = list(pool.map(partial(decode, sample_rate_hz=SPEC.sample_rate_hz), paths, chunksize=64))
    return np.stack(clips), np.array([path.relative_to(folder).as_posix() in listed for path in paths])


def calibrated(spec: FeatureSpec, clips: Audio) -> FeatureSpec:
    """`spec` with the column statistics of `clips`; a step of int8 is 1/32 of a standard deviation."""
    values = float_features(clips, spec)
    mean, std = values.mean((0, 1), dtype=np.float64), values.std((0, 1), dtype=np.float64)
    return spec.normalized(tuple(mean.tolist()), tuple(std.tolist()))


def equality(clips: Audio) -> dict[str, dict[str, int]]:
    """Values that differ between the compiled C, in both its orders of work, and the specification."""
    result = {}
    specs = {"mfcc": SPEC, "mfcc, energy, 2 deltas": FeatureSpec(append_energy=True, deltas=2)}
    specs |= {"log spectrogram 99x81": SPECTROGRAM, "waveform": FeatureSpec(kind="waveform")}
    for name, spec in specs.items():
        spec = calibrated(spec, clips[::50])
        expected = reference_features(clips, spec)
        result[name] = {
            "clips": len(clips),
            "values": expected.size,
            "different": int((features(clips, spec) != expected).sum()),
            "different, one frame at a time": int((features(clips, spec, lanes=False) != expected).sum()),
        }
    return result


def closeness(clips: Audio, tested: npt.NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """Shares of the testing list's values that equal the quantized float reference, or are within one step of it."""
    result = {}
    specs = {"mfcc": SPEC, "mfcc, energy, 2 deltas": FeatureSpec(append_energy=True, deltas=2)}
    specs |= {"mfcc 40 bands, 20 coefficients": FeatureSpec(mel_bands=40, coefficients=20)}
    specs |= {"log spectrogram 99x81": SPECTROGRAM, "waveform": FeatureSpec(kind="waveform")}
    for name, spec in specs.items():
        spec = calibrated(spec, clips[~tested][::5])
        exact = quantize(float_features(clips[tested], spec), spec).astype(np.int16)
        difference = np.abs(exact - features(clips[tested], spec))
        result[name] = {
            "identical %": 100 * float(np.mean(difference == 0)),
            "within 1 %": 100 * float(np.mean(difference <= 1)),
            "beyond 3": int(np.sum(difference > 3)),
            "largest": int(difference.max()),
            "values": difference.size,
        }
    return result


def host_contenders() -> dict[str, Callable[[Audio], object]]:
    """Name to a function that makes the features of all clips on one core."""
    contenders: dict[str, Callable[[Audio], object]] = {
        "kws-edge, compiled C": lambda clips: features(clips, SPEC, threads=1),
        "kws-edge, one frame at a time": lambda clips: features(clips, SPEC, threads=1, lanes=False),
        "kws-edge, specification (NumPy integers)": lambda clips: reference_features(clips, SPEC),
        "kws-edge, float reference (NumPy vectorised)": lambda clips: float_features(clips, SPEC),
    }
    try:
        import python_speech_features

        contenders["python_speech_features"] = lambda clips: [
            python_speech_features.mfcc(
                *(clip, 8000, 0.032, 0.02, 10, 26, 256, 20), winfunc=np.hanning, appendEnergy=False
            )
            for clip in clips
        ]
    except ImportError:
        print("python_speech_features is not installed; left out", file=sys.stderr)
    try:
        import librosa

        contenders["librosa"] = lambda clips: librosa.feature.mfcc(
            y=clips / np.float32(32768), sr=8000, n_mfcc=10, n_fft=256, hop_length=160, n_mels=26, fmin=20, center=False
        )
    except ImportError:
        print("librosa is not installed; left out", file=sys.stderr)
    return contenders


def host(clips: Audio) -> dict[str, float]:
    """Microseconds of CPU for one clip on one core, the best of paired turns."""
    contenders = host_contenders()
    best = dict.fromkeys(contenders, float("inf"))
    for turn in range(HOST_TURNS):
        for name, compute in contenders.items():
            start = time.process_time()
            compute(clips)
            elapsed = 1e6 * (time.process_time() - start) / len(clips)
            # the first turn warms caches and tables
            best[name] = min(best[name], elapsed) if turn else float("inf")
    return best


def firmware_row(given: Sounds, cpu: str, folder: Path, defines: tuple[str, ...] = ()) -> PeerRow:
    """Our own front end over the sounds on one core, checked against the specification on the way."""
    generated = folder / "generated"
    generated.mkdir(parents=True)
    for name, text in frontend_files(SPEC).items():
        (generated / name).write_text(text)
    for name in FRONTEND_CORE_FILES:
        (generated / name).write_bytes((CORE / name).read_bytes())
    audio = folder / "audio"
    audio.write_bytes(given.clips.tobytes())
    sources = [HERE / "frontend_program.c", *sorted(generated.glob("*.c"))]
    elf = build(sources, cpu, folder / "frontend.elf", include=(generated,), defines=defines)
    function = "kws_frontend_push"
    result = run(elf, inputs=(audio,), count=(function,), timeout_s=300)
    rows = np.frombuffer(result.output, np.int8).reshape(-1, *SPEC.shape)
    if not np.array_equal(rows, reference_features(given.clips, SPEC)):
        raise KwsEdgeError(f"the firmware's features differ from the specification on {cpu}")
    parts = size(elf).sources
    own = [path.name for path in sources[1:]]
    return PeerRow(
        name="kws-edge" + (" without DSP instructions" if defines else ""),
        cpu=cpu,
        output=f"{SPEC.coefficients} int8 coefficients",
        # a call brings one stride of samples; those before the first window make no row
        counts=tuple(count for count in result.instructions[function] if count > 2000),
        errors=cepstral_errors(given),
        flash_bytes=sum(parts[name].flash_bytes for name in own),
        ram_bytes=next(symbol.bytes for symbol in elf.symbols if symbol.name == "frontend"),
    )


def cepstral_errors(given: Sounds) -> dict[str, object]:
    """Error of our cepstra before they become int8, without lifter, in the unit of the peers' errors."""
    spec = FeatureSpec(cepstral_lifter=0, scale=1 / 16)
    tables = frontend_tables(spec)
    assert tables.spectrum is not None and tables.logarithm is not None
    frames = mfcc_fixed.windowed(given.clips, tables).reshape(-1, spec.transform_length)
    energies = mfcc_fixed.mel_energies(*real_transform(frames, tables.spectrum.plan), tables)
    logs = mfcc_fixed.log16(mfcc_fixed.floored_log2(energies, tables.spectrum, tables.logarithm), tables.logarithm)
    columns = tables.columns
    sums = logs @ columns.matrix[:, : spec.mel_bands].T.astype(np.int64) + columns.bias
    reached = (sums / 2.0**columns.shift - 0.5 - spec.zero_point) * spec.scale
    return dict(errors_of(given, reached, mfcc(given.clips, spec).reshape(-1, spec.columns)))


def cortex_m(progress: Callable[[str], None]) -> list[PeerRow]:
    """Our front end on every core and its peers on the Cortex-M4."""
    given = sounds()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for cpu in CORES:
            progress(f"kws-edge on {cpu}")
            rows.append(firmware_row(given, cpu, Path(name) / cpu))
        progress("kws-edge on cortex-m4 without DSP instructions")
        rows.append(firmware_row(given, "cortex-m4", Path(name) / "no-dsp", ("KWS_FRONTEND_NO_DSP",)))
    progress("peers on cortex-m4")
    return [*rows, *peer_rows(given)]


def table(rows: dict[str, dict[str, float]]) -> str:
    """One line for each name, one column for each figure."""
    figures = next(iter(rows.values()))
    return tabulate(
        [(name, *row.values()) for name, row in rows.items()], headers=("", *figures), floatfmt=".4f", intfmt=","
    )


def main() -> None:
    """Print the tables asked for; with --json write their figures too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="equality, closeness, host, cortex-m; all by default")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("KWS_EDGE_DATA", SHARED)))
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    names = ("equality", "closeness", "host", "cortex-m")
    unknown = set(arguments.parts) - set(names)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; choose of {', '.join(names)}")
    try:
        figures = measure(arguments.parts or names, arguments.data)
    except KwsEdgeError as error:
        sys.exit(f"error: {error}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(parts: tuple[str, ...] | list[str], data: Path) -> dict[str, object]:
    """The figures of each part by its name, printed as they come."""

    def tell(what: str) -> None:
        print(f"… {what}", file=sys.stderr)

    if not native.is_compiled():
        raise KwsEdgeError(f"the compiled front end is absent; {native.INSTALL}")
    figures: dict[str, object] = {}
    if {"equality", "closeness", "host"} & set(parts):
        tell(f"decoding {data}")
        clips, tested = recordings(data)
    if "equality" in parts:
        tell("comparing the compiled C with the specification")
        figures["equality"] = differences = equality(clips)
        print(f"\nCompiled C against the specification\n{table(differences)}")
    if "closeness" in parts:
        tell("comparing integers with floats")
        figures["closeness"] = shares = closeness(clips, tested)
        print(f"\nInteger features against quantized float features, testing list\n{table(shares)}")
    if "host" in parts:
        tell("timing the host")
        figures["host"] = microseconds = host(clips[:: max(1, len(clips) // HOST_CLIPS)][:HOST_CLIPS])
        baseline = microseconds.get("python_speech_features", float("nan"))
        lines = [(name, us, baseline / us) for name, us in microseconds.items()]
        headers = ("one core", "µs of CPU a clip", "times python_speech_features")
        print(f"\n{tabulate(lines, headers=headers, floatfmt=('', '.1f', '.2f'))}")
    if "cortex-m" in parts:
        rows = cortex_m(tell)
        figures["cortex-m"] = [as_json(row) for row in rows]
        print(f"\n{cost_table(rows)}\n\n{error_table([row for row in rows if row.cpu == 'cortex-m4'])}")
    return figures


if __name__ == "__main__":
    main()
