"""Records, runs and open reviews page by page, for programs; and the few small numbers that monitoring asks for.

Every page goes on behind the last id of the one before, so that the thousandth costs what the first does and nothing is told
twice or left out where rows come in between. Nothing here looks through all hub records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from mapping.fields import Kind
from state import tables as t
from state.history import History, ReviewRow, Run

OPEN: list[sa.ColumnElement[str]] = [sa.literal_column("'sent'"), sa.literal_column("'unknown'")]
"""As in the index over open writes: SQLite knows it again only by what stands in the statement itself."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """`read`: system -> when it was last read to the end. `reviews`: kind -> open ones. `runs`: (kind, outcome) -> how many
    have ended so; "died" where a later one began and this one never ended. `clocks`: state -> how many have not stopped."""

    read: Mapping[str, datetime]
    reviews: Mapping[str, int]
    answered: int
    queue: int
    in_doubt: Mapping[str, int]
    runs: Mapping[tuple[str, str], int]
    last_run: datetime | None
    clocks: Mapping[str, int]


class Listing(History):
    """As `History`."""

    def records(self, kind: Kind, after: str, limit: int) -> list[str]:
        """Ids of hub records, by id; those that are one with another are left out."""
        c = t.hub.c
        query = sa.select(c.id).where(c.kind == kind, c.id > after, c.merged_into.is_(None)).order_by(c.id).limit(limit)
        return list(self._c.execute(query).scalars())

    def runs_before(self, before: str | None, limit: int) -> list[Run]:
        """Newest first."""
        c = t.run.c
        query = sa.select(c.id).order_by(c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(c.id < before)
        ids = list(self._c.execute(query).scalars())
        found = self.runs_by_id(ids)
        return [found[id_] for id_ in ids]

    def reviews_after(self, kind: str | None, after: int, limit: int) -> list[ReviewRow]:
        """Open ones, oldest first."""
        c = t.review.c
        query = sa.select(c.id).where(c.closed_at.is_(None), c.id > after).order_by(c.id).limit(limit)
        if kind is not None:
            query = query.where(c.kind == kind)
        ids = list(self._c.execute(query).scalars())
        found = self.reviews_by_id(ids)
        return [found[id_] for id_ in ids]

    def pulse(self) -> Pulse:
        """Raises what the driver raises, where the database does not answer."""
        cur, r, w, run, clock = t.cursor.c, t.review.c, t.write.c, t.run.c, t.sla_clock.c
        read = sa.select(cur.system, sa.func.max(cur.saved_at)).where(cur.stream == "lead").group_by(cur.system)
        reviews = sa.select(r.kind, sa.func.count()).where(r.closed_at.is_(None)).group_by(r.kind)
        answered = sa.select(sa.func.count()).where(r.closed_at.is_(None), r.resolution.is_not(None))
        doubt = sa.select(w.system, sa.func.count()).where(w.state.in_(OPEN)).group_by(w.system)
        newest = sa.select(sa.func.max(run.id)).scalar_subquery()
        outcome = sa.case((run.outcome.is_not(None), run.outcome), (run.id == newest, "running"), else_="died")
        runs = sa.select(run.kind, outcome, sa.func.count()).group_by(run.kind, outcome)
        clocks = sa.select(clock.state, sa.func.count()).where(clock.stopped.is_(None), clock.state != "cancelled")
        ended: Counter[tuple[str, str]] = Counter()
        for kind, how, count in self._c.execute(runs):
            if how != "running":
                ended[kind, how] += int(count)
        return Pulse(
            read={row[0]: row[1] for row in self._c.execute(read)},
            reviews={row[0]: int(row[1]) for row in self._c.execute(reviews)},
            answered=self._count(answered),
            queue=self._count(sa.select(sa.func.count()).where(t.hub.c.dirty == sa.literal_column("1"))),
            in_doubt={row[0]: int(row[1]) for row in self._c.execute(doubt)},
            runs=ended,
            last_run=self._c.execute(sa.select(sa.func.max(run.ended))).scalar(),
            clocks={row[0]: int(row[1]) for row in self._c.execute(clocks.group_by(clock.state))},
        )

    def answers(self) -> bool:
        """Whether the database does. Raises what the driver raises."""
        return self._c.execute(sa.select(sa.literal(1))).scalar() == 1
