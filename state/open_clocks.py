"""The clocks that have not stopped, the most urgent first, a page at a time: by the index over those alone.

Invariant: a page is found from the place of the last one, so the thousandth costs what the first does; and none is shown twice
while nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from state import tables as t
from state.clocks import ClockRow
from state.history import Engine

Which = Literal["late", "soon", "later", "still"]
"""Over time; due until a moment; due after it; without an end in sight, since they stand still or have no limit."""

BATCH, MOST = 500, 3_000
"""Clocks that are looked at together, and for one page, where those of one clause are looked for."""

_c = t.sla_clock.c
_OPEN = (_c.stopped.is_(None), _c.state != "cancelled")
_KEY = (_c.due, _c.hub_id, _c.clause, _c.started)


class Place(NamedTuple):
    """Of a clock among the others. `due` is None of those that stand still."""

    due: datetime | None
    hub_id: str
    clause: str
    started: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    late: int
    soon: int
    open: int


def place_of(row: ClockRow) -> Place:
    return Place(row.due, row.hub_id, row.clause, row.started)


class Page(NamedTuple):
    """`after`: the place to go on from; None where there are no more."""

    rows: list[ClockRow]
    after: Place | None


def open_clocks(
    engine: Engine, which: Which, now: datetime, soon: datetime, *, clause: str = "", after: Place | None = None,
    limit: int = 50, most: int = MOST,
) -> Page:  # fmt: skip
    """By due time. `soon`: until when is soon; `clause`: of that clause alone, which may be few among many: after `most` clocks
    that were looked at, the page ends with what there is."""
    found: list[ClockRow] = []
    looked = 0
    with engine.connect() as connection:
        while looked < most:
            size = min(BATCH if clause else limit + 1, most - looked)
            some = [ClockRow(*row) for row in connection.execute(_query(which, now, soon, after, size))]
            looked += len(some)
            for row in some:
                if clause in ("", row.clause):
                    if len(found) == limit:
                        return Page(found, place_of(found[-1]))
                    found.append(row)
            if len(some) < size:
                return Page(found, None)
            after = place_of(some[-1])
    return Page(found, after)


def _query(which: Which, now: datetime, soon: datetime, after: Place | None, limit: int) -> sa.Select[Any]:
    columns = [_c[name] for name in ClockRow.__dataclass_fields__]
    key = _KEY[1:] if which == "still" else _KEY
    query = sa.select(*columns).where(*_OPEN, *_within(which, now, soon)).order_by(*key).limit(limit)
    if after is None:
        return query
    values = after[1:] if which == "still" else after
    given = [sa.literal(value, column.type) for value, column in zip(values, key, strict=True)]
    return query.where(sa.tuple_(*key) > sa.tuple_(*given))


def counted(engine: Engine, now: datetime, soon: datetime) -> Counted:
    """Looks at every open clock: for a job."""
    late, near = (sa.func.sum(sa.case((sa.and_(*_within(which, now, soon)), 1), else_=0)) for which in ("late", "soon"))
    with engine.connect() as connection:
        row = connection.execute(sa.select(late, near, sa.func.count()).where(*_OPEN)).one()
    return Counted(int(row[0] or 0), int(row[1] or 0), int(row[2]))


def _within(which: Any, now: datetime, soon: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    match which:
        case "late":
            return (_c.due <= now,)
        case "soon":
            return (_c.due > now, _c.due <= soon)
        case "later":
            return (_c.due > soon,)
    return (_c.due.is_(None),)
