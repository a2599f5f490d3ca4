"""The funnel of a period: every figure, for all leads and for each group of them, and who stands behind each.

    with Facts(engine) as facts:
        books = read_books(facts, config, now)
        found = funnel(books, facts, period)
        leads_behind(books, facts, period, "stuck", stage="sql", cut=("source", "Web"))

Invariant: the figures of a dimension's groups add up to those of the whole; a figure is as large as the list of those
behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from alignment.funnel.columns import Mask
from alignment.funnel.deals import DealBook, DealSelecting, deals_of, influenced, read_deals
from alignment.funnel.figures import Counts, Days, Deals, Funnel, Passed, PassedLead, Share, Step, spreads
from alignment.funnel.groups import (
    PERIOD,
    PERSONA,
    SEGMENT,
    Groups,
    by_conditions,
    by_field,
    by_month,
    everybody,
)
from alignment.funnel.past import Past, read_past, uninterrupted
from alignment.funnel.selecting import OUTCOMES, PASSED_FIGURES, STEP_FIGURES, Selected, Selecting
from alignment.funnel.terms import OWNER, Terms, terms_of
from alignment.periods import Period
from mapping.config import ProjectFile
from state.facts import Facts, microseconds, moment


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """All that a funnel is counted from. `groups`: the dimensions by which figures can be told apart, but for time."""

    terms: Terms
    past: Past
    deals: DealBook | None
    groups: Mapping[str, Groups]


def read_books(facts: Facts, config: ProjectFile, now: datetime | None = None) -> Books:
    """`now`: later stages count as mistakes."""
    with uninterrupted():
        return _read_books(facts, config, now)


def _read_books(facts: Facts, config: ProjectFile, now: datetime | None) -> Books:
    terms = terms_of(config)
    past = read_past(facts, terms.lifecycle, terms.fields, microseconds(now or datetime.now(UTC)))
    groups = {name: by_field(past, name, past.columns[name]) for name in terms.cuts if name != PERSONA}
    if config.personas:
        groups[PERSONA] = by_conditions(past, PERSONA, [(one.name, one.when) for one in config.personas])
    if config.funnel.segments:
        groups[SEGMENT] = by_conditions(past, SEGMENT, [(one.name, one.when) for one in config.funnel.segments])
    deals = read_deals(facts, past, terms) if config.deals is not None else None
    return Books(terms, past, deals, groups)


def funnel(books: Books, facts: Facts, period: Period, *, cuts: Iterable[str] | None = None) -> Funnel:
    """`cuts`: dimensions of `Books.groups`, and `period`; all where it is None. Raises KeyError for another."""
    now, before = Selecting(books.past, books.terms, period), Selecting(books.past, books.terms, period.before)
    touched = _touched(books, facts, before.start, now.end)
    names = [*books.groups, PERIOD] if cuts is None else list(cuts)
    found: dict[str, Mapping[str, Counts]] = {}
    for name in names:
        groups = by_month(books.past, period) if name == PERIOD else books.groups[name]
        found[name] = dict(zip(groups.labels, _counts(books, now, touched, groups), strict=True))
    whole = everybody(books.past)
    (total,), (earlier,) = _counts(books, now, touched, whole), _counts(books, before, touched, whole)
    excluded = {"without_stage": books.past.without_stage, "in_future": books.past.in_future}
    return Funnel(
        period, moment(books.past.now), books.terms.settings.within, total, earlier, found, excluded
    )  # fmt: skip


def _touched(books: Books, facts: Facts, since: int, until: int) -> Mask:
    if books.deals is None:
        return np.zeros(0, bool)
    with uninterrupted():
        return influenced(facts, books.past, books.terms, books.deals, since, until)


def _counts(books: Books, select: Selecting, touched: Mask, groups: Groups) -> list[Counts]:
    """Of each group."""
    steps = [_steps(select, stage, groups) for stage in books.terms.steps]
    passed, left = _passed(select, groups), _left(select, groups)
    deals: Sequence[Deals | None] = [None] * len(groups.labels)
    if books.deals is not None:
        deals = deals_of(books.deals, touched, select, groups)
    return [Counts(tuple(step[n] for step in steps), passed[n], deals[n], left[n]) for n in range(len(groups.labels))]


def _sizes(some: Selected, groups: Groups) -> list[int]:
    found: list[int] = np.bincount(groups.of(some.leads, some.at), minlength=len(groups.labels)).tolist()
    return found


def _days(some: Selected, groups: Groups) -> Sequence[Days]:
    assert some.days is not None
    return spreads(some.days, groups.of(some.leads, some.at), len(groups.labels))


def _steps(select: Selecting, stage: str, groups: Groups) -> list[Step]:
    sizes = {figure: _sizes(select.step(stage, figure), groups) for figure in STEP_FIGURES if figure != "not_reached"}
    days, age = _days(select.step(stage, "seen"), groups), _days(select.step(stage, "waiting"), groups)
    following, limit = select.terms.next.get(stage), select.limits[stage]
    return [
        Step(
            stage=stage,
            next=following,
            entered=sizes["entered"][n],
            inferred=sizes["inferred"][n],
            reached=Share(sizes["reached"][n], sizes["entered"][n] if following else 0),
            within=Share(sizes["within"][n], sizes["mature"][n] if following else 0),
            days=days[n],
            inflow=sizes["inflow"][n],
            outflow=sizes["outflow"][n],
            waiting=sizes["waiting"][n],
            age=age[n],
            stuck=sizes["stuck"][n] if limit is not None else None,
            limit=limit,
        )
        for n in range(len(groups.labels))
    ]


def _passed(select: Selecting, groups: Groups) -> list[Passed]:
    some = {figure: select.passed(figure) for figure in PASSED_FIGURES}
    sizes = {figure: _sizes(one, groups) for figure, one in some.items()}
    reasons = {figure: _reasons(select, some[figure], groups) for figure in ("not_qualified", "lost")}
    return [
        Passed(
            passed=sizes["passed"][n],
            accepted=Share(sizes["accepted"][n], sizes["passed"][n]),
            converted=Share(sizes["converted"][n], sizes["passed"][n]),
            open=sizes["open"][n],
            not_qualified=sizes["not_qualified"][n],
            lost=sizes["lost"][n],
            reasons={figure: told[n] for figure, told in reasons.items()},
        )
        for n in range(len(groups.labels))
    ]


def _left(select: Selecting, groups: Groups) -> list[dict[str, dict[str, int]]]:
    by_side = {side: _reasons(select, select.left(side), groups) for side in select.past.lifecycle.side}
    return [{side: told[n] for side, told in by_side.items() if told[n]} for n in range(len(groups.labels))]


def _reasons(select: Selecting, some: Selected, groups: Groups) -> list[dict[str, int]]:
    """Of each group: reason -> how many, the most frequent first."""
    assert some.reason is not None
    names = select.past.reasons
    cells = groups.of(some.leads, some.at).astype(np.int64) * len(names) + some.reason
    found: list[dict[str, int]] = [{} for _ in groups.labels]
    numbers, sizes = np.unique(cells, return_counts=True)
    told = sorted(zip(numbers.tolist(), sizes.tolist(), strict=True), key=lambda one: (-one[1], one[0]))
    for number, size in told:
        found[number // len(names)][names[number % len(names)]] = size
    return found


# -- who stands behind a figure -----------------------------------------------------------------------------------------


def leads_behind(
    books: Books,
    facts: Facts,
    period: Period,
    figure: str,
    *,
    stage: str | None = None,
    cut: tuple[str, str] | None = None,
    reason: str | None = None,
) -> list[str]:
    """The ids of the leads that a figure counts, each once. `figure`: with a `stage`, one of STEP_FIGURES, or `left` of a
    side state; without, one of PASSED_FIGURES, or won, lost_deals, open_deals, sourced_won, influenced_won, ... of deals.
    `cut`: a dimension and one of its values. Raises KeyError for names that there are not, ValueError for stages."""
    select = Selecting(books.past, books.terms, period)
    if stage is not None:
        some = select.left(stage) if figure == "left" else select.step(stage, figure)
    elif figure in PASSED_FIGURES:
        some = select.passed(figure)
    else:
        return _leads_of_deals(books, facts, select, period, figure, cut)
    chosen: Mask = np.ones(len(some.leads), bool)
    if cut is not None:
        chosen &= _within(books, period, cut, some)
    if reason is not None:
        assert some.reason is not None
        chosen &= some.reason == (books.past.reasons.index(reason) if reason in books.past.reasons else -1)
    return books.past.names(some.leads[chosen])


def _groups(books: Books, period: Period, name: str) -> Groups:
    return by_month(books.past, period) if name == PERIOD else books.groups[name]


def _within(books: Books, period: Period, cut: tuple[str, str], some: Selected) -> Mask:
    groups = _groups(books, period, cut[0])
    if cut[1] not in groups.labels:
        raise KeyError(cut[1])
    mask: Mask = groups.of(some.leads, some.at) == groups.labels.index(cut[1])
    return mask


def _leads_of_deals(
    books: Books, facts: Facts, select: Selecting, period: Period, figure: str, cut: tuple[str, str] | None
) -> list[str]:
    if books.deals is None:
        raise KeyError(figure)
    choosing = DealSelecting(books.deals, _touched(books, facts, select.start, select.end), select)
    deals = choosing.deals(figure.removesuffix("_deals"))
    if cut is not None:
        groups = _groups(books, period, cut[0])
        if cut[1] not in groups.labels:
            raise KeyError(cut[1])
        deals = deals[choosing.groups(deals, groups) == groups.labels.index(cut[1])]
    leads = sorted({n for deal in deals.tolist() for n in books.deals.leads[deal]})
    return books.past.names(np.array(leads, np.intp))


def not_converted(books: Books, period: Period, outcomes: Iterable[str] = OUTCOMES) -> list[PassedLead]:
    """The leads that were passed to sales in the period and have not converted, those that were passed last first."""
    select = Selecting(books.past, books.terms, period)
    owner = books.past.columns.get(OWNER)
    found: list[PassedLead] = []
    for outcome in outcomes:
        some = select.passed(outcome)
        leads: NDArray[np.intp] = some.leads
        stages, reasons, since = select.last(leads)
        told = zip(leads.tolist(), some.at.tolist(), stages, reasons, since, strict=True)
        for lead, at, stage, reason, left in told:
            whose = owner.values[owner.codes[lead]] if owner is not None else None
            found.append(
                PassedLead(
                    books.past.ids[lead], moment(at), outcome, stage, reason if outcome != "open" else "",
                    whose if isinstance(whose, str) else None, moment(left) if outcome != "open" else None,
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: (-one.passed_at.timestamp(), one.lead))
