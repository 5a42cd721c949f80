"""A bench for people: Markdown, and a page with plots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tabulate import tabulate

from kws_edge.reports.page import Lines, Plot, Plots, Section, Table, Text, Tile, render_page
from kws_edge.reports.svg import Bar, bar_plot
from kws_edge.verification.bench import Bench, EngineResult
from kws_edge.verification.bench_findings import failures, findings
from kws_edge.verification.machine import Conditions

MEBI = 1 << 20
_HEADS = (
    "engine",
    "inference ms p50",
    "p95",
    "p99",
    "end to end ms p50",
    "p95",
    "p99",
    "real-time factor",
    "CPU %",
    "resident MiB",
)
_CLIP_HEADS = ("engine", "accuracy %", "same label %", "largest LSB", "different outputs")


def bench_markdown(bench: Bench) -> str:
    """The whole bench as Markdown, which is readable as it is."""
    parts = [
        f"# {bench.bundle.name} on {machine_name(bench)}",
        "\n".join(f"- {finding}" for finding in findings(bench)),
        github_table(("machine", ""), machine_rows(bench)),
        github_table(("", "before", "after"), conditions_rows(bench)),
        _front_end(bench),
        github_table(_HEADS, engine_rows(bench)),
        _explanation(bench),
    ]
    if bench.recordings is not None:
        parts += [_recordings(bench), github_table(_CLIP_HEADS, clip_rows(bench))]
    absent = [f"- {result.engine.title}: {result.failure}" for result in failures(bench)]
    if absent:
        parts.append("No figures of:\n\n" + "\n".join(absent))
    return "\n\n".join(part for part in parts if part) + "\n"


def bench_html(bench: Bench) -> str:
    """The same as a page with plots."""
    measured = [(result.engine.title, result.figures) for result in bench.results if result.figures is not None]
    streaming = [(title, figures.stream) for title, figures in measured if figures.stream is not None]
    inference = [
        Bar(
            name=title,
            value=figures.inference.p50_ms,
            text=f"{figures.inference.p50_ms:.3f} ms",
            mark=figures.inference.p95_ms,
            colour=2 if "float" in title else 1,
        )
        for title, figures in measured
    ]
    whole = [
        Bar(
            name=title,
            value=stream.latency.p50_ms,
            text=f"{stream.latency.p50_ms:.3f} ms",
            mark=stream.latency.p95_ms,
            colour=2 if "float" in title else 1,
        )
        for title, stream in streaming
    ]
    busy = [
        Bar(
            name=title,
            value=100 * stream.cpu_share,
            text=f"{100 * stream.cpu_share:.1f} %",
            colour=2 if "float" in title else 1,
        )
        for title, stream in streaming
        if stream.cpu_share is not None
    ]
    memory = [
        Bar(
            name=title,
            value=figures.resident_bytes / MEBI,
            text=f"{figures.resident_bytes / MEBI:.1f} MiB",
            colour=2 if "float" in title else 1,
        )
        for title, figures in measured
        if figures.resident_bytes is not None
    ]
    drawn = (
        (f"One inference: half below the bar, 95 % below the mark; logarithmic{_caveat(bench)}", inference, True),
        (f"From the samples of a stride to the detector's answer, the same way{_caveat(bench)}", whole, True),
        (f"Processor time while listening, an inference every {bench.stride_ms:g} ms, of one core", busy, False),
        ("Most memory of the process, Python included", memory, False),
    )
    plots = tuple(Plot(caption, bar_plot(bars, caption, logarithmic=log)) for caption, bars, log in drawn if bars)
    sections = [
        Section("findings", "Findings", (Lines(findings(bench)),)),
        Section(
            "speed",
            "Speed and memory",
            (
                Text(_front_end(bench)),
                *((Plots(plots),) if plots else ()),
                Table(_HEADS, engine_rows(bench)),
                Text(_explanation(bench)),
            ),
        ),
        Section("recordings", "On recordings", tuple(_clip_parts(bench))),
        Section(
            "machine",
            "Machine",
            (
                Table(("machine", ""), tuple(machine_rows(bench)), words=(0, 1)),
                Table(("", "before", "after"), tuple(conditions_rows(bench)), words=(0, 1, 2)),
            ),
        ),
    ]
    absent = failures(bench)
    if absent:
        rows = tuple((result.engine.title, result.failure or "") for result in absent)
        sections.append(Section("absent", "Without figures", (Table(("engine", "why"), rows, words=(0, 1)),)))
    lead = f"{bench.bundle.name} ({bench.bundle.arch}) on {machine_name(bench)}"
    return render_page("kws-edge bench", lead, tiles=_tiles(bench), sections=sections, time=bench.time)


def machine_name(bench: Bench) -> str:
    """The machine in a few words."""
    machine = bench.machine
    if machine.emulator:
        return f"{machine.architecture}, emulated by {machine.emulator}"
    return machine.board or machine.cpu or machine.architecture


def machine_rows(bench: Bench) -> Iterator[tuple[str, str]]:
    """What the machine is, a row each."""
    machine = bench.machine
    yield "board", machine.board or "unknown"
    yield "processor", f"{machine.cpu or 'unknown'} ({machine.architecture}), {machine.cores} cores"
    if machine.emulator:
        yield "emulated by", f"{machine.emulator}, on the processor above"
    if machine.memory_bytes:
        yield "memory", f"{machine.memory_bytes / 2**30:.1f} GiB"
    yield "system", f"{machine.os}, Linux {machine.kernel}"
    yield "Python", machine.python
    yield from machine.packages.items()
    yield "measured", bench.time


def conditions_rows(bench: Bench) -> Iterator[tuple[str, str, str]]:
    """What the machine was doing, before and after."""

    def told(moment: Conditions) -> dict[str, str]:
        throttled = "unknown" if moment.throttled is None else ", ".join(moment.throttled) or "never"
        return {
            "governor": moment.governor or "none",
            "clock": "unknown" if moment.frequency_mhz is None else f"{moment.frequency_mhz:.0f} MHz",
            "temperature": "unknown" if moment.temperature_c is None else f"{moment.temperature_c:.1f} °C",
            "throttling": throttled,
            "load": f"{moment.load:.2f}",
        }

    before, after = told(bench.before), told(bench.after)
    for name, value in before.items():
        yield name, value, after[name]


def engine_rows(bench: Bench) -> tuple[tuple[str, ...], ...]:
    """One row per engine with figures; `_HEADS` are its columns."""
    return tuple(_engine_row(result) for result in bench.results if result.figures is not None)


def _engine_row(result: EngineResult) -> tuple[str, ...]:
    assert result.figures is not None
    inference, stream = result.figures.inference, result.figures.stream
    resident = result.figures.resident_bytes
    row = [result.engine.title, *(f"{ms:.3f}" for ms in (inference.p50_ms, inference.p95_ms, inference.p99_ms))]
    if stream is None:
        row += [""] * 5
    else:
        latency = stream.latency
        row += [f"{ms:.3f}" for ms in (latency.p50_ms, latency.p95_ms, latency.p99_ms)]
        row += [f"{stream.real_time_factor:.4f}", "" if stream.cpu_share is None else f"{100 * stream.cpu_share:.1f}"]
    return (*row, "" if resident is None else f"{resident / MEBI:.1f}")


def clip_rows(bench: Bench) -> tuple[tuple[str, ...], ...]:
    """One row per engine that ran the recordings; `_CLIP_HEADS` are its columns."""
    return tuple(
        (
            result.engine.title,
            f"{100 * clips.accuracy:.2f}",
            or_empty(clips.label_agreement and 100 * clips.label_agreement, "{:.2f}"),
            or_empty(clips.largest_lsb, "{}"),
            or_empty(clips.different_outputs, "{:,}"),
        )
        for result in bench.results
        if (clips := result.clips) is not None
    )


def or_empty(value: float | None, form: str) -> str:
    """`value` in a format such as "{:.2f}"; nothing for None."""
    return "" if value is None else form.format(value)


def github_table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown, its cells as they are given."""
    return tabulate(rows, headers=list(heads), tablefmt="github", disable_numparse=True)


def _front_end(bench: Bench) -> str:
    latency, how = bench.front_end, "compiled C" if bench.compiled else "NumPy, because no C was compiled"
    return (
        f"Front end, {how}, one thread: {latency.p50_ms:.3f} ms for a clip of {bench.bundle.features.clip_ms} ms "
        f"(p95 {latency.p95_ms:.3f}, p99 {latency.p99_ms:.3f}, {latency.runs} clips)."
    )


def _explanation(bench: Bench) -> str:
    runs = sorted({r.figures.inference.runs for r in bench.results if r.figures is not None})
    if not runs:
        return ""
    counted = f"{runs[0]}" if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    return (
        f"Times are of {counted} inferences after warming up, one at a time, each engine in a process of its own. End "
        f"to end is from the samples of one stride ({bench.stride_ms:g} ms) to the detector's answer: front end, one "
        "inference, detector, in Python. Real-time factor is that time over the stride; CPU is processor time "
        "over wall time while sound arrives at a microphone's pace, of one core. Resident is the most memory that the "
        f"process held, Python included.{_caveat(bench)}"
    )


def _caveat(bench: Bench) -> str:
    return f" (emulated by {bench.machine.emulator})" if bench.machine.emulator else ""


def _recordings(bench: Bench) -> str:
    recordings = bench.recordings
    assert recordings is not None
    against = f"; outputs are compared with those of {bench.reference}" if bench.reference else ""
    return f"{len(recordings.labels):,} clips of {recordings.source} ({recordings.split}){against}."


def _clip_parts(bench: Bench) -> Iterator[Text | Table]:
    if bench.recordings is not None:
        yield Text(_recordings(bench))
        yield Table(_CLIP_HEADS, clip_rows(bench))


def _tiles(bench: Bench) -> list[Tile]:
    measured = [(r.figures.inference.p50_ms, r.engine.title) for r in bench.results if r.figures is not None]
    streams = [
        (r.figures.stream.real_time_factor, r.engine.title)
        for r in bench.results
        if r.figures is not None and r.figures.stream is not None
    ]
    reference = next((r.clips for r in bench.results if r.engine.title == bench.reference), None)
    tiles = []
    if measured:
        best, title = min(measured)
        tiles.append(Tile("fastest inference, p50", f"{best:.3f} ms", title))
    tiles.append(Tile("front end, one clip", f"{bench.front_end.p50_ms:.3f} ms", "one thread"))
    if streams:
        factor, title = min(streams)
        tiles.append(Tile("least real-time factor", f"{factor:.4f}", title))
    if reference is not None and bench.recordings is not None:
        note = f"{len(bench.recordings.labels):,} clips, {bench.reference}"
        tiles.append(Tile("accuracy, int8", f"{100 * reference.accuracy:.2f} %", note))
    if bench.machine.emulator:
        tiles.append(Tile("times are", "emulated", bench.machine.emulator))
    return tiles
