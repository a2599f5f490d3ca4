"""Writes to systems: the plan, the intents that recovery looks for, and the record of what was sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from state import tables as t
from state.bulk import Lookup, Query
from state.connection import Connected
from state.records import WriteRow
from state.rows import WRITE, storable, write_of, write_row

_c = t.write.c
_mine = (_c.system == sa.bindparam("system"), _c.kind == sa.bindparam("kind"))
PLANNED = Query(
    WRITE.where(
        *_mine,
        _c.run_id == sa.bindparam("run_id"),
        _c.state == "planned",
        _c.rank == sa.bindparam("rank"),
        _c.id > sa.bindparam("after"),
    )
    .order_by(_c.id)
    .limit(sa.bindparam("limit"))
)
INTENTS = Query(WRITE.where(*_mine, sa.text("state IN ('sent', 'unknown')")).order_by(_c.id))
_did = (*_mine[1:], _c.run_id == sa.bindparam("run_id"), _c.state == "done")
DID = Query(
    sa.select(_c.hub_id)
    .where(*_did, _c.hub_id > sa.bindparam("after"))
    .distinct()
    .order_by(_c.hub_id)
    .limit(sa.bindparam("limit"))
)
DONE = Query(WRITE.where(*_did, _c.hub_id >= sa.bindparam("first"), _c.hub_id <= sa.bindparam("last")).order_by(_c.id))
REACHED = Lookup(WRITE.where(sa.text("state IN ('done', 'sent', 'unknown')")).order_by(_c.id), _c.hub_id)
DROP_PLANNED = Query(t.write.delete().where(_c.state == "planned"))
MARKED = ("remote_id", "state", "error", "at", "_id")


class Outbox(Connected):
    """The verbs over `write`, of one kind of hub record."""

    def add_writes(self, rows: Sequence[WriteRow], at: datetime) -> None:
        self._many(t.write.insert(), [{**write_row(row), "at": at} for row in rows])

    def writes(self, run_id: str, system: str, after: int, limit: int, rank: int = 1) -> list[WriteRow]:
        rows = PLANNED.rows(self._c, run_id=run_id, system=system, kind=self.kind, rank=rank, after=after, limit=limit)
        return [write_of(row, self._read) for row in rows]

    def intents(self, system: str) -> list[WriteRow]:
        """Writes that were under way when a run ended: sent, with no word of what became of them."""
        return [write_of(row, self._read) for row in INTENTS.rows(self._c, system=system, kind=self.kind)]

    def done_by(self, run_id: str, after: str, limit: int) -> dict[str, list[WriteRow]]:
        """What a run has done to the next hub records, by id."""
        mine = {"run_id": run_id, "kind": self.kind}
        ids = [row[0] for row in DID.rows(self._c, **mine, after=after, limit=limit)]
        found: dict[str, list[WriteRow]] = {hub_id: [] for hub_id in ids}
        for row in DONE.rows(self._c, **mine, first=ids[0], last=ids[-1]) if ids else ():
            done = write_of(row, self._read)
            found[done.hub_id].append(done)
        return found

    def writes_about(self, hub_ids: Collection[str]) -> dict[tuple[str, str], list[WriteRow]]:
        """Every write about these hub records that has, or may have, reached its system, by (hub, system)."""
        found: dict[tuple[str, str], list[WriteRow]] = {}
        for row in REACHED.rows(self._c, hub_ids):
            write = write_of(row, self._read)
            found.setdefault((write.hub_id, write.system), []).append(write)
        return found

    def mark_writes(self, rows: Sequence[WriteRow], at: datetime) -> None:
        """Store the state, error and remote id of each row."""
        moment = self._stored(at)
        self._rows(
            "mark_writes",
            lambda: t.write.update().where(t.write.c.id == sa.bindparam("_id")),
            MARKED,
            [(r.remote_id, r.state, storable(r.error), moment, r.id) for r in rows],
        )

    def drop_planned(self) -> None:
        """Writes that a run planned and never sent: the next plan derives them anew."""
        DROP_PLANNED.run(self._c)
