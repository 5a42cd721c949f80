"""Where every tensor lives: fixed offsets in one arena, by lifetime, and overlapping where a kernel allows it.

Every tensor is placed at the lowest offset that keeps clear of all tensors alive with it. The one exception is an input
that dies in the very call that makes an output: these two may overlap as far as the kernel's sharing rules go, which is
what lets a network of equal layers run in the memory of one of them. The order of placement decides how tight the
result is, so several are tried and the smallest arena wins; the search is deterministic.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from firmware_export.codegen.calls import Call, Sharing
from firmware_export.codegen.ir import Tensor
from firmware_export.codegen.lowering import Program
from firmware_export.codegen.sharing import strictest
from kws_edge.errors import ExportError

ALIGNMENT = 4
MOST_ARENA_BYTES = 16 << 20
_SHUFFLES = 40  # orders tried beside the systematic ones
_MOST_SHUFFLED = 120  # buffers; beyond that shuffling costs more than it finds


@dataclass(frozen=True, eq=False)
class _Buffer:
    number: int
    size: int
    first: int  # the call that first writes it
    last: int  # the last call that uses it


@dataclass(frozen=True, eq=False)
class Plan:
    """Offsets in bytes from the arena's start; tensors without one are the caller's input or output, or constant."""

    offsets: Mapping[Tensor, int]  # by the tensor that stands for the memory
    scratch: Mapping[Call, int]
    reversed_calls: frozenset[Call]
    arena_bytes: int


def plan(program: Program, source: str) -> Plan:
    """Place all activations and scratch memory of `program`. Raises ExportError for an absurdly large network."""
    buffers, tensors, scratch = _buffers(program)
    rules = _rules(program, tensors)
    rivals = _rivals(buffers, rules)
    best: dict[int, int] | None = None
    best_bytes = 0
    for order in _orders(buffers):
        offsets = _place(order, buffers, rivals)
        used = max((offset + buffers[number].size for number, offset in offsets.items()), default=0)
        if best is None or used < best_bytes:
            best, best_bytes = offsets, used
    assert best is not None
    if best_bytes > MOST_ARENA_BYTES:
        raise ExportError(f"{source}: its activations take {best_bytes} bytes; {MOST_ARENA_BYTES} are the most")
    reversed_calls = {
        call
        for (dead, born), (call, rule) in rules.items()
        if not _clear(best[born], buffers[born].size, best[dead], buffers[dead].size, replace(rule, above=None), True)
    }
    return Plan(
        offsets={tensor: best[number] for tensor, number in tensors.items()},
        scratch={call: best[number] for call, number in scratch.items()},
        reversed_calls=frozenset(reversed_calls),
        arena_bytes=_align(best_bytes),
    )


def _buffers(program: Program) -> tuple[list[_Buffer], dict[Tensor, int], dict[Call, int]]:
    """Everything that needs memory: tensors that are neither constant nor the caller's, and scratch."""
    same = program.same_memory
    callers = {same[program.network.input], same[program.network.output]}
    first: dict[Tensor, int] = {}
    last: dict[Tensor, int] = {}
    for number, call in enumerate(program.calls):
        for tensor in (same[tensor] for tensor in (call.output, *call.inputs)):
            if tensor.data is None and tensor not in callers:
                first.setdefault(tensor, number)
                last[tensor] = number
    buffers = [_Buffer(i, tensor.elements, first[tensor], last[tensor]) for i, tensor in enumerate(first)]
    scratch = {}
    for number, call in enumerate(program.calls):
        if call.scratch_bytes:
            scratch[call] = len(buffers)
            buffers.append(_Buffer(len(buffers), call.scratch_bytes, number, number))
    return buffers, {tensor: i for i, tensor in enumerate(first)}, scratch


def _rules(program: Program, tensors: Mapping[Tensor, int]) -> dict[tuple[int, int], tuple[Call, Sharing]]:
    """For each input and output of one call, by buffer numbers: how they may overlap."""
    rules: dict[tuple[int, int], tuple[Call, Sharing]] = {}
    for call in program.calls:
        born = tensors.get(program.same_memory[call.output])
        for position, tensor in enumerate(call.inputs):
            dead = tensors.get(program.same_memory[tensor])
            if born is None or dead is None or dead == born:
                continue
            rule = call.sharing.get(position, Sharing())
            if (dead, born) in rules and rules[dead, born][0] is call:
                rule = strictest(rules[dead, born][1], rule)
            rules[dead, born] = (call, rule)
    return rules


def _rivals(
    buffers: Sequence[_Buffer], rules: Mapping[tuple[int, int], tuple[Call, Sharing]]
) -> list[list[tuple[int, Sharing, bool]]]:
    """For each buffer the ones alive with it, the rule between them, and whether it is the output of the two."""
    rivals: list[list[tuple[int, Sharing, bool]]] = [[] for _ in buffers]
    alive: list[_Buffer] = []
    for buffer in sorted(buffers, key=lambda one: (one.first, one.number)):
        alive = [other for other in alive if other.last >= buffer.first]
        for other in alive:
            rule = Sharing()
            if other.last == buffer.first and (other.number, buffer.number) in rules:
                rule = rules[other.number, buffer.number][1]
            rivals[buffer.number].append((other.number, rule, True))
            rivals[other.number].append((buffer.number, rule, False))
        alive.append(buffer)
    return rivals


def _orders(buffers: Sequence[_Buffer]) -> Iterable[list[int]]:
    numbers = [buffer.number for buffer in buffers]
    by_size = sorted(numbers, key=lambda i: (-buffers[i].size, i))
    yield sorted(numbers, key=lambda i: (buffers[i].first, i))
    yield sorted(numbers, key=lambda i: (-buffers[i].last, i))
    yield by_size
    yield sorted(numbers, key=lambda i: (-buffers[i].size * (buffers[i].last - buffers[i].first + 1), i))
    if len(buffers) <= _MOST_SHUFFLED:
        chance = random.Random(0)
        for _ in range(_SHUFFLES):
            # mostly by size, so that large buffers still go first
            noisy = {i: buffers[i].size * chance.uniform(0.5, 1.5) for i in numbers}
            yield sorted(numbers, key=lambda i: (-noisy[i], i))


def _place(
    order: Sequence[int], buffers: Sequence[_Buffer], rivals: Sequence[Sequence[tuple[int, Sharing, bool]]]
) -> dict[int, int]:
    offsets: dict[int, int] = {}
    for number in order:
        size = buffers[number].size
        taken = sorted(
            _forbidden(size, offsets[other], buffers[other].size, rule, born)
            for other, rule, born in rivals[number]
            if other in offsets
        )
        lowest = 0
        for low, high, _ in taken:
            if low >= lowest:
                break
            if high > lowest:
                lowest = _align(high)
        exact = [
            hole
            for _, _, hole in taken
            if 0 <= hole < lowest and all(hole <= low or hole >= high or hole == only for low, high, only in taken)
        ]
        offsets[number] = min([lowest, *exact])
    return offsets


def _forbidden(size: int, at: int, length: int, rule: Sharing, born: bool) -> tuple[int, int, int]:
    """Offsets strictly between the first two numbers collide with a buffer at `at`, but for the third (-1 for none).

    `born`: the buffer to place is the output of the two; the rule speaks of its place relative to the input's.
    """
    up, down = (rule.above, rule.below) if born else (rule.below, rule.above)
    low = at - size if down is None else max(at - size, at - down)
    high = at + length if up is None else min(at + length, at + up)
    if low >= high:
        return at, at, -1
    # what is not aligned is out of reach anyway
    return low // ALIGNMENT * ALIGNMENT, high, at if rule.same else -1


def _align(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _clear(candidate: int, size: int, at: int, length: int, rule: Sharing, born: bool) -> bool:
    low, high, hole = _forbidden(size, at, length, rule, born)
    return candidate <= low or candidate >= high or candidate == hole
