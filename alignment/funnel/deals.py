"""Deals as columns: what was won and lost, what is open, what marketing brought and had a hand in.

A deal is attributed to the lead of it that was there first (by its first stage). Amounts are whole cents while they are
added, so that the sum does not depend on the order. Nothing that cannot be added is taken for 0: it is left out, and
counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from alignment.funnel.columns import Mask
from alignment.funnel.figures import Deals, Money, Share
from alignment.funnel.groups import Groups
from alignment.funnel.past import DAY, NEVER, Past, Times
from alignment.funnel.selecting import Selecting
from alignment.funnel.terms import Terms
from alignment.periods import midnight
from mapping.fields import Value
from state.facts import Facts, microseconds

FIELDS = ("stage", "amount", "currency", "close_date", "contacts")
OPEN, WON, LOST = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class DealBook:
    """`state`: OPEN, WON, LOST, or -1 for another. `at`: the beginning of the day on which it was closed, NEVER where
    none is known; `ends`: the end of that day. `lead`: the one it is attributed to, -1 for none; `leads`: all of them.
    `cents`: of `currencies[currency]`, converted where there is a rate; 0 where `counts` says that nothing is known."""

    ids: list[str]
    state: NDArray[np.int8]
    at: Times
    ends: Times
    lead: NDArray[np.intp]
    leads: list[list[int]]
    cents: NDArray[np.int64]
    currency: NDArray[np.int16]
    currencies: tuple[str, ...]
    has_amount: Mask
    converts: Mask
    sourced: Mask | None


def read_deals(facts: Facts, past: Past, terms: Terms) -> DealBook:
    ids: list[str] = []
    columns: list[list[Value]] = [[] for _ in FIELDS]
    for some, values, _ in facts.columns("deal", FIELDS):
        ids += some
        for column, part in zip(columns, values, strict=True):
            column.extend(part)
    stages, amounts, currencies, dates, contacts = columns
    leads = [[n for one in _members(value) if (n := past.find(past.heirs.get(one, one))) >= 0] for value in contacts]
    first = _first(past)
    lead = np.array([min(some, key=lambda n: (first[n], n), default=-1) for some in leads], np.intp)
    days = {value: _day(value, terms.settings.time_zone) for value in set(map(str, dates))}
    spans = [days[str(value)] for value in dates]
    cents, names, has_amount, converts = _money(terms, amounts, currencies)
    order = sorted(set(names))
    brought = past.holds(terms.settings.sourced) if terms.settings.sourced is not None else None
    return DealBook(
        ids,
        np.array([{"open": OPEN, "won": WON, "lost": LOST}.get(str(stage), -1) for stage in stages], np.int8),
        np.array([start if start <= past.now else NEVER for start, _ in spans], np.int64),
        np.array([end for _, end in spans], np.int64),
        lead,
        leads,
        np.array(cents, np.int64),
        np.array([order.index(name) for name in names], np.int16),
        tuple(order),
        np.array(has_amount, bool),
        np.array(converts, bool),
        None if brought is None else np.array([n >= 0 and brought[n] for n in lead.tolist()], bool),
    )


def _money(
    terms: Terms, amounts: Sequence[Value], currencies: Sequence[Value]
) -> tuple[list[int], list[str], list[bool], list[bool]]:
    """Cents and their currency of each deal, whether there is an amount, and whether its currency is one that counts."""
    own, rates = terms.config.currency, terms.config.rates
    cents, names, there, fits = [], [], [], []
    for amount, said in zip(amounts, currencies, strict=True):
        code = str(said).upper() if said else own or ""
        rate = 1.0 if own is None or code == own else rates.get(code)
        known = isinstance(amount, int | float) and not isinstance(amount, bool)
        cents.append(round(float(amount) * (rate or 1.0) * 100) if known and isinstance(amount, int | float) else 0)
        names.append(own if own is not None and rate is not None else code)
        there.append(known)
        fits.append(rate is not None)
    return cents, names, there, fits


def influenced(facts: Facts, past: Past, terms: Terms, book: DealBook, since: int, until: int) -> Mask:
    """The deals won from `since` on and before `until`, and those open now, of which a lead has done something of the
    configured types in the configured days before the end of the day on which it was won (before now)."""
    said = terms.settings.influenced
    ends = np.where(book.state == OPEN, past.now + 1, np.minimum(book.ends, past.now + 1))
    asked = (book.state == OPEN) | ((book.state == WON) & (book.at >= since) & (book.at < until))
    pairs = [(deal, lead) for deal in np.flatnonzero(asked).tolist() for lead in book.leads[deal]]
    deals, leads = np.array(pairs, np.intp).reshape(-1, 2).T
    until_, since_ = ends[deals], ends[deals] - said.days * DAY
    found: Mask = np.zeros(len(book.ids), bool)
    for start, end in facts.spans():
        some = np.flatnonzero((since_ < end) & (until_ > start) & ~found[deals])
        spans: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for lead, *span in zip(*(one[some].tolist() for one in (leads, since_, until_, deals)), strict=True):
            spans[past.ids[lead]].append((span[0], span[1], span[2]))
        for hub_id, at in facts.touches(spans, said.activities, start, end):
            for a, b, deal in spans[hub_id]:
                if a <= at < b:
                    found[deal] = True
    return found


def deals_of(book: DealBook, touched: Mask, selecting: Selecting, groups: Groups) -> list[Deals]:
    """The figures of each group."""
    select = DealSelecting(book, touched, selecting)
    count = len(groups.labels)

    def split(figure: str) -> NDArray[np.intp]:
        return select.deals(figure)

    def sizes(deals: NDArray[np.intp]) -> list[int]:
        found: list[int] = np.bincount(select.groups(deals, groups), minlength=count).tolist()
        return found

    won, lost, opened = (split(figure) for figure in ("won", "lost", "open"))
    money = {figure: select.money(split(figure), groups) for figure in ("won", "open")}
    for figure in ("sourced_won", "sourced_open", "influenced_won", "influenced_open"):
        if book.sourced is not None or not figure.startswith("sourced"):
            money[figure] = select.money(split(figure), groups)
    won_sizes, lost_sizes, open_sizes = sizes(won), sizes(lost), sizes(opened)
    dateless, alone = sizes(select.deals("without_date")), sizes(select.deals("without_leads"))
    none: list[Money | None] = [None] * count
    return [
        Deals(
            won_sizes[n], lost_sizes[n], open_sizes[n], Share(won_sizes[n], won_sizes[n] + lost_sizes[n]),
            money["won"][n], money["open"][n],
            money.get("sourced_won", none)[n], money.get("sourced_open", none)[n],
            money["influenced_won"][n], money["influenced_open"][n], dateless[n], alone[n],
        )
        for n in range(count)
    ]  # fmt: skip


class DealSelecting:
    """Which deals a figure counts."""

    def __init__(self, book: DealBook, touched: Mask, selecting: Selecting) -> None:
        self.book, self.touched, self.selecting = book, touched, selecting

    def deals(self, figure: str) -> NDArray[np.intp]:
        """Raises KeyError for a figure that there is not, and for sourced ones where nothing says what that is."""
        book, start, end = self.book, self.selecting.start, self.selecting.end
        closed = (book.at >= start) & (book.at < end)
        if figure == "without_date":
            return np.flatnonzero(((book.state == WON) | (book.state == LOST)) & (book.at == NEVER))
        if figure == "without_leads":
            return np.flatnonzero((((book.state == WON) & closed) | (book.state == OPEN)) & (book.lead < 0))
        how, _, state = figure.rpartition("_")
        some = {"won": (book.state == WON) & closed, "lost": (book.state == LOST) & closed, "open": book.state == OPEN}[
            state
        ]
        if how == "sourced":
            if book.sourced is None:
                raise KeyError(figure)
            some = some & book.sourced
        elif how == "influenced":
            some = some & self.touched
        elif how:
            raise KeyError(figure)
        return np.flatnonzero(some)

    def groups(self, deals: NDArray[np.intp], groups: Groups) -> NDArray[np.int32]:
        """The group of each deal's lead; that of a deal without one is the blank one, or the last."""
        book = self.book
        at = np.where(book.at[deals] == NEVER, self.selecting.until - 1, book.at[deals])
        at = np.where(book.state[deals] == OPEN, self.selecting.until - 1, at)
        leads = book.lead[deals]
        if groups.edges is not None:
            return groups.of(leads, at)
        alone = groups.labels.index("") if "" in groups.labels else len(groups.labels) - 1
        return np.where(leads < 0, alone, groups.codes[leads] if len(groups.codes) else alone).astype(np.int32)

    def money(self, deals: NDArray[np.intp], groups: Groups) -> list[Money]:
        book, count = self.book, len(groups.labels)
        own = self.groups(deals, groups)
        there, fits = book.has_amount[deals], book.converts[deals]
        without = np.bincount(own[~there], minlength=count).tolist()
        other = np.bincount(own[there & ~fits], minlength=count).tolist()
        counted, width = there & fits, max(1, len(book.currencies))
        cells = own[counted].astype(np.int64) * width + book.currency[deals][counted]
        sums = np.bincount(cells, weights=book.cents[deals][counted].astype(float), minlength=count * width)
        numbers = np.bincount(cells, minlength=count * width)
        found = []
        for n in range(count):
            row = range(n * width, n * width + len(book.currencies))
            totals = {book.currencies[c - n * width]: round(float(sums[c]) / 100, 2) for c in row if numbers[c]}
            found.append(Money(totals, int(sum(numbers[c] for c in row)), without[n], other[n]))
        return found


def _members(value: Value) -> Sequence[str]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) else ()


def _first(past: Past) -> Times:
    """When each lead's first stage was entered; NEVER for those that are left out."""
    first = np.full(len(past.ids), NEVER)
    starts = np.flatnonzero(past.events.old == -1)
    first[past.events.lead[starts]] = past.events.at[starts]
    return first


def _day(text: str, zone: str) -> tuple[int, int]:
    """Beginning and end of a day of the calendar; NEVER for what is none."""
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return NEVER, NEVER
    return microseconds(midnight(day, zone)), microseconds(midnight(day + timedelta(days=1), zone))
