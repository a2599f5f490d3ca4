"""Which leads a figure counts. One place for both: what is counted, and who stands behind the number.

A selection is leads and the moments in which each did what is counted. Moves are counted each time, so that a lead may be
in one more than once; all else is counted once a lead.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignment.funnel.columns import Mask
from alignment.funnel.figures import FEWEST
from alignment.funnel.past import DAY, NEVER, Past, Times
from alignment.funnel.terms import Terms
from alignment.periods import Period
from state.facts import microseconds

STEP_FIGURES = (
    "entered",
    "inferred",
    "reached",
    "not_reached",
    "mature",
    "within",
    "inflow",
    "outflow",
    "waiting",
    "stuck",
)
OUTCOMES = ("open", "not_qualified", "lost")
PASSED_FIGURES = ("passed", "accepted", "converted", *OUTCOMES)


class Selected(NamedTuple):
    """`days`: how long something took, where the figure is about that; the shortest first. `reason`: place in
    `Past.reasons`."""

    leads: NDArray[np.intp]
    at: Times
    days: NDArray[np.float64] | None = None
    reason: NDArray[np.int32] | None = None


class Selecting:
    """The figures of one period. `limits`: stage -> days after which a lead is stuck in it."""

    def __init__(self, past: Past, terms: Terms, period: Period) -> None:
        self.past, self.terms, self.period = past, terms, period
        self.start, self.end = microseconds(period.start), microseconds(period.end)
        self.until = min(self.end, past.now + 1)
        """The first moment that is not known of any more, or is no part of the period."""
        events = past.events
        self._known: dict[tuple[str, str], Selected] = {}
        """Every cut asks for the same."""
        self._moved: Mask = (events.at >= self.start) & (events.at < self.end) & (events.new != events.old)
        self._there: Mask = (events.at < self.until) & (events.left >= self.until)
        self._last = np.full(len(past.ids), -1)
        ends = np.flatnonzero(events.left == NEVER)
        self._last[events.lead[ends]] = ends
        self.limits = {stage: self._limit(stage) for stage in past.stages}

    def _limit(self, stage: str) -> float | None:
        """What the configuration says, or the time that nine of ten who have left the stage had been in it."""
        said = self.terms.settings.stuck.get(stage)
        if said is not None:
            return float(said)
        e = self.past.events
        ended = (e.new == self.past.place(stage)) & (e.left < self.until)
        days = (e.left[ended] - e.at[ended]) / DAY
        return float(np.quantile(days, 0.9)) if len(days) >= FEWEST else None

    # -- of a stage ---------------------------------------------------------------------------------------------------

    def step(self, stage: str, figure: str) -> Selected:
        """One of STEP_FIGURES; raises KeyError for another, ValueError for a stage that there is not."""
        if (stage, figure) not in self._known:
            self._known[stage, figure] = self._step(stage, figure)
        return self._known[stage, figure]

    def _step(self, stage: str, figure: str) -> Selected:
        place = self.past.place(stage)
        if figure in ("inflow", "outflow"):
            e = self.past.events
            moves = np.flatnonzero(self._moved & ((e.new if figure == "inflow" else e.old) == place))
            return Selected(e.lead[moves].astype(np.intp), e.at[moves])
        if figure in ("waiting", "stuck"):
            return self._waiting(stage, place, figure == "stuck")
        entered = self.past.entered[stage]
        leads = np.flatnonzero((entered >= self.start) & (entered < self.end))
        return self._of_cohort(stage, leads, entered[leads], figure)

    def _of_cohort(self, stage: str, leads: NDArray[np.intp], at: Times, figure: str) -> Selected:
        following = self.terms.next.get(stage)
        if figure == "entered":
            return Selected(leads, at)
        if figure == "inferred":
            some = self.past.inferred[stage][leads]
            return Selected(leads[some], at[some])
        if figure == "mature":
            some = at <= self.past.now - self.terms.settings.within * DAY
            return Selected(leads[some], at[some])
        then = self.past.entered[following][leads] if following else np.full(len(leads), NEVER)
        did = then != NEVER
        if figure == "not_reached":
            return Selected(leads[~did], at[~did])
        if figure == "within":
            limit = self.terms.settings.within * DAY
            did &= at <= self.past.now - limit
            did[did] = then[did] - at[did] <= limit
        elif figure == "seen":
            did &= ~self.past.inferred[stage][leads]
        elif figure != "reached":
            raise KeyError(figure)
        return _shortest_first(leads[did], at[did], (then[did] - at[did]) / DAY)

    def _waiting(self, stage: str, place: int, stuck: bool) -> Selected:
        e = self.past.events
        there = np.flatnonzero(self._there & (e.new == place))
        days = (self.until - e.at[there]) / DAY
        if stuck:
            limit = self.limits[stage]
            some = days > limit if limit is not None else np.zeros(len(days), bool)
            there, days = there[some], days[some]
        return _shortest_first(e.lead[there].astype(np.intp), np.full(len(there), self.until - 1), days)

    def left(self, side: str) -> Selected:
        """Moves to a side state in the period, with their reasons."""
        if (side, "left") not in self._known:
            self._known[side, "left"] = self._left(side)
        return self._known[side, "left"]

    def _left(self, side: str) -> Selected:
        e = self.past.events
        moves = np.flatnonzero(self._moved & (e.new == self.past.place(side)))
        return Selected(e.lead[moves].astype(np.intp), e.at[moves], None, e.reason[moves])

    # -- of those who were passed to sales ------------------------------------------------------------------------------

    def passed(self, figure: str) -> Selected:
        """One of PASSED_FIGURES; raises KeyError for another. Of those who left, `reason` says why."""
        if ("", figure) not in self._known:
            self._known["", figure] = self._passed(figure)
        return self._known["", figure]

    def _passed(self, figure: str) -> Selected:
        past, terms = self.past, self.terms
        entered = past.entered[terms.passed]
        leads = np.flatnonzero((entered >= self.start) & (entered < self.end))
        if figure in OUTCOMES:
            leads = leads[past.entered[terms.converted][leads] == NEVER]
            leads = leads[self._outcomes(leads) == OUTCOMES.index(figure)]
            return Selected(leads, entered[leads], None, past.events.reason[self._last[leads]])
        if figure in ("accepted", "converted"):
            leads = leads[past.entered[terms.accepted if figure == "accepted" else terms.converted][leads] != NEVER]
        elif figure != "passed":
            raise KeyError(figure)
        return Selected(leads, entered[leads])

    def _outcomes(self, leads: NDArray[np.intp]) -> NDArray[np.int8]:
        """0 open, 1 not qualified, 2 lost at the close: whoever is off the ladder now, by whether sales had qualified
        them before they left it."""
        past, last = self.past, self._last[leads]
        side = [past.place(stage) for stage in past.lifecycle.side]
        gone = np.isin(past.events.new[last], side)
        qualified = past.entered[self.terms.sales_qualified][leads] <= past.events.at[last]
        return np.where(gone, np.where(qualified, 2, 1), 0).astype(np.int8)

    def last(self, leads: NDArray[np.intp]) -> tuple[list[str], list[str], list[int]]:
        """Where leads are now, why, and since when."""
        e, last = self.past.events, self._last[leads]
        stages, reasons = self.past.stages, self.past.reasons
        return (
            [stages[n] for n in e.new[last].tolist()],
            [reasons[n] for n in e.reason[last].tolist()],
            e.at[last].tolist(),
        )


def _shortest_first(leads: NDArray[np.intp], at: Times, days: NDArray[np.float64]) -> Selected:
    """Sorted once for all cuts that ask for a middle."""
    order = np.argsort(days)
    return Selected(leads[order], at[order], days[order])
