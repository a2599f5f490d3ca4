"""Objectives: what each period's target is, what has been reached, what it will come to, and what was frozen of it.

A target that is derived follows from that of another objective, so that visits, leads and deals all serve the revenue.
Frozen values are kept in `state.attainments`. Invariant: what is measured says what it was counted from (`basis`), and a
period that is not over is never frozen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from alignment.funnel.behind import Rows, of_deals, of_leads
from alignment.funnel.counting import Books
from alignment.funnel.deals import DealSelecting
from alignment.funnel.figures import Money
from alignment.funnel.groups import everybody
from alignment.funnel.selecting import Selecting
from alignment.periods import Period, label_of, period_named
from mapping.agreement.check_figures import named, period_of
from mapping.agreement.objectives import SHARES, Objective, Unit
from mapping.config import ProjectFile
from state.attainments import Acceptance, Attainment
from state.facts import Facts

TEAMS = ("marketing", "sales")
MONEY = ("revenue", "pipeline", "sourced_revenue")
STOCKS = ("pipeline",)
"""What is there at a moment, and does not add up over a period."""

STAGES = {"leads": "lead", "opportunities": "opportunity"}
"""Metric -> the stage that it counts, where it is called otherwise."""

DEALS = {"won_deals": "won", "revenue": "won", "pipeline": "open", "sourced_revenue": "sourced_won"}
"""Metric -> the deals that it counts or adds up."""

Measure = Callable[[Period], "Measured | None"]


@dataclass(frozen=True, slots=True)
class Measured:
    """`basis`: what the value was counted from, by name: counts, and what was left out."""

    value: float
    basis: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective in one period. `chain`: the objectives that its target comes from, the first first."""

    objective: Objective
    unit: Unit
    label: str
    period: Period
    target: float
    chain: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """`value` is None where nothing measures it yet. `forecast`: by the run rate, `elapsed` of `whole` days (business days
    where `business_days`); of shares and of what is there at a moment, as it stands. `frozen`: the value that holds once
    and for all; then `value` is that. `accepted`: team -> who stands by the frozen value, or before by the target."""

    goal: Goal
    value: float | None
    attainment: float | None
    forecast: float | None
    elapsed: float
    whole: int
    business_days: bool
    basis: Mapping[str, Any]
    frozen: Attainment | None
    accepted: Mapping[str, Acceptance]


# -- periods and targets ------------------------------------------------------------------------------------------------


def goals(config: ProjectFile, day: date, label: str | None = None) -> list[Goal]:
    """Every objective in the period that the day falls in, or in the one with this label, in which it holds for all of
    it."""
    by_name = named(config.objectives)
    zone = config.funnel.time_zone
    found = []
    for one in config.objectives:
        unit = period_of(one, by_name)
        asked, period = period_named(label or label_of(unit, day), zone)
        start, end = _term(one, by_name)
        if asked == unit and (start is None or start <= period.first) and (end is None or period.last <= end):
            target, chain = _target(one, by_name)
            found.append(Goal(one, unit, label_of(unit, period.first), period, target, chain))
    return found


def _target(one: Objective, by_name: Mapping[str, Objective]) -> tuple[float, tuple[str, ...]]:
    if one.derived_from is None:
        assert one.target is not None
        return one.target, (one.name,)
    target, chain = _target(by_name[one.derived_from.objective], by_name)
    return one.derived_from.needed(target), (*chain, one.name)


def _term(one: Objective, by_name: Mapping[str, Objective]) -> tuple[date | None, date | None]:
    start, end = one.start, one.end
    while one.derived_from is not None:
        one = by_name[one.derived_from.objective]
        start, end = start or one.start, end or one.end
    return start, end


# -- measuring ----------------------------------------------------------------------------------------------------------


def measure(
    books: Books, facts: Facts, metric: str, period: Period, others: Mapping[str, Measure] | None = None
) -> Measured | None:
    """What a metric comes to in a period; None where nothing measures it. `others`: metrics that are measured elsewhere."""
    if others and metric in others:
        return others[metric](period)
    select = Selecting(books.past, books.terms, period)
    excluded = {"without_stage": books.past.without_stage, "in_future": books.past.in_future}
    if metric == "visits":
        count = facts.happened("page_visit", select.start, select.until)
        return Measured(float(count), {"visits": count})
    if metric == "acceptance_rate":
        passed, accepted = len(select.passed("passed").leads), len(select.passed("accepted").leads)
        if not passed:
            return None
        return Measured(accepted / passed, {"passed": passed, "accepted": accepted, **excluded})
    ladder = books.terms.lifecycle.ladder
    stage = STAGES.get(metric, metric)
    if stage in ladder:
        count = len(select.step(stage, "entered").leads)
        inferred = len(select.step(stage, "inferred").leads)
        return Measured(float(count), {"leads": count, "inferred": inferred, **excluded})
    return _of_deals(books, select, metric) if books.deals is not None else None


def _of_deals(books: Books, select: Selecting, metric: str) -> Measured | None:
    figure = DEALS.get(metric)
    if figure is None or books.deals is None or (figure.startswith("sourced") and books.deals.sourced is None):
        return None
    choosing = DealSelecting(books.deals, np.zeros(len(books.deals.ids), bool), select)
    deals = choosing.deals(figure)
    dateless = len(choosing.deals("without_date"))
    if metric == "won_deals":
        return Measured(float(len(deals)), {"deals": len(deals), "without_date": dateless})
    (money,) = choosing.money(deals, everybody(books.past))
    return Measured(_sum(money, books.terms.config), {**_told(money), "without_date": dateless})


def rows_of(books: Books, metric: str, period: Period) -> dict[str, Rows]:
    """Who stands behind what `measure` comes to: `counted`, or `deals:counted`; of the acceptance rate `passed` and `accepted`.
    Empty of what counts no leads."""
    select = Selecting(books.past, books.terms, period)
    if metric == "acceptance_rate":
        return {figure: of_leads(select.passed(figure)) for figure in ("passed", "accepted")}
    stage = STAGES.get(metric, metric)
    if stage in books.terms.lifecycle.ladder:
        return {"counted": of_leads(select.step(stage, "entered"))}
    if books.deals is None or metric not in DEALS:
        return {}
    choosing = DealSelecting(books.deals, np.zeros(len(books.deals.ids), bool), select)
    found = of_deals(books.deals, choosing, (DEALS[metric],))
    return {"deals:counted": found[DEALS[metric]]} if found else {}


def _sum(money: Money, config: ProjectFile) -> float:
    return money.totals.get(config.currency or "", 0.0)


def _told(money: Money) -> dict[str, Any]:
    return {
        "deals": money.deals, "totals": dict(money.totals), "without_amount": money.without_amount,
        "other_currency": money.other_currency,
    }  # fmt: skip


# -- progress -----------------------------------------------------------------------------------------------------------


def progress(
    goal: Goal,
    measured: Measured | None,
    now: datetime,
    frozen: Attainment | None = None,
    accepted: Iterable[Acceptance] = (),
) -> Progress:
    """`frozen`: the row that holds of this objective and period. `accepted`: all of them, in the order of their making."""
    one = goal.objective
    elapsed, whole = days_of(goal.period, now, one.business_days)
    value = frozen.value if frozen else measured.value if measured else None
    target = frozen.target if frozen else goal.target
    stands = {
        said.team: said
        for said in accepted
        if (said.objective, said.period) == (one.name, goal.label)
        and said.attainment_id == (frozen.id if frozen else None)
        and math.isclose(said.target, target)
    }
    forecast = value
    if value is not None and not frozen and one.metric not in (*SHARES, *STOCKS) and elapsed < whole:
        forecast = value / elapsed * whole if elapsed > 0 else None
    basis = frozen.basis if frozen else measured.basis if measured else {}
    return Progress(
        goal, value, value / target if value is not None else None, forecast, elapsed, whole, one.business_days, basis,
        frozen, stands,
    )  # fmt: skip


def days_of(period: Period, now: datetime, business: bool) -> tuple[float, int]:
    """How many days of the period have passed, today in part, and how many it has; of working days (Monday to Friday)
    alone where `business`."""
    local = now.astimezone(ZoneInfo(period.zone))
    days = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]
    if business:
        days = [day for day in days if day.weekday() < 5]
    part = (local.hour * 3600 + local.minute * 60 + local.second) / 86_400
    passed = sum(1.0 for day in days if day < local.date())
    return passed + (part if local.date() in days else 0.0), len(days)


def over(goal: Goal, now: datetime) -> bool:
    """Whether the period is over, and may be frozen."""
    return goal.period.end <= now
