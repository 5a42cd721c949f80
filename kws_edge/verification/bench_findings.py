"""What a bench means, in sentences: what is worth its cost here, and what speaks against trusting the figures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from kws_edge.bundle import FLOAT_MODEL, INT8_MODEL
from kws_edge.verification.bench import Bench, EngineResult
from kws_edge.verification.interpreters import AOT

# closer together than this, two latencies are the same: repeated benches differ by that much
_SAME = 0.05
# of one core, above which the machine was busy with something else
_BUSY_SHARE = 0.25
# below this, a governor or the heat has slowed the clock between the beginning and the end
_SLOWER_CLOCK = 0.9


def findings(bench: Bench) -> tuple[str, ...]:
    """All of them, the most important first; nothing on speed where an emulator makes it."""
    if bench.machine.emulator:
        return (*_doubts(bench), *_parity(bench))
    return (*_doubts(bench), *_float_against_int8(bench), *_threads(bench), *_parity(bench), *_fastest(bench))


def _doubts(bench: Bench) -> Iterator[str]:
    machine, before, after = bench.machine, bench.before, bench.after
    if machine.emulator:
        yield (
            f"{machine.emulator} emulates this {machine.architecture}: what is computed counts, times and memory do "
            "not tell how the real machine does"
        )
    if before.load > _BUSY_SHARE * machine.cores:
        yield (
            f"the machine was busy before the bench began (load {before.load:.1f} on {machine.cores} cores): "
            "latencies, p95 and p99 above all, are too high"
        )
    if after.throttled:
        yield f"the board reports {', '.join(after.throttled)}: use a better supply or more cooling, and measure again"
    if before.governor and before.governor != "performance":
        yield (
            f"the governor is {before.governor!r}, which slows the clock between inferences: "
            "`echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor` for steady figures"
        )
    first, last = before.frequency_mhz, after.frequency_mhz
    if first and last and last < _SLOWER_CLOCK * first:
        yield f"the clock fell from {first:.0f} to {last:.0f} MHz meanwhile: the machine is too hot, or saves power"
    if not bench.compiled:
        yield "the front end was not compiled: it is slow, and nothing can listen; install a C compiler and reinstall"


def _float_against_int8(bench: Bench) -> Iterator[str]:
    for package, fast in (("litert", "litert_xnnpack"), ("tflite_runtime", "tflite_runtime")):
        real, whole = _p50(bench, f"{package}_float", 1), _p50(bench, fast, 1)
        if real is None or whole is None:
            continue
        times = f"{whole:.3f} ms against {real:.3f} ms for float, {package}, one thread"
        if whole < real * (1 - _SAME):
            yield f"int8 is {real / whole:.1f} times as fast as float here: {times}"
        else:
            sizes = " against ".join(f"{len(bench.bundle.files[name]):,} bytes" for name in (INT8_MODEL, FLOAT_MODEL))
            slower = f"takes {whole / real:.1f} times as long as" if whole > real * (1 + _SAME) else "is no faster than"
            yield f"int8 {slower} float here: {times}. Its gain on this machine is its size ({sizes})"


def _threads(bench: Bench) -> Iterator[str]:
    for name in ("litert_xnnpack", "tflite_runtime"):
        counts = [r.engine.threads for r in bench.results if r.engine.name == name and r.engine.threads > 1]
        for count in counts:
            one, many = _p50(bench, name, 1), _p50(bench, name, count)
            if one is not None and many is not None and many > one * (1 - _SAME):
                yield f"{count} threads are no faster than one ({name}: {many:.3f} ms against {one:.3f} ms); use one"


def _parity(bench: Bench) -> Iterator[str]:
    judged = [(r, r.clips) for r in bench.results if r.clips is not None and r.engine.title != bench.reference]
    if not judged or bench.recordings is None or bench.reference is None:
        return
    count = len(bench.recordings.labels)
    equal = [r.engine.name for r, clips in judged if clips.outputs_sha256 and clips.different_outputs == 0]
    if equal:
        yield f"on {count:,} clips {', '.join(dict.fromkeys(equal))} gave the integers of {_name(bench)}, every one"
    other = [(r, clips) for r, clips in judged if clips.outputs_sha256 and clips.different_outputs]
    for name, group in groupby(other, key=lambda pair: pair[0].engine.name):
        outcome = next(group)[1]
        yield (
            f"{name} differs from {_name(bench)} in {outcome.different_outputs:,} outputs, by {outcome.largest_lsb} "
            f"steps at most, and labels {100 * (outcome.label_agreement or 0):.2f} % of the clips alike"
            + ("; an ahead-of-time engine that differs is a fault, please report it" if name == AOT else "")
        )


def _name(bench: Bench) -> str:
    return next(r.engine.name for r in bench.results if r.engine.title == bench.reference)


def _fastest(bench: Bench) -> Iterator[str]:
    listening = [
        (result.figures.stream.cpu_share, result.engine.title)
        for result in bench.results
        if result.figures is not None and result.figures.stream is not None and result.figures.stream.cpu_share
    ]
    if listening:
        share, title = min(listening)
        yield (
            f"{title} listens with the least work: {100 * share:.1f} % of one core at an inference every "
            f"{bench.stride_ms:g} ms, front end and detector included"
        )


def _p50(bench: Bench, name: str, threads: int) -> float | None:
    found = (r.figures for r in bench.results if (r.engine.name, r.engine.threads) == (name, threads))
    figures = next(found, None)
    return None if figures is None else figures.inference.p50_ms


def failures(bench: Bench) -> tuple[EngineResult, ...]:
    """Engines without figures."""
    return tuple(result for result in bench.results if result.failure is not None)
