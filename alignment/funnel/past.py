"""All that figures are counted from, in memory: the stage events and the fields of all leads, as columns.

One pass over the events, one over the leads. Leads without any stage, and leads with a time that has not come yet, are
left out and counted. Invariant: `entered` and `inferred` say of every lead what `alignment.journeys` says of it.
"""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice, repeat
from operator import gt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment.funnel.columns import Coding, Column, Mask, Numbers, holds
from mapping.conditions import Condition
from mapping.lifecycle import Lifecycle
from state.facts import Facts

Times = NDArray[np.int64]
NEVER: int = np.iinfo(np.int64).max
DAY = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """The stage events of the leads that count, by lead and time. `old`: the place of the stage before, -1 for none;
    `left`: when the next one came, NEVER for the last."""

    lead: NDArray[np.int32]
    at: Times
    new: NDArray[np.int16]
    old: NDArray[np.int16]
    left: Times
    reason: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Times are microseconds since 1970. `stages`: the ladder, the side states, then those that the configuration does
    not know any more; events name them by their place. `counted`: the leads that are not left out. `heirs`: lead that was merged -> the one it became."""

    now: int
    lifecycle: Lifecycle
    ids: list[str]
    heirs: Mapping[str, str]
    columns: Mapping[str, Column]
    counted: Mask
    stages: tuple[str, ...]
    reasons: list[str]
    events: Events
    entered: Mapping[str, Times]
    inferred: Mapping[str, Mask]
    without_stage: int
    in_future: int

    def holds(self, condition: Condition) -> Mask:
        return holds(condition, self.columns, len(self.ids), self.lifecycle)

    def names(self, leads: NDArray[np.intp] | Mask) -> list[str]:
        """The ids of leads, given as places or as a mask, each once."""
        some = np.flatnonzero(leads) if leads.dtype == bool else np.unique(leads)
        return [self.ids[n] for n in some.tolist()]

    def find(self, hub_id: str) -> int:
        """The place of a lead; -1 where there is none by this id."""
        place = bisect_left(self.ids, hub_id)
        return place if place < len(self.ids) and self.ids[place] == hub_id else -1

    def place(self, stage: str) -> int:
        return self.stages.index(stage)


def read_past(facts: Facts, lifecycle: Lifecycle, fields: Iterable[str], now: int) -> Past:
    """`fields`: those of leads that somebody will ask for."""
    return _read_past(facts, lifecycle, list(dict.fromkeys(fields)), now)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Nothing that is made here is garbage; to look for some takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read_past(facts: Facts, lifecycle: Lifecycle, names: list[str], now: int) -> Past:
    codings = [Coding() for _ in names]
    ids: list[str] = []
    heirs: dict[str, str] = {}
    for some, values, merged in facts.columns("lead", names):
        ids += some
        heirs |= merged
        for coding, column in zip(codings, values, strict=True):
            coding.add(column)
    columns = {name: coding.column() for name, coding in zip(names, codings, strict=True)}
    del codings
    if any(map(gt, ids, islice(ids, 1, None))):  # mostly they were written in their order
        order = sorted(range(len(ids)), key=ids.__getitem__)
        ids = [ids[n] for n in order]
        columns = {name: Column(column.codes[order], column.values) for name, column in columns.items()}
    return past_of(ids, columns, facts.moves(), heirs, lifecycle, now)


def past_of(
    ids: list[str],
    columns: Mapping[str, Column],
    moves: Iterable[Sequence[Sequence[Any]]],
    heirs: Mapping[str, str],
    lifecycle: Lifecycle,
    now: int,
) -> Past:
    """`moves`: lead, time, stage and reason as columns, many at once, in the order of writing."""
    places: dict[object, int] = dict(zip(ids, count(), strict=False))
    places |= {old: places[new] for old, new in heirs.items() if new in places}
    stages, reasons = Numbers(zip(lifecycle.stages, count(), strict=False)), Numbers({None: 0})
    parts: list[tuple[NDArray[np.int32], Times, NDArray[np.int16], NDArray[np.int32]]] = []
    for who, at, new, why in moves:
        parts.append(
            (
                np.fromiter(map(places.get, who, repeat(-1)), np.int32, len(who)),
                np.array(at, np.int64),
                np.fromiter(map(stages.__getitem__, new), np.int16, len(new)),
                np.fromiter(map(reasons.__getitem__, why), np.int32, len(why)),
            )
        )
    del places
    empty = (np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int16), np.zeros(0, np.int32))
    lead, when, stage, reason = (np.concatenate(one) for one in zip(empty, *parts, strict=True))
    late: Mask = np.zeros(len(ids), bool)
    told: Mask = np.zeros(len(ids), bool)
    told[lead[lead >= 0]] = True
    late[lead[(lead >= 0) & (when > now)]] = True
    counted = told & ~late
    kept = np.flatnonzero((lead >= 0) & counted[lead])
    kept = kept[_by_lead_and_time(lead[kept], when[kept])]
    lead, when, stage, reason = lead[kept], when[kept], stage[kept], reason[kept]
    same = np.zeros(len(lead), bool)
    same[1:] = lead[1:] == lead[:-1]
    old = np.full(len(lead), -1, np.int16)
    old[1:][same[1:]] = stage[:-1][same[1:]]
    left = np.full(len(lead), NEVER)
    left[:-1][same[1:]] = when[1:][same[1:]]
    events = Events(lead, when, stage, old, left, reason)
    entered = Entered(events, len(ids), lifecycle, tuple(stages))
    return Past(
        now, lifecycle, ids, heirs, columns, counted, tuple(stages), [str(one or "") for one in reasons], events, entered,
        Inferred(entered), int((~told).sum()), int(late.sum()),
    )  # fmt: skip


def _by_lead_and_time(lead: NDArray[np.int32], when: Times) -> NDArray[np.intp]:
    """The order of events by lead and time; events of one moment stay in the order of writing. Mostly that is the order
    of time too: then nothing is compared, since numbers of 16 bits are sorted by counting."""
    order = np.argsort((lead & 0xFFFF).astype(np.uint16), kind="stable")
    order = order[np.argsort((lead >> 16).astype(np.uint16)[order], kind="stable")]
    who, at = lead[order], when[order]
    back = (who[1:] == who[:-1]) & (at[1:] < at[:-1])
    if back.any():
        wrong: Mask = np.zeros(int(who[-1]) + 1, bool)
        wrong[who[1:][back]] = True
        places = np.flatnonzero(wrong[who])
        some = order[places]
        order[places] = some[np.lexsort((when[some], lead[some]))]
    return order


class Entered(Mapping[str, Times]):
    """Stage -> when each lead first entered it, NEVER where it did not. A step of the ladder is entered by the first event
    that reaches it or a higher one. Made when it is first asked for: of eleven stages a funnel may have six steps."""

    def __init__(self, events: Events, leads: int, lifecycle: Lifecycle, stages: tuple[str, ...]) -> None:
        self._events, self._leads, self._stages, self._steps = events, leads, stages, len(lifecycle.ladder)
        self._made: dict[str, tuple[Times, Mask]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._stages)

    def __len__(self) -> int:
        return len(self._stages)

    def __getitem__(self, stage: str) -> Times:
        return self.made(stage)[0]

    def made(self, stage: str) -> tuple[Times, Mask]:
        """When, and whether no event says so. Raises KeyError for a stage that there is not."""
        if stage not in self._made:
            if stage not in self._stages:
                raise KeyError(stage)
            self._made[stage] = self._make(self._stages.index(stage))
        return self._made[stage]

    def _make(self, place: int) -> tuple[Times, Mask]:
        e = self._events
        reaches = np.flatnonzero((e.new >= place) & (e.new < self._steps) if place < self._steps else e.new == place)
        first = reaches[np.flatnonzero(np.diff(e.lead[reaches], prepend=-1))]
        entered = np.full(self._leads, NEVER)
        entered[e.lead[first]] = e.at[first]
        inferred: Mask = np.zeros(self._leads, bool)
        inferred[e.lead[first]] = e.new[first] != place
        return entered, inferred


class Inferred(Mapping[str, Mask]):
    """Stage -> the leads that entered it without an event that says so."""

    def __init__(self, entered: Entered) -> None:
        self._entered = entered

    def __iter__(self) -> Iterator[str]:
        return iter(self._entered)

    def __len__(self) -> int:
        return len(self._entered)

    def __getitem__(self, stage: str) -> Mask:
        return self._entered.made(stage)[1]
