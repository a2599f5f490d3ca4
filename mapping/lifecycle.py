"""Stages: their order, the moves that are allowed, and who wins when systems disagree. Pure.

The ladder is what a person climbs; side states lie off it and are entered with a reason. A stage never goes back
down the ladder by itself: only an allowed move to a side state, or from one back, does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LADDER = ("subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "evangelist")
SIDE_STATES = ("recycled", "disqualified", "lost")


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """`side` maps each side state to the stages it may be left for; leaving it otherwise is refused.
    `reasons` maps each side state to its reason codes (empty: any text)."""

    ladder: tuple[str, ...] = LADDER
    side: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(SIDE_STATES, LADDER))
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def stages(self) -> tuple[str, ...]:
        return (*self.ladder, *self.side)

    def rank(self, stage: object) -> int:
        """Position on the ladder; -1 for a side state or no stage."""
        return self.ladder.index(stage) if isinstance(stage, str) and stage in self.ladder else -1

    def allowed(self, old: object, new: object) -> bool:
        """Whether a lead may move from `old` to `new`. From no stage every stage may be entered."""
        if old is None or old == new:
            return True
        if new in self.side:
            return True
        if old in self.side:
            return new in self.side[str(old)]
        return self.rank(new) > self.rank(old)

    def weight(self, stage: object) -> tuple[int, int]:
        """Orders competing claims: a side state (somebody decided, with a reason) beats any step of the ladder."""
        if stage in self.side:
            return (1, list(self.side).index(str(stage)))
        return (0, self.rank(stage))

    def at_least(self, stage: object, floor: str) -> bool:
        return self.rank(stage) >= self.rank(floor) >= 0
