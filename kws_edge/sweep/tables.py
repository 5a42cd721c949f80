"""The catalogue and the outcome of a sweep as tables of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from kws_edge.sweep.catalogue import Entry
from kws_edge.sweep.search import Result

_CATALOGUE_HEADS = (
    "model",
    "parameters",
    "MACs",
    "int8 file B",
    "weights B",
    "RAM B",
    "TFLM arena B",
    "float %",
    "int8 %",
    "seeds",
    "minutes",
    "M4 instructions",
    "features",
)
# what a narrow terminal does without, the least missed first
_DISPENSABLE = (
    "minutes",
    "seeds",
    "int8 file B",
    "TFLM arena B",
    "features",
    "float %",
    "parameters",
    "M4 instructions",
)
_SWEEP_HEADS = (
    "",
    "name",
    "accuracy %",
    "float %",
    "weights B",
    "RAM B",
    "MACs",
    "minutes",
    "options",
    "features",
)


def catalogue_table(entries: Sequence[Entry], *, width: int | None = None) -> str:
    """One row per preset; below, what the columns are.

    `width` is that of the terminal, in characters: columns that it has no room for are left out, and named. None is
    room for all.
    """
    rows = []
    for entry in entries:
        price, best = entry.price, entry.best
        costs = (price.parameters, price.macs, price.file_bytes, price.weight_bytes, price.ram_bytes, price.arena_bytes)
        row = [price.preset, *("" if cost is None else f"{cost:,}" for cost in costs)]
        if best is not None:
            spread = "" if best.int8_deviation is None else f" ± {100 * best.int8_deviation:.2f}"
            row += [
                f"{100 * best.float_accuracy:.2f}",
                f"{100 * best.int8_accuracy:.2f}{spread}",
                str(best.seeds),
                f"{best.training_minutes:.0f}",
                "" if best.instructions_m4 is None else f"{best.instructions_m4:,}",
            ]
        row += [""] * (len(_CATALOGUE_HEADS) - 1 - len(row))
        rows.append([*row, described(price.features)])
    alignment = ("left", *(["right"] * (len(_CATALOGUE_HEADS) - 2)), "left")
    shown = list(_CATALOGUE_HEADS)
    left_out: list[str] = []
    table = _columns(rows, alignment, shown)
    while width is not None and len(table.splitlines()[1]) > width and len(left_out) < len(_DISPENSABLE):
        left_out.append(_DISPENSABLE[len(left_out)])
        shown.remove(left_out[-1])
        table = _columns(rows, alignment, shown)
    data = dict.fromkeys(entry.best.data for entry in entries if entry.best)
    notes = [f"No room here for {', '.join(left_out)}; --json has all."] if left_out else []
    notes += ["RAM: engine aot's activations, scratch memory, input and output. Weights: with int32 biases."]
    if data:
        notes.append(f"Accuracy: best known, {'; '.join(data)}.")
    return "\n".join([table, "", *notes])


def _columns(rows: Sequence[Sequence[str]], alignment: Sequence[str], shown: Sequence[str]) -> str:
    """The columns `shown` of the catalogue."""
    places = [_CATALOGUE_HEADS.index(head) for head in shown]
    chosen = [[row[place] for place in places] for row in rows]
    colalign = [alignment[place] for place in places] if rows else None
    return tabulate(chosen, headers=shown, disable_numparse=True, colalign=colalign)


def sweep_table(results: Sequence[Result]) -> str:
    """What was trained in full, best first; below, what was not, and why."""
    trained = [one for one in results if one.dropped is None]
    rows = []
    for one in trained:
        price = one.price
        assert price is not None
        rows.append(
            [
                "*" if one.pareto else "",
                one.name,
                "" if one.accuracy is None else f"{100 * one.accuracy:.2f}",
                "" if one.float_accuracy is None else f"{100 * one.float_accuracy:.2f}",
                f"{price.weight_bytes:,}",
                "" if price.ram_bytes is None else f"{price.ram_bytes:,}",
                f"{price.macs:,}",
                "" if one.seconds is None else f"{one.seconds / 60:.1f}",
                described(dict(one.options)),
                described(dict(one.features)),
            ]
        )
    right = ["right"] * 6
    alignment = ("left", "left", *right, "left", "left")
    parts = []
    if rows:
        parts.append(tabulate(rows, headers=_SWEEP_HEADS, disable_numparse=True, colalign=alignment))
        parts.append(
            "*: no other is at least as good and as cheap in every respect. Accuracy is the validation list's."
        )
    if len(trained) < len(results):
        lost = [[one.name, one.dropped or "", described(dict(one.options))] for one in results if one.dropped]
        parts.append(tabulate(lost, headers=("dropped", "why", "options"), disable_numparse=True))
    return "\n\n".join(parts)


def described(settings: dict[str, Any]) -> str:
    """Settings on one line, such as ``coefficients=40 mel_bands=40``; "default" when there are none."""
    return " ".join(f"{name}={value}" for name, value in settings.items()) or "default"
