"""People who asked to be forgotten: what we hold of them, how it goes, and how they are known not to come back.

Not here: which records are theirs (`sync.forget`). Invariant: the intent is stored before anything is erased, and what
is stored of an erasure holds ids and keyed hashes, never a word about the person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from state import tables as t
from state.lead_activities import LeadActivities
from state.rows import dumps, loads
from state.unindexing import Unindexing

HELD_BY_HUB_ID: tuple[sa.Column[Any], ...] = (
    t.change.c.hub_id, t.stage_event.c.hub_id, t.write.c.hub_id, t.review.c.hub_id, t.match_key.c.hub_id,
    t.reference.c.hub_id, t.reference.c.target_id, t.score.c.hub_id, t.score_due.c.hub_id, t.link.c.hub_id, t.sla_clock.c.hub_id,
    t.alert.c.hub_id, t.hub.c.id,
)  # fmt: skip
"""Every column that says whose a row is. Activities, which may be several people's, are asked for apart."""


@dataclass
class ErasedRecord:
    """A record in a system, and what became of it: `waiting`, then `erased`, `blanked` (overwritten, and still there) or
    `by hand`. `note` says what a person has to do."""

    system: str
    kind: str
    id: str
    outcome: str = "waiting"
    at: str = ""
    note: str = ""


@dataclass
class Erasure:
    id: str
    state: str
    asked_at: datetime
    asked_by: str
    hubs: list[str]
    records: list[ErasedRecord]
    gone: dict[str, int] = field(default_factory=dict)
    ended_at: datetime | None = None

    @property
    def waiting(self) -> list[ErasedRecord]:
        return [record for record in self.records if record.outcome == "waiting"]


class Erasures(LeadActivities, Unindexing):
    """The verbs over `erasure` and `forgotten`."""

    def begin_erasure(self, erasure: Erasure, hashes: Collection[str]) -> None:
        self._c.execute(t.erasure.insert(), [_row(erasure)])
        self._many(t.forgotten.insert(), [{"erasure_id": erasure.id, "hash": h} for h in sorted(hashes)])

    def save_erasure(self, erasure: Erasure) -> None:
        self._c.execute(t.erasure.update().where(t.erasure.c.id == erasure.id), [_row(erasure)])

    def erasures(self, state: str = "") -> list[Erasure]:
        """Oldest first; of this state, where one is named."""
        query = sa.select(t.erasure).order_by(t.erasure.c.id)
        if state:
            query = query.where(t.erasure.c.state == state)
        return [_erasure(row) for row in self._c.execute(query)]

    def hashes_of(self, erasure_id: str) -> list[str]:
        c = t.forgotten.c
        return [
            row.hash for row in self._c.execute(sa.select(c.hash).where(c.erasure_id == erasure_id).order_by(c.hash))
        ]

    def forgotten(self) -> set[str]:
        """The hashes of whoever may not come back."""
        c = t.forgotten.c
        return {row.hash for row in self._c.execute(sa.select(c.hash).where(c.lifted_at.is_(None)))}

    def lift(self, hash_: str, by: str, reason: str, at: datetime) -> int:
        """Let everybody in again who is known by this hash, and by any other of the same erasure. Returns how many
        erasures that concerned."""
        c = t.forgotten.c
        query = sa.select(c.erasure_id).where(c.hash == hash_, c.lifted_at.is_(None))
        found = sorted({row.erasure_id for row in self._c.execute(query)})
        self._c.execute(
            t.forgotten.update()
            .where(c.erasure_id.in_(found), c.lifted_at.is_(None))
            .values(lifted_at=at, lifted_by=by, reason=reason)
        )
        return len(found)

    def same_person(self, hub_id: str) -> list[str]:
        """The hub record, those that were merged into it, and the one that it was merged into."""
        c, found, size = t.hub.c, {hub_id}, 0
        while len(found) != size:
            size = len(found)
            some = sorted(found)
            rows = self._c.execute(
                sa.select(c.id, c.merged_into).where(sa.or_(c.id.in_(some), c.merged_into.in_(some)))
            )
            found |= {i for row in rows for i in (row.id, row.merged_into) if i}
        return sorted(found)

    def held(
        self, hub_ids: Collection[str], records: Iterable[tuple[str, str, str]], words: Collection[str]
    ) -> dict[str, int]:
        """How many rows of each table are about this person. `records`: (system, kind, id); `words`: their addresses,
        for questions about records that nobody has placed yet."""
        return self._about(hub_ids, records, words, erase=False)

    def erase_person(
        self, hub_ids: Collection[str], records: Iterable[tuple[str, str, str]], words: Collection[str]
    ) -> dict[str, int]:
        """Delete all that `held` counts. Whoever commits then calls `state.database.scrub`."""
        if self.engine.dialect.name == "sqlite":
            self._c.execute(sa.text("PRAGMA secure_delete = ON"))
        return self._about(hub_ids, records, words, erase=True)

    def _about(
        self, hub_ids: Collection[str], records: Iterable[tuple[str, str, str]], words: Collection[str], *, erase: bool
    ) -> dict[str, int]:
        where: list[tuple[sa.Table, sa.ColumnElement[bool]]] = []
        r, w = t.review.c, t.waiting.c
        for system, kind, remote_id in records:
            where.append((t.review, sa.and_(r.system == system, r.record_kind == kind, r.remote_id == remote_id)))
            own = sa.and_(w.system == system, w.kind == kind, w.remote_id == remote_id)
            target = sa.and_(w.system == system, w.target_kind == kind, w.target_remote_id == remote_id)
            where.append((t.waiting, sa.or_(own, target)))
        where += [(t.review, r.detail.icontains(word, autoescape=True)) for word in (*hub_ids, *words)]
        where += [(column.table, column.in_(self._values(hub_ids))) for column in HELD_BY_HUB_ID]
        by_table: dict[sa.Table, list[sa.ColumnElement[bool]]] = {}
        for table, condition in where:
            by_table.setdefault(table, []).append(condition)
        found: dict[str, int] = {}
        for table, conditions in by_table.items():
            any_ = sa.or_(*conditions)
            found[str(table.name)] = int(
                self._c.execute(sa.select(sa.func.count()).select_from(table).where(any_)).scalar_one()
            )
            if erase:
                self._c.execute(table.delete().where(any_))
        found["activity"] = self.activities_held(hub_ids, words)
        found["search_record"] = self.searched(hub_ids, erase=erase)
        if erase:
            self.forget_unplaced(words)
            for hub_id in hub_ids:
                self.forget_activities(hub_id)
        return {name: count for name, count in sorted(found.items()) if count}


def _row(erasure: Erasure) -> dict[str, Any]:
    return {
        "id": erasure.id, "state": erasure.state, "asked_at": erasure.asked_at, "ended_at": erasure.ended_at,
        "asked_by": erasure.asked_by, "hubs": dumps(erasure.hubs),
        "records": dumps([asdict(record) for record in erasure.records]), "gone": dumps(erasure.gone),
    }  # fmt: skip


def _erasure(row: Any) -> Erasure:
    records: Sequence[dict[str, str]] = loads(row.records)
    return Erasure(
        row.id, row.state, row.asked_at, row.asked_by, loads(row.hubs), [ErasedRecord(**one) for one in records],
        loads(row.gone), row.ended_at,
    )  # fmt: skip
