"""Writes to systems: the plan, the intents that recovery looks for, and the record of what was sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from state import tables as t
from state.connection import Connected
from state.records import WriteRow
from state.rows import storable, write_of, write_row


class Outbox(Connected):
    """The verbs over `write`, of one kind of hub record."""

    def add_writes(self, rows: Sequence[WriteRow], at: datetime) -> None:
        self._many(t.write.insert(), [{**write_row(row), "at": at} for row in rows])

    def writes(self, run_id: str, system: str, after: int, limit: int, rank: int = 1) -> list[WriteRow]:
        c = t.write.c
        query = sa.select(t.write).where(
            c.run_id == run_id,
            c.system == system,
            c.kind == self.kind,
            c.state == "planned",
            c.rank == rank,
            c.id > after,
        )
        return [write_of(row) for row in self._c.execute(query.order_by(c.id).limit(limit))]

    def intents(self, system: str) -> list[WriteRow]:
        """Writes that were under way when a run ended: sent, with no word of what became of them."""
        c = t.write.c
        query = (
            sa.select(t.write)
            .where(c.system == system, c.kind == self.kind, c.state.in_(("sent", "unknown")))
            .order_by(c.id)
        )
        return [write_of(row) for row in self._c.execute(query)]

    def done_by(self, run_id: str, after: str, limit: int) -> dict[str, list[WriteRow]]:
        """What a run has done to the next hub records, by id."""
        c = t.write.c
        mine = sa.and_(c.run_id == run_id, c.kind == self.kind, c.state == "done")
        ids = sa.select(c.hub_id).where(mine, c.hub_id > after).distinct().order_by(c.hub_id).limit(limit)
        last = [row.hub_id for row in self._c.execute(ids)]
        found: dict[str, list[WriteRow]] = {hub_id: [] for hub_id in last}
        if last:
            query = sa.select(t.write).where(mine, c.hub_id >= last[0], c.hub_id <= last[-1]).order_by(c.id)
            for row in self._c.execute(query):
                found[row.hub_id].append(write_of(row))
        return found

    def writes_about(self, hub_ids: Collection[str]) -> dict[tuple[str, str], list[WriteRow]]:
        """Every write about these hub records that has, or may have, reached its system, by (hub, system)."""
        c = t.write.c
        query = sa.select(t.write).where(c.hub_id.in_(self._values(hub_ids)), c.state.in_(("done", "sent", "unknown")))
        found: dict[tuple[str, str], list[WriteRow]] = {}
        for row in self._c.execute(query.order_by(c.id)):
            found.setdefault((row.hub_id, row.system), []).append(write_of(row))
        return found

    def mark_writes(self, rows: Sequence[WriteRow], at: datetime) -> None:
        """Store the state, error and remote id of each row."""
        statement = t.write.update().where(t.write.c.id == sa.bindparam("_id"))
        self._many(
            statement,
            [
                {"_id": r.id, "state": r.state, "error": storable(r.error), "remote_id": r.remote_id, "at": at}
                for r in rows
            ],
        )

    def drop_planned(self) -> None:
        """Writes that a run planned and never sent: the next plan derives them anew."""
        self._c.execute(t.write.delete().where(t.write.c.state == "planned"))
