"""What a report is made from: everything read once, before a word is written.

Two periods are compared fairly. Whoever entered a step yesterday cannot have gone on yet; so the share that goes on is that
of the leads whose days to do so ended in the period (those that entered `within` days before). How long a step took is told
of those that took the next one in the period. Invariant: every figure here has its leads, by the selections of the funnel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import sqrt

import numpy as np

from alignment.funnel.counting import Books
from alignment.funnel.figures import Days, Funnel, Share, spread
from alignment.funnel.past import DAY, NEVER
from alignment.funnel.selecting import Selecting
from alignment.objectives import Progress
from alignment.periods import Period
from alignment.reports.periods import shifted
from alignment.sla.target import Delivered, Target
from mapping.agreement.sla import Pact
from mapping.loader import Project
from state.clocks import ClockRow
from state.decisions import Decision
from state.facts import microseconds


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One system, of the leads that were passed in the period: how many it counts too, and why it lacks the others."""

    both: int
    lacks: Mapping[str, int]


Reconcile = Callable[[str, Mapping[str, int]], Mapping[str, Reconciled]]
"""Stage, lead -> when it entered the stage (microseconds since 1970); the systems by name."""


@dataclass(frozen=True)
class Conversion:
    """Of the leads whose days to take the next step ended in the period: how many did in time. `low`, `high`: where the
    difference to the period before lies, with a certainty of 95 %."""

    stage: str
    next: str
    now: Share
    before: Share

    @cached_property
    def difference(self) -> tuple[float, float] | None:
        """Newcombe's interval, from those of the two shares (Statistics in Medicine 17, 1998, p. 873, method 10)."""
        here, there = self.now.interval, self.before.interval
        if here is None or there is None:
            return None
        p, q = self.now.value or 0.0, self.before.value or 0.0
        low = p - q - sqrt((p - here[0]) ** 2 + (there[1] - q) ** 2)
        return low, p - q + sqrt((here[1] - p) ** 2 + (q - there[0]) ** 2)

    @property
    def lost(self) -> float:
        """How many leads more would have gone on at the rate of before; 0 where it has not fallen."""
        if self.now.value is None or self.before.value is None:
            return 0.0
        return max(0.0, (self.before.value - self.now.value) * self.now.whole)

    @property
    def clear(self) -> bool:
        """It has fallen, and chance alone hardly explains it."""
        return self.difference is not None and self.difference[1] < 0


@dataclass(frozen=True)
class Material:
    """`clocks`: those that started in this period or the one before; `running`: all that have not stopped. `promised`: what
    marketing has to bring in the period of the pact, which began on `since`, and what it brought until now."""

    project: Project
    books: Books
    period: Period
    now: datetime
    funnel: Funnel
    progress: Sequence[Progress]
    pact: Pact | None
    clocks: Sequence[ClockRow]
    running: Sequence[ClockRow]
    looked: datetime | None
    promised: tuple[datetime, Target | None, Delivered] | None
    decisions: Sequence[Decision]
    systems: Mapping[str, Reconciled] | None

    @cached_property
    def conversions(self) -> tuple[Conversion, ...]:
        terms = self.books.terms
        days = terms.settings.within
        both = [Selecting(self.books.past, terms, shifted(one, days)) for one in (self.period, self.period.before)]

        def share(select: Selecting, stage: str) -> Share:
            return Share(len(select.step(stage, "within").leads), len(select.step(stage, "mature").leads))

        return tuple(Conversion(stage, to, *(share(one, stage) for one in both)) for stage, to in terms.next.items())

    def took(self, stage: str, period: Period) -> Days:
        """Days from a step to the next, of the leads that took the next in the period and were seen in this one."""
        past, to = self.books.past, self.books.terms.next[stage]
        then, first = past.entered[to], past.entered[stage]
        until = min(microseconds(period.end), past.now + 1)
        some = (then >= microseconds(period.start)) & (then < until) & (first != NEVER) & ~past.inferred[stage]
        return spread((then[some] - first[some]) / DAY)

    def inflow(self, stage: str, edges: Sequence[datetime]) -> tuple[float, ...]:
        """How many leads entered a stage for the first time between each two of these moments."""
        entered = np.sort(self.books.past.entered[stage])
        places = np.searchsorted(entered, [microseconds(one) for one in edges])
        return tuple(float(n) for n in np.diff(places).tolist())

    def started_in(self, period: Period) -> list[ClockRow]:
        return [one for one in self.clocks if period.start <= one.started < period.end]
