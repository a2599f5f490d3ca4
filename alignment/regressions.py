"""Moves off the ladder, and back down it: how many, from where, for which reason. Pure, over journeys.

A lead never slips back by itself: it leaves the ladder for a side state, which somebody enters with a reason, and is taken
back up from there. What has no reason all the same is counted, for the two teams to ask about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from alignment.journeys import Journey, Move
from mapping.lifecycle import Lifecycle


@dataclass(slots=True)
class Regressions:
    """`left`: (side state, reason) -> moves into it, reason None where nobody gave one. `back`: (side state, stage) ->
    moves from it to a step below one that the lead had reached. `slipped`: moves down the ladder without a side state
    between, which the life cycle forbids."""

    left: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    back: Counter[tuple[str, str]] = field(default_factory=Counter)
    slipped: list[tuple[str, Move]] = field(default_factory=list)

    @property
    def without_reason(self) -> int:
        return sum(times for (_, reason), times in self.left.items() if not reason)


def regressions(journeys: Iterable[Journey], lifecycle: Lifecycle) -> Regressions:
    found = Regressions()
    for journey in journeys:
        reached = -1
        for move in journey.moves:
            rank = lifecycle.rank(move.new)
            if move.new in lifecycle.side:
                found.left[move.new, move.reason] += 1
            elif rank < reached and move.old in lifecycle.side:
                found.back[str(move.old), move.new] += 1
            elif rank < lifecycle.rank(move.old):
                found.slipped.append((journey.hub_id, move))
            reached = max(reached, rank)
    return found
