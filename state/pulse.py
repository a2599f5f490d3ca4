"""How the project stands, in one look at the database: what a page that is open shows without being asked for again.

Invariant: two statements and one connection, whatever the size of the project; every count is read from an index.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from state import tables as t
from state.accounts import hashed
from state.history import Engine

MOST = 100_000
"""Counted so far and no further: beyond it, the exact number tells nobody anything."""

GOING = ("running", "paused", "breached")
"""States of clocks that have not stopped, each looked up in the index."""


@dataclass(frozen=True, slots=True)
class RunNow:
    """The newest run. `outcome` is None while it runs, and where it died."""

    id: str
    kind: str
    started: datetime
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Pulse:
    """`reviews`: open questions; `dirty`: hub records that some system may not have been told of; `in_doubt`: writes of which
    no answer is known; `overdue`: clocks of the pact that have run out; `read_at`: by system; `sessions`: of those asked
    for, the ones that still hold."""

    reviews: int = 0
    dirty: int = 0
    in_doubt: int = 0
    overdue: int = 0
    run: RunNow | None = None
    read_at: dict[str, datetime] = field(default_factory=dict)
    sessions: frozenset[str] = frozenset()


def look(engine: Engine, now: datetime, sessions: Collection[str] = ()) -> Pulse:
    """`sessions`: keys of sessions. Raises what the database's driver raises."""
    r, k, cur, s = t.run.c, t.sla_clock.c, t.cursor.c, t.session.c
    one: sa.ColumnClause[int] = sa.literal_column("1")
    counts = sa.select(
        _count(sa.select(one).where(t.review.c.closed_at.is_(None))),
        _count(sa.select(one).where(t.hub.c.dirty == one)),
        _count(
            sa.select(one).where(t.write.c.state.in_((sa.literal_column("'sent'"), sa.literal_column("'unknown'"))))
        ),
        _count(sa.select(one).where(k.stopped.is_(None), k.state.in_(GOING), k.due <= now)),
        r.id,
        r.kind,
        r.started,
        r.outcome,
    ).select_from(
        sa.select(one.label("x")).subquery().outerjoin(t.run, r.id == sa.select(sa.func.max(r.id)).scalar_subquery())
    )
    keys = {hashed(key): key for key in sessions}
    empty = sa.cast(sa.null(), sa.String(64))
    rest = sa.union_all(
        sa.select(cur.system.label("system"), empty.label("hash"), sa.func.max(cur.saved_at).label("at")).group_by(
            cur.system
        ),
        sa.select(empty, s.hash, s.until)
        .join(t.account, t.account.c.id == s.account_id)
        .where(s.hash.in_(list(keys)), s.until > now, t.account.c.disabled_at.is_(None)),
    )
    with engine.connect() as connection:
        reviews, dirty, in_doubt, overdue, id_, kind, started, outcome = connection.execute(counts).one()
        rows = connection.execute(rest).all()
    return Pulse(
        reviews, dirty, in_doubt, overdue,
        RunNow(id_, kind, started, outcome) if id_ else None,
        {row.system: row.at for row in rows if row.system},
        frozenset(keys[row.hash] for row in rows if row.hash is not None),
    )  # fmt: skip


def _count(rows: sa.Select[tuple[int]]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(rows.limit(MOST).subquery()).scalar_subquery()
