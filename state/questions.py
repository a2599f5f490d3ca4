"""Reviews: what only a person can decide, and what was answered. Of all kinds of records alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from state import tables as t
from state.connection import Connected, chunks
from state.records import Review
from state.rows import dumps, loads, review_of


class Questions(Connected):
    """The verbs over `review`."""

    def open_reviews(self, reviews: Sequence[Review], run_id: str, at: datetime) -> None:
        """Open each review, or renew the detail of the open one on the same subject."""
        insert = self._insert(t.review)
        statement = insert.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=t.review.c.closed_at.is_(None),
            set_={"detail": insert.excluded.detail},
        )
        self._many(
            statement,
            [
                {
                    "kind": r.kind, "subject": r.subject, "hub_id": r.hub_id, "system": r.system,
                    "record_kind": r.record_kind, "remote_id": r.remote_id, "detail": dumps(r.detail), "run_id": run_id, "opened_at": at,
                }
                for r in reviews
            ],
        )  # fmt: skip

    def reviews(self, *kinds: str, resolved: bool | None = None, hub_ids: Iterable[str] | None = None) -> list[Review]:
        """Open reviews of these kinds (all where none is named); `resolved`: whether a person has answered."""
        c = t.review.c
        query = sa.select(t.review).where(c.closed_at.is_(None))
        if kinds:
            query = query.where(c.kind.in_(kinds))
        if resolved is not None:
            query = query.where(c.resolution.is_not(None) if resolved else c.resolution.is_(None))
        if hub_ids is None:
            return [review_of(row) for row in self._c.execute(query.order_by(c.id))]
        parts = chunks(sorted(set(hub_ids)))
        return [review_of(row) for part in parts for row in self._c.execute(query.where(c.hub_id.in_(part)))]

    def parked(self, hub_ids: Iterable[str]) -> dict[tuple[str, str], set[str]]:
        """(hub, system) -> fingerprints of the writes that the system has refused: while they wait for an answer, and
        for good once a person has said to leave them."""
        c = t.review.c
        query = sa.select(c.hub_id, c.system, c.detail).where(
            c.kind.in_(("dead_letter", "duplicate")),
            sa.or_(c.closed_at.is_(None), c.resolution == dumps({"ignore": True})),
        )
        found: dict[tuple[str, str], set[str]] = {}
        for ids in chunks(sorted(set(hub_ids))):
            for row in self._c.execute(query.where(c.hub_id.in_(ids))):
                if write := loads(row.detail).get("write"):
                    found.setdefault((row.hub_id, row.system), set()).add(write)
        return found

    def ignored(self) -> set[str]:
        """system:id of the records that a person said to leave alone."""
        c = t.review.c
        query = sa.select(c.subject).where(
            c.kind.in_(("match", "duplicate")), c.closed_at.is_not(None), c.resolution == dumps({"ignore": True})
        )
        return {row.subject for row in self._c.execute(query)}

    def newest_reviews(self, kind: str) -> dict[str, Review]:
        """Subject -> the last review on it, open or closed."""
        query = sa.select(t.review).where(t.review.c.kind == kind).order_by(t.review.c.id)
        return {row.subject: review_of(row) for row in self._c.execute(query)}

    def note_in_review(self, review_id: int, detail: Mapping[str, Any]) -> None:
        """What is so now, in the detail of a review that may be closed."""
        self._c.execute(t.review.update().where(t.review.c.id == review_id).values(detail=dumps(detail)))

    def close_reviews(self, subjects: Iterable[tuple[str, str]], at: datetime) -> None:
        """Close what is settled, by (kind, subject)."""
        c = t.review.c
        statement = (
            t.review.update()
            .where(c.kind == sa.bindparam("_kind"), c.subject == sa.bindparam("_subject"), c.closed_at.is_(None))
            .values(closed_at=at)
        )
        self._many(statement, [{"_kind": k, "_subject": s} for k, s in subjects])

    def resolve_review(self, review_id: int, resolution: Mapping[str, Any], by: str, at: datetime) -> bool:
        """Note a person's answer; the next run carries it out. False where no such review is open."""
        c = t.review.c
        done = self._c.execute(
            t.review.update()
            .where(c.id == review_id, c.closed_at.is_(None))
            .values(resolution=dumps(resolution), resolved_by=by, resolved_at=at)
        )
        return done.rowcount == 1
