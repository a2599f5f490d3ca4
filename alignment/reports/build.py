"""The report of a period, from the database: one pass over the events, one over the leads, and what is kept besides.

    report(engine, project, period_of("week", now), now)

Not here: how it is written down (`render`), and the look into each system's own records, which is handed in as `reconcile`
by who may look there (`sync.reporting`). Invariant: nothing is written; the same database and moment give the same report.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from alignment.funnel.counting import Books, funnel, read_books
from alignment.funnel.deals import WON
from alignment.funnel.groups import PERSONA
from alignment.funnel.past import NEVER
from alignment.funnel.selecting import Selecting
from alignment.glossary import glossary
from alignment.journeys import Journey, Move
from alignment.objectives import Goal, Progress, goals, progress
from alignment.periods import Period, label_of, local_day, period_named
from alignment.reports.agenda import agenda
from alignment.reports.aims import objectives, personas, systems
from alignment.reports.changed import changed
from alignment.reports.late import late
from alignment.reports.leaks import feedback, leaks
from alignment.reports.material import Material, Reconcile
from alignment.reports.model import Explained, Report
from alignment.reports.periods import kind_of
from alignment.sla.target import Delivered, Target, delivered, steps_of, target
from alignment.sla.target import Measured as Rates
from alignment.standing import RESPONSES, key, responses, values_of
from alignment.words import languages
from mapping.agreement.sla import Pact
from mapping.loader import Project
from state.attainments import acceptances, attainments, newest
from state.clocks import ClockRow, Clocks
from state.decisions import decisions
from state.facts import Facts, microseconds
from state.history import Engine

SOURCE = "source"


def report(
    engine: Engine, project: Project, period: Period, now: datetime, reconcile: Reconcile | None = None
) -> Report:
    """`period`: of whole days, that has begun by `now`. `reconcile`: says of each system which leads it counts too; without
    it the report says that nobody has looked."""
    seen = _read(engine, project, period, now, reconcile)
    sections = (
        agenda(seen), changed(seen), late(seen), leaks(seen), feedback(seen), objectives(seen), personas(seen),
        systems(seen),
    )  # fmt: skip
    told = {language: _glossary(project, language) for language in languages()}
    leads = len(seen.books.past.ids)
    first = project.config.languages[0]
    return Report(kind_of(period), period, period.before, now, first, leads, sections, told)


def _glossary(project: Project, language: str) -> tuple[Explained, ...]:
    return tuple(
        Explained(
            one.stage, one.means, one.entry, one.criteria,
            tuple((called.system, called.word or "") for called in one.called),
        )
        for one in glossary(project, language).entries
    )  # fmt: skip


def _read(engine: Engine, project: Project, period: Period, now: datetime, reconcile: Reconcile | None) -> Material:
    config = project.config
    wanted = goals(config, period.last)
    since = min([period.before.start, *(goal.period.start for goal in wanted)])
    with Clocks(engine) as kept:
        clocks = kept.all_clocks(since) if config.sla else []
        running, looked = kept.all_clocks(open_only=True) if config.sla else [], kept.position().at
    with Facts(engine) as facts:
        books = read_books(facts, config, now)
        found = funnel(books, facts, period, cuts=[name for name in (SOURCE, PERSONA) if name in books.groups])
        standing = _progress(engine, books, facts, wanted, clocks, now)
    return Material(
        project, books, period, now, found, standing, config.sla,
        [one for one in clocks if one.started >= period.before.start], running, looked,
        _promised(engine, books, config.sla, period, now) if config.sla else None, decisions(engine),
        reconcile(books.terms.passed, _passed(books, period)) if reconcile else None,
    )  # fmt: skip


def _passed(books: Books, period: Period) -> dict[str, int]:
    """The leads that were passed to sales in the period, and when."""
    some = Selecting(books.past, books.terms, period).passed("passed")
    return {books.past.ids[lead]: at for lead, at in zip(some.leads.tolist(), some.at.tolist(), strict=True)}


def _progress(
    engine: Engine, books: Books, facts: Facts, wanted: Sequence[Goal], clocks: Sequence[ClockRow], now: datetime
) -> list[Progress]:
    held, said = newest(attainments(engine)), acceptances(engine)
    due = [goal for goal in wanted if key(goal) not in held]
    values = values_of(books, facts, due, {RESPONSES: responses(clocks)})
    return [progress(goal, values.get(key(goal)), now, held.get(key(goal)), said) for goal in wanted]


# -- what marketing has promised ----------------------------------------------------------------------------------------


def _promised(
    engine: Engine, books: Books, pact: Pact, period: Period, now: datetime
) -> tuple[datetime, Target | None, Delivered] | None:
    """Of the month or quarter of the pact in which the period ends, until the period's end."""
    marketing = pact.marketing
    if marketing.volume is None and marketing.quality is None and marketing.completeness is None:
        return None
    per = marketing.volume.per if marketing.volume else "month"
    last = min(period.last, local_day(now, pact.zone))  # by the calendar: in the pact's zone, midnight is another hour
    since = period_named(label_of(per, last), pact.zone)[1].start
    aim = target(marketing, _rates(books, pact, now)) if marketing.volume else None
    entered = books.past.entered[marketing.stage]
    some = np.flatnonzero((entered >= microseconds(since)) & (entered != NEVER))
    cohort = _journeys(books, some)
    fields = {}
    if marketing.completeness:
        with Clocks(engine) as kept:
            fields = kept.become([one.hub_id for one in cohort])
    brought = delivered(
        marketing, cohort, fields, books.past.lifecycle.side, microseconds(since), microseconds(period.end),
        books.past.now, aim.value if aim else None,
    )  # fmt: skip
    return since, aim, brought


def _rates(books: Books, pact: Pact, now: datetime) -> Rates:
    """What the target is derived from, as far as it is measured: as `alignment.sla.target.measure`, from the columns."""
    volume = pact.marketing.volume
    assert volume is not None
    since = microseconds(now - timedelta(days=round(volume.measured_over * 30.44)))
    passed = {}
    for before, stage in steps_of(pact.marketing):
        came = (books.past.entered[before] >= since) & (books.past.entered[before] != NEVER)
        passed[before, stage] = int(came.sum()), int((came & (books.past.entered[stage] != NEVER)).sum())
    amounts: list[float] = []
    if books.deals is not None:
        deals = books.deals
        won = (deals.state == WON) & (deals.at >= since) & (deals.at != NEVER) & deals.has_amount & deals.converts
        amounts = (deals.cents[won] / 100).tolist()
    return Rates(passed, amounts)


def _journeys(books: Books, leads: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[Journey]:
    """The ways of a few leads, as `alignment.journeys` tells them."""
    past, e = books.past, books.past.events
    found = []
    for lead in leads.tolist():
        start, end = np.searchsorted(e.lead, [lead, lead + 1]).tolist()
        moves = [
            Move(
                int(e.at[n]), past.stages[e.old[n]] if e.old[n] >= 0 else None, past.stages[e.new[n]],
                past.reasons[e.reason[n]] or None, "",
            )
            for n in range(start, end)
        ]  # fmt: skip
        entered = {stage: int(times[lead]) for stage, times in past.entered.items() if times[lead] != NEVER}
        jumped = {stage for stage in entered if past.inferred[stage][lead]}
        found.append(Journey(past.ids[lead], entered, jumped, moves, moves[-1].new, moves[-1].at))
    return found
