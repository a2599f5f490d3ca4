"""The first score: points by rules over a lead's fields, every point with its reason. Pure.

Invariant: the same fields give the same score, and the parts say all of it: their sum, kept between 0 and 100, is the
total. Reading it out to people is `alignment.scoring`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from mapping.conditions import Predicate, predicate
from mapping.config import ScoreRule
from mapping.fields import Fields
from mapping.lifecycle import Lifecycle

REASON_LENGTH = 255
"""Characters: what a text field of any of the systems holds."""


class Score(NamedTuple):
    """`parts`: the rules that hold and their points, in the order of the file."""

    total: int
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def reason(self) -> str:
        """Why, in short: the weightiest rules first, cut to what every system can hold."""
        return _reason(self.parts)


@lru_cache(maxsize=4096)
def _reason(parts: tuple[tuple[str, int], ...]) -> str:
    ordered = sorted(parts, key=lambda part: -abs(part[1]))
    told = [f"{name} {points:+d}" for name, points in ordered]
    text = ", ".join(told)
    while len(text) > REASON_LENGTH:
        told.pop()
        text = ", ".join([*told, f"and {len(ordered) - len(told)} more"])
    return text


Scorer = Callable[[Fields], Score]


def scorer(rules: Sequence[ScoreRule], lifecycle: Lifecycle) -> Scorer:
    """The rules as one function."""
    compiled: list[tuple[tuple[str, int], Predicate]] = [
        ((rule.name, rule.points), predicate(rule.when, lifecycle)) for rule in rules
    ]

    def score(hub: Fields) -> Score:
        parts = tuple([part for part, holds in compiled if holds(hub)])
        return Score(max(0, min(100, sum(points for _, points in parts))), parts)

    return score
