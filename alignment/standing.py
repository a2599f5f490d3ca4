"""How the objectives stand: each measured in its period, in the funnel or by the clocks, beside what was frozen of it.

Effects: reads the database. Not here: how anything is measured (`alignment.objectives`, `alignment.sla.attainment`).
Invariant: what is frozen is not counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np

from alignment.funnel.behind import Rows, of_leads
from alignment.funnel.counting import Books, read_books
from alignment.funnel.selecting import Selected
from alignment.objectives import Goal, Measured, Progress, measure, progress, rows_of
from alignment.periods import Period
from alignment.sla.attainment import attained
from mapping.config import ProjectFile
from state.attainments import acceptances, attainments, newest
from state.clocks import ClockRow, Clocks
from state.facts import Facts, microseconds
from state.history import Engine

Key = tuple[str, str]
"""An objective's name and a period's label."""

RESPONSES = "response_attainment"


def standing(engine: Engine, config: ProjectFile, wanted: Sequence[Goal], now: datetime) -> list[Progress]:
    """Each goal as it stands."""
    held, said = newest(attainments(engine)), acceptances(engine)
    values = measured(engine, config, [one for one in wanted if key(one) not in held], now)
    return [progress(one, values.get(key(one)), now, held.get(key(one)), said) for one in wanted]


def measured(engine: Engine, config: ProjectFile, wanted: Sequence[Goal], now: datetime) -> dict[Key, Measured | None]:
    """What each comes to; None where nothing measures it."""
    if not wanted:
        return {}
    others = {RESPONSES: responses(clocks_of(engine, wanted))} if config.sla is not None else {}
    with Facts(engine) as facts:
        return values_of(read_books(facts, config, now), facts, wanted, others)


def values_of(
    books: Books, facts: Facts, wanted: Sequence[Goal], others: Mapping[str, Callable[[Period], Measured | None]]
) -> dict[Key, Measured | None]:
    return {key(one): measure(books, facts, one.objective.metric, one.period, others) for one in wanted}


def rows_behind(books: Books, goal: Goal, clocks: Sequence[ClockRow]) -> dict[str, Rows]:
    """Who stands behind what a goal comes to; of first responses those that were `met` and those that were `breached`."""
    if goal.objective.metric != RESPONSES:
        return rows_of(books, goal.objective.metric, goal.period)
    found = {}
    for state in ("met", "breached"):
        some = [one for one in started(clocks, goal.period) if one.state == state]
        leads = np.array([books.past.find(books.past.heirs.get(one.hub_id, one.hub_id)) for one in some], np.intp)
        at = np.array([microseconds(one.started) for one in some], np.int64)
        found[state] = of_leads(Selected(leads[leads >= 0], at[leads >= 0]))
    return found


def started(clocks: Sequence[ClockRow], period: Period) -> list[ClockRow]:
    """The first responses that were asked for in a period."""
    return [one for one in clocks if one.clause == "first_response" and period.start <= one.started < period.end]


def responses(clocks: Sequence[ClockRow]) -> Callable[[Period], Measured | None]:
    """The share of the first responses that were in time, of those clocks that started in a period. None of none."""

    def within(period: Period) -> Measured | None:
        found = attained(started(clocks, period))
        if found.share is None:
            return None
        basis = {"met": found.met, "breached": found.breached, "open": found.open, "excluded": found.excluded}
        return Measured(found.share, basis)

    return within


def key(goal: Goal) -> Key:
    return goal.objective.name, goal.label


def clocks_of(engine: Engine, wanted: Sequence[Goal]) -> list[ClockRow]:
    """Those that the goals are counted from."""
    some = [goal.period.start for goal in wanted if goal.objective.metric == RESPONSES]
    if not some:
        return []
    with Clocks(engine) as clocks:
        return clocks.all_clocks(min(some))
