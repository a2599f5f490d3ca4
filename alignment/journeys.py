"""A lead's way through the stages, from its stage events. Pure; what every figure about the funnel is counted from.

A step of the ladder that was skipped is entered all the same, at the moment of the jump, and marked as inferred; so
every cohort that reached a stage has also passed the ones below. Invariant: along the ladder, a lead's first entries
never go back in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from mapping.lifecycle import Lifecycle
from state.facts import StageEvent


class Move(NamedTuple):
    """`at`: microseconds since 1970 (UTC)."""

    at: int
    old: str | None
    new: str
    reason: str | None
    system: str


@dataclass(slots=True)
class Journey:
    """`entered`: when each stage was entered for the first time, inferred ones too; `inferred`: those of them that
    no event tells. `stage`: where the lead is now, `since` when."""

    hub_id: str
    entered: dict[str, int] = field(default_factory=dict)
    inferred: set[str] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)
    stage: str = ""
    since: int = 0


def journeys(events: Iterable[StageEvent], lifecycle: Lifecycle) -> Iterator[Journey]:
    """One for each lead. `events`: by lead, and of each in the order of time."""
    ladder = lifecycle.ladder
    rank = {stage: place for place, stage in enumerate(ladder)}
    for hub_id, moves in groupby(events, key=itemgetter(0)):
        journey = Journey(hub_id)
        entered, reached = journey.entered, -1
        for _, at, old, new, system, reason in moves:
            journey.moves.append(Move(at, old, new, reason, system))
            place = rank.get(new, -1)
            if place > reached:
                for skipped in ladder[reached + 1 : place]:
                    entered[skipped] = at
                    journey.inferred.add(skipped)
                reached = place
            if new not in entered:
                entered[new] = at
            journey.stage, journey.since = new, at
        yield journey
