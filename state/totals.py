"""The state of a project in numbers: how many records, links, writes in doubt and open questions there are.

Not here: what any of them is (`history`), and the numbers that open pages are told every second (`pulse`). Reading only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mapping.fields import Kind
from state import tables as t


@dataclass(frozen=True, slots=True)
class Position:
    """How far a system has been read. `stream` is the kind of record, or kind/window for a backfill that is not
    through."""

    system: str
    stream: str
    saved_at: datetime

    @property
    def backfill(self) -> str:
        """The window of a backfill; empty for the ordinary reading."""
        return self.stream.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Counted:
    """The state of a project in numbers."""

    records: dict[Kind, int]
    """kind -> how many hub records"""
    dirty: int
    touched: int
    links: dict[str, dict[str, int]]
    """system -> state of the link -> how many"""
    last_write: dict[str, datetime]
    in_doubt: dict[str, int]
    """system -> writes of which no answer is known"""
    reviews: dict[str, int]
    answered: int
    positions: list[Position]
    activities: dict[str, int]
    """system -> how many"""


def totals(connection: sa.Connection) -> Counted:
    """Looks at every hub record, link, write and question."""
    c, w, r = t.link.c, t.write.c, t.review.c
    links: dict[str, dict[str, int]] = {}
    for row in connection.execute(sa.select(c.system, c.state, sa.func.count()).group_by(c.system, c.state)):
        links.setdefault(row[0], {})[row[1]] = row[2]
    written = sa.select(w.system, sa.func.max(w.at).label("at")).where(w.state == "done").group_by(w.system)
    doubt = sa.select(w.system, sa.func.count()).where(w.state.in_(("sent", "unknown"))).group_by(w.system)
    kinds = sa.select(t.hub.c.kind, sa.func.count()).where(t.hub.c.merged_into.is_(None)).group_by(t.hub.c.kind)
    waiting = sa.select(r.kind, sa.func.count()).where(r.closed_at.is_(None)).group_by(r.kind)
    answered = sa.select(sa.func.count()).where(r.closed_at.is_(None), r.resolution.is_not(None))
    places = sa.select(t.cursor.c.system, t.cursor.c.stream, t.cursor.c.saved_at)
    return Counted(
        records={row[0]: row[1] for row in connection.execute(kinds)},
        dirty=number(connection, sa.select(sa.func.count()).where(t.hub.c.dirty == sa.literal_column("1"))),
        touched=number(connection, sa.select(sa.func.count()).where(t.hub.c.touched == sa.literal_column("1"))),
        links=links,
        last_write={row.system: row.at for row in connection.execute(written)},
        in_doubt={row[0]: row[1] for row in connection.execute(doubt)},
        reviews={row[0]: row[1] for row in connection.execute(waiting)},
        answered=number(connection, answered),
        activities=_activities(connection),
        positions=[Position(*row) for row in connection.execute(places.order_by(t.cursor.c.system))],
    )


def _activities(connection: sa.Connection) -> dict[str, int]:
    c = t.activity_month.c
    query = sa.select(c.system, sa.func.sum(c.count)).group_by(c.system)
    return {system: int(count) for system, count in connection.execute(query) if count}


def number(connection: sa.Connection, query: sa.Select[Any]) -> int:
    """The one that a query answers with."""
    return int(connection.execute(query).scalar_one())
