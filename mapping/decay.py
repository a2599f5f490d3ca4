"""What past activities are worth today: each its points, halved with every half-life. Pure.

Days are counted from 1970 (UTC). A rule's points are whole: they are rounded once, here, half a point away from 0, so
that an explanation in whole points adds up. Invariant: between a day and `next_change` of it, `points` gives the same
for every day, as long as nothing new happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from math import floor, log2

Day = tuple[int, int]
"""A day, and how many activities it has."""

LASTING = 10
"""Half-lives after which an activity counts no longer: it is worth a thousandth."""

STEADY = 9
"""Decimal places in which two ways of adding up the same come to the same."""


_EPOCH = date(1970, 1, 1).toordinal()


def day_of(at: datetime) -> int:
    """Days since 1970, UTC."""
    return at.astimezone(UTC).toordinal() - _EPOCH


@dataclass(frozen=True, slots=True)
class Decay:
    """A rule over activities. `within`: the greatest age in days that counts; None is any. `half_life`: in days; None is
    no decay."""

    rule: str
    points: int
    types: frozenset[str]
    within: int | None = None
    half_life: float | None = None
    cap: int | None = None
    factors: tuple[float, ...] = field(default=(), repr=False, compare=False)
    """By age in days, what of its points an activity has left."""

    def counts(self, day: int, today: int) -> bool:
        return day <= today and (self.within is None or today - day <= self.within)

    def factor(self, age: int) -> float:
        return self.factors[age] if age < len(self.factors) else remaining(age, self.half_life)

    def worth(self, days: Iterable[Day], today: int) -> float:
        """The points before they are rounded and capped."""
        within, factors = self.within, self.factors
        total = 0.0
        for day, count in days:
            age = today - day
            if age >= 0 and (within is None or age <= within):
                total += count * (factors[age] if age < len(factors) else remaining(age, self.half_life))
        return self.points * total

    def rounded(self, worth: float) -> int:
        size = floor(round(abs(worth), STEADY) + 0.5)
        if self.cap is not None and size > self.cap:
            size = self.cap
        return size if worth >= 0 else -size

    def counted(self, days: Iterable[Day], today: int) -> int:
        """The rule's points on that day."""
        return self.rounded(self.worth(days, today))


def decay(
    rule: str,
    points: int,
    types: Iterable[str],
    within: int | None = None,
    half_life: float | None = None,
    cap: int | None = None,
    kept: int | None = None,
) -> Decay:
    """Where nothing is said, an activity counts for `LASTING` half-lives. `kept`: days for which activities are kept."""
    if within is None and half_life is not None:
        within = floor(LASTING * half_life)
    if kept is not None:
        within = kept if within is None else min(within, kept)
    return Decay(rule, points, frozenset(types), within, half_life, cap, _factors(half_life, within))


@cache
def _factors(half_life: float | None, within: int | None) -> tuple[float, ...]:
    return tuple(remaining(age, half_life) for age in range((within if within is not None else 3650) + 1))


def remaining(age: int, half_life: float | None) -> float:
    return 1.0 if half_life is None else 2.0 ** (-age / half_life)


def next_change(rule: Decay, days: Sequence[Day], today: int, worth: float | None = None) -> int | None:
    """The next day on which the rule's points are others than today, if nothing new happens; None where there is none.
    `worth`: that of today, where it is known already.

    Between two days on which an activity begins or ceases to count, the sum halves with every half-life, and the day on
    which its rounded value falls is `half_life * log2(sum / (value - 1/2))` days away."""
    if worth is None:
        worth = rule.worth(days, today)
    now = rule.rounded(worth)
    steps = _steps(rule, days, today)
    if not steps:
        return _crossing(rule, worth, today, now)
    since = today
    for step in steps:
        crossing = _crossing(rule, worth, since, now)
        if crossing is not None and crossing < step:
            return crossing
        since, worth = step, rule.worth(days, step)
        if rule.rounded(worth) != now:
            return step
    return _crossing(rule, worth, since, now)


def _steps(rule: Decay, days: Sequence[Day], today: int) -> list[int]:
    """The days to come on which an activity begins or ceases to count."""
    steps = {day for day, _ in days if day > today}
    if rule.within is not None:
        steps |= {end for day, _ in days if (end := day + rule.within + 1) > today}
    return sorted(steps)


def _crossing(rule: Decay, worth: float, since: int, now: int) -> int | None:
    """The first day after `since` on which what is worth so much then rounds to something other than `now`."""
    if rule.half_life is None or now == 0:
        return None
    after = floor(rule.half_life * log2(abs(worth) / (abs(now) - 0.5)))
    after = max(1, after)
    while after > 1 and rule.rounded(worth * remaining(after - 1, rule.half_life)) != now:
        after -= 1
    while rule.rounded(worth * remaining(after, rule.half_life)) == now:
        after += 1
    return since + after
