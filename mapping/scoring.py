"""The score: points by rules on two axes, who a lead is and what it does, every point with its reason. Pure.

What activities are worth today stands with the lead (`ENGAGED`), put there by each run (`sync.aging`); so the same fields
give the same score. Invariant: the parts say all of it: their sum, kept between 0 and the axis' cap, is the axis, and
both axes by their weights are the total. Reading it out to people is `alignment.scoring`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import floor
from typing import NamedTuple

import orjson

from mapping.conditions import Predicate, predicate
from mapping.decay import Decay, decay
from mapping.fields import ENGAGED, Fields, Value
from mapping.lifecycle import Lifecycle
from mapping.scored import ENGAGEMENT_GRADES, FIT_GRADES, Grades, ScoreRule, Scoring

REASON_LENGTH = 255
"""Characters: what a text field of any of the systems holds."""

Parts = tuple[tuple[str, int], ...]


class Score(NamedTuple):
    """`fit_parts`, `engagement_parts`: the rules that count and their points, in the order of the file. An axis without
    rules is None, and so is the grade then."""

    total: int
    fit_parts: Parts = ()
    engagement_parts: Parts = ()
    fit: int | None = None
    engagement: int | None = None
    grade: str | None = None

    @property
    def parts(self) -> Parts:
        return self.fit_parts + self.engagement_parts

    @property
    def reason(self) -> str:
        """Why, in short: the weightiest rules first, cut to what every system can hold."""
        return _reason(self.parts)


@lru_cache(maxsize=4096)
def _reason(parts: Parts) -> str:
    ordered = sorted(parts, key=lambda part: -abs(part[1]))
    told = [f"{name} {points:+d}" for name, points in ordered]
    text = ", ".join(told)
    while len(text) > REASON_LENGTH:
        told.pop()
        text = ", ".join([*told, f"and {len(ordered) - len(told)} more"])
    return text


Scorer = Callable[[Fields], Score]


def scorer(scoring: Scoring, lifecycle: Lifecycle) -> Scorer:
    """The rules as one function."""
    fit, rules = _compiled(scoring.fit_rules, lifecycle), scoring.engagement_rules
    over_fields = _compiled(
        [ScoreRule(name=r.name, points=r.points, when=r.when) for r in rules if r.when is not None], lifecycle
    )
    order = {rule.name: place for place, rule in enumerate(rules)}
    fit_cap = scoring.fit_cap
    cap = scoring.engagement.cap if scoring.engagement else 100
    grade_of = grader(scoring.grades)
    has_fit, has_engagement, mixed = bool(fit), bool(rules), bool(over_fields)

    def score(hub: Fields) -> Score:
        who = tuple([part for part, holds in fit if holds(hub)])
        fitting = max(0, min(fit_cap, sum([points for _, points in who]))) if has_fit else None
        if not has_engagement:
            return Score(fitting or 0, who, (), fitting)
        did = tuple([part for part in _engaged(hub.get(ENGAGED)) if part[0] in order])
        if mixed and (held := [part for part, holds in over_fields if holds(hub)]):
            did = tuple(sorted((*held, *did), key=lambda part: order[part[0]]))
        engaged = max(0, min(cap, sum([points for _, points in did])))
        grade = grade_of(fitting, engaged) if fitting is not None else None
        return Score(total_of(scoring, fitting, engaged), who, did, fitting, engaged, grade)

    return score


def _compiled(rules: Sequence[ScoreRule], lifecycle: Lifecycle) -> list[tuple[tuple[str, int], Predicate]]:
    return [((rule.name, rule.points), predicate(rule.when, lifecycle)) for rule in rules]


def total_of(scoring: Scoring, fit: int | None, engagement: int | None) -> int:
    """Both axes by their weights, half a point rounded up; where there is one axis, that."""
    if fit is None or engagement is None:
        return fit or engagement or 0
    weights = scoring.weights
    share = (weights.fit * fit + weights.engagement * engagement) / (weights.fit + weights.engagement)
    return floor(round(share, 9) + 0.5)


def grader(grades: Grades) -> Callable[[int, int], str]:
    """Fit and engagement -> A1 to D4."""
    who = [(grades.of_fit[grade], grade) for grade in FIT_GRADES]
    did = [(grades.of_engagement[grade], grade) for grade in ENGAGEMENT_GRADES]

    def grade(fit: int, engagement: int) -> str:
        letter = next((name for least, name in who if fit >= least), "D")
        return letter + next((name for least, name in did if engagement >= least), "4")

    return grade


def decays_of(scoring: Scoring | None, kept: int | None = None) -> tuple[Decay, ...]:
    """The rules over activities. `kept`: days after which activities are dropped; older ones count no longer."""
    if scoring is None or scoring.engagement is None:
        return ()
    axis = scoring.engagement
    return tuple(
        decay(rule.name, rule.points, rule.on, rule.within, rule.half_life or axis.half_life, rule.cap, kept)
        for rule in axis.rules
        if rule.on is not None
    )


def engaged(parts: Mapping[str, int]) -> str | None:
    """What stands with the lead: the points of each rule over activities that counts."""
    counting = {name: points for name, points in parts.items() if points}
    return orjson.dumps(counting).decode() if counting else None


def engaged_parts(value: Value) -> dict[str, int]:
    """And back."""
    return dict(_engaged(value))


def _engaged(value: Value) -> Parts:
    return _read(value) if isinstance(value, str) else ()


@lru_cache(maxsize=4096)
def _read(text: str) -> Parts:
    return tuple(orjson.loads(text).items())
