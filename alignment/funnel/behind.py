"""Who stands behind every figure of a period, all at once, in a form that can be kept: whoever opens a list later sees exactly
the rows that were counted, and nothing has to be counted again.

    kept = behind(books, facts, period)
    kept.rows("mql:reached", cut=("source", "Web"))

Figures are called `stage:figure` (STEP_FIGURES, `seen` of whom the durations are told, and `left` of a side state), as those
of PASSED_FIGURES, `not_converted` of both ways to leave, and `deals:figure`. Of moves a row is one move, of deals one deal, of
all else one lead. Not here: where it is kept. Invariant: a figure is as large as its list; nothing but ids, times and places
in lists of labels is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from alignment.funnel.columns import Mask
from alignment.funnel.counting import Books
from alignment.funnel.deals import DealBook, DealSelecting, influenced
from alignment.funnel.groups import PERIOD, Groups, by_month
from alignment.funnel.past import Past, uninterrupted
from alignment.funnel.selecting import OUTCOMES, PASSED_FIGURES, STEP_FIGURES, Selected, Selecting
from alignment.periods import Period, midnight
from state.facts import Facts, microseconds

WEEK = "week"
SECOND = 1_000_000
"""Microseconds."""


MOVES = ("inflow", "outflow", "left")
"""Figures of which a row is a move, so that a lead may be in several."""

DEALS = (
    "won", "lost", "open", "sourced_won", "sourced_open", "influenced_won", "influenced_open", "without_date",
    "without_leads",
)  # fmt: skip
GONE = "not_converted"
"""Passed to sales and gone: not qualified, or lost at the close."""

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """`who`: places among the leads, or among the deals. `more`: what else is known of each row: `at` (seconds since 1970, when
    it did what is counted), `days` (how long that took), `reason` (place in `Behind.reasons`), `since` (seconds: when it
    left), `outcome` (place in OUTCOMES)."""

    who: NDArray[np.int32]
    more: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.who)

    def of(self, mask: Mask) -> Rows:
        return Rows(self.who[mask], {name: values[mask] for name, values in self.more.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A dimension. `leads`, `deals`: the place in `labels` of each one's group; of time `edges` are the beginnings, in seconds
    since 1970, and a lead's row is in the one that its `at` falls in."""

    labels: tuple[str, ...]
    leads: NDArray[np.int16]
    deals: NDArray[np.int16]
    edges: NDArray[np.int64] | None = None

    def of(self, figure: str, rows: Rows) -> NDArray[np.int16]:
        """The group of each row of a figure."""
        if figure.startswith("deals:"):
            return self.deals[rows.who]
        if self.edges is None:
            return self.leads[rows.who]
        at = rows.more["at"].astype(np.int64)
        return (np.searchsorted(self.edges, at, side="right") - 1).clip(0, len(self.labels) - 1).astype(np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """`leads`, `deals`: hub ids. `lead_of`: deal -> the lead that it is attributed to, -1 for none."""

    leads: list[str]
    deals: list[str]
    lead_of: NDArray[np.int32]
    reasons: list[str]
    figures: Mapping[str, Rows]
    splits: Mapping[str, Split]


def behind(books: Books, facts: Facts, period: Period) -> Behind:
    with uninterrupted():
        return _behind(books, facts, period)


def _behind(books: Books, facts: Facts, period: Period) -> Behind:
    past, select = books.past, Selecting(books.past, books.terms, period)
    figures = dict(_of_steps(books, select)) | dict(_of_passed(select))
    figures |= {f"{side}:left": _rows(select.left(side)) for side in past.lifecycle.side}
    choosing: DealSelecting | None = None
    if books.deals is not None:
        touched = influenced(facts, past, books.terms, books.deals, select.start, select.end)
        choosing = DealSelecting(books.deals, touched, select)
        figures |= {f"deals:{name}": rows for name, rows in of_deals(books.deals, choosing, DEALS).items()}
    groups = {**books.groups, PERIOD: by_month(past, period), WEEK: by_week(past, period)}
    splits = {name: _split(one, choosing) for name, one in groups.items()}
    return kept_of(books, figures, splits)


def kept_of(books: Books, figures: Mapping[str, Rows], splits: Mapping[str, Split] | None = None) -> Behind:
    deals = books.deals
    return Behind(
        books.past.ids, deals.ids if deals else [], deals.lead.astype(np.int32) if deals else np.zeros(0, np.int32),
        books.past.reasons, figures, splits or {},
    )  # fmt: skip


def by_week(past: Past, period: Period) -> Groups:
    """Weeks begin on a Monday, the first one with the period."""
    days = [period.first]
    while (following := days[-1] + timedelta(days=7 - days[-1].weekday())) <= period.last:
        days.append(following)
    edges = np.array([microseconds(midnight(day, period.zone)) for day in days], np.int64)
    return Groups(WEEK, tuple(map(str, days)), np.zeros(len(past.ids), np.int32), edges)


def _of_steps(books: Books, select: Selecting) -> Iterator[tuple[str, Rows]]:
    for stage in books.terms.steps:
        for figure in (*STEP_FIGURES, "seen"):
            yield f"{stage}:{figure}", _rows(select.step(stage, figure))


def _of_passed(select: Selecting) -> Iterator[tuple[str, Rows]]:
    gone: list[Rows] = []
    for figure in PASSED_FIGURES:
        some = select.passed(figure)
        since: NDArray[np.uint32] | None = None
        if figure in OUTCOMES:
            since = _seconds(np.array(select.last(some.leads)[2], np.int64))
        rows = _rows(some, since)
        yield figure, rows
        if figure in OUTCOMES[1:]:
            outcome = np.full(len(rows), OUTCOMES.index(figure), np.int8)
            gone.append(Rows(rows.who, {**rows.more, "outcome": outcome}))
    who = np.concatenate([one.who for one in gone])
    more = {name: np.concatenate([one.more[name] for one in gone]) for name in gone[0].more}
    order = np.argsort(-more["at"].astype(np.int64), kind="stable")
    yield GONE, Rows(who[order], {name: values[order] for name, values in more.items()})


def of_deals(book: DealBook, choosing: DealSelecting, names: tuple[str, ...]) -> dict[str, Rows]:
    """The deals of each figure; those that nothing says are sourced are left out."""
    return {
        name: Rows(choosing.deals(name).astype(np.int32))
        for name in names
        if book.sourced is not None or not name.startswith("sourced")
    }


def of_leads(some: Selected) -> Rows:
    """For figures that are made elsewhere."""
    return _rows(some)


def _rows(some: Selected, since: NDArray[np.uint32] | None = None) -> Rows:
    """What took the longest first; else what happened last."""
    order = np.argsort(-some.days if some.days is not None else -some.at, kind="stable")
    more: dict[str, Array] = {"at": _seconds(some.at)[order]}
    if some.days is not None:
        more["days"] = some.days[order].astype(np.float32)
    if some.reason is not None:
        more["reason"] = some.reason[order]
    if since is not None:
        more["since"] = since[order]
    return Rows(some.leads[order].astype(np.int32), more)


def _seconds(at: NDArray[np.int64]) -> NDArray[np.uint32]:
    return (at // SECOND).clip(0, np.iinfo(np.uint32).max).astype(np.uint32)


def _split(groups: Groups, choosing: DealSelecting | None) -> Split:
    deals = np.zeros(0, np.int16)
    if choosing is not None:
        deals = choosing.groups(np.arange(len(choosing.book.ids)), groups).astype(np.int16)
    edges = None if groups.edges is None else groups.edges // SECOND
    leads = groups.codes.astype(np.int16) if groups.edges is None else np.zeros(0, np.int16)
    return Split(groups.labels, leads, deals, edges)
