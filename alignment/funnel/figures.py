"""What the funnel comes to, as values: for JSON, for a terminal, for a report. Nothing is counted here.

Invariant: a share says out of how many, and how uncertain it is; a middle is not told of fewer than five.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from alignment.periods import Period
from alignment.proportions import Interval, wilson

FEWEST = 5
"""Of fewer, no median and no ninth decile is told."""


@dataclass(frozen=True, slots=True)
class Share:
    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> Interval | None:
        """Where the true share lies, with a certainty of 95 %; None of nothing."""
        return wilson(self.part, self.whole)


@dataclass(frozen=True, slots=True)
class Days:
    """`median` and `p90` (linear between neighbours) are None of fewer than five."""

    count: int
    median: float | None = None
    p90: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One stage, of the leads that entered it for the first time in the period, and of those that were in it.

    - `reached`: of those that entered, how many have reached the next step, or a higher one, by now
    - `within`: of those that entered long enough ago, how many did in so many days
    - `inferred`: of those that entered, how many jumped over it
    - `days`: from entering to reaching the next step, of those that were seen in it
    - `inflow`, `outflow`: moves into it and out of it in the period, first or not
    - `waiting`: who was in it at the period's end (now, where it has not ended); `age`: for how many days
    - `stuck`: of those, how many for longer than `limit` days; None where there is no limit
    """

    stage: str
    next: str | None
    entered: int
    inferred: int
    reached: Share
    within: Share
    days: Days
    inflow: int
    outflow: int
    waiting: int
    age: Days
    stuck: int | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class Money:
    """`totals`: by currency; amounts in others are converted where there is a rate. Left out and counted: deals
    `without_amount`, and those in an `other_currency` that nothing converts."""

    totals: Mapping[str, float] = field(default_factory=dict)
    deals: int = 0
    without_amount: int = 0
    other_currency: int = 0


@dataclass(frozen=True, slots=True)
class Deals:
    """`revenue` is of deals won in the period, `pipeline` of those open now. Sourced: what marketing brought; influenced:
    what it had a hand in; None where the configuration does not say what shows it. `without_date`: won or lost deals
    without a date, or with one that has not come yet, which are in no period."""

    won: int
    lost: int
    open: int
    rate: Share
    revenue: Money
    pipeline: Money
    sourced_revenue: Money | None
    sourced_pipeline: Money | None
    influenced_revenue: Money | None
    influenced_pipeline: Money | None
    without_date: int = 0
    without_leads: int = 0


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of the leads that marketing passed to sales in the period. `not_qualified`: left before they were
    sales-qualified; `lost`: after that, at the close. `reasons`: of each, by reason."""

    passed: int
    accepted: Share
    converted: Share
    open: int
    not_qualified: int
    lost: int
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PassedLead:
    """One that was passed and has not converted. `outcome`: open, not_qualified or lost; `at`: when it left."""

    lead: str
    passed_at: datetime
    outcome: str
    stage: str
    reason: str
    owner: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Counts:
    """All figures of some leads. `left`: side state -> reason -> how often somebody left for it in the period."""

    steps: tuple[Step, ...]
    passed: Passed
    deals: Deals | None
    left: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Funnel:
    """`cuts`: field -> value -> the figures of the leads that have it. `excluded`: what was left out, and how many."""

    period: Period
    as_of: datetime
    within: int
    total: Counts
    before: Counts | None
    cuts: Mapping[str, Mapping[str, Counts]]
    excluded: Mapping[str, int]

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.total.steps


def spread(days: NDArray[np.float64]) -> Days:
    """Of durations in days."""
    if len(days) < FEWEST:
        return Days(len(days))
    median, p90 = np.quantile(days, [0.5, 0.9]).tolist()
    return Days(len(days), median, p90)


def spreads(days: NDArray[np.float64], groups: NDArray[np.int32], count: int) -> Sequence[Days]:
    """As `spread`, of each group from 0 to `count`. `days` must rise."""
    small = (
        groups.astype(np.int16) if count < 1 << 15 else groups
    )  # numbers of 16 bits are sorted without comparing them
    ordered, sizes = days[np.argsort(small, kind="stable")], np.bincount(groups, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    found = []
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=False):
        if size < FEWEST:
            found.append(Days(size))
            continue
        values = []
        for share in (0.5, 0.9):
            place = (size - 1) * share
            low = math.floor(place)
            a, b = float(ordered[start + low]), float(ordered[start + min(low + 1, size - 1)])
            values.append(a + (b - a) * (place - low))
        found.append(Days(size, *values))
    return found
