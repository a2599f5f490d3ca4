"""Reviews: what only a person can decide, and what was answered. Of all kinds of records alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from state import tables as t
from state.bulk import Lookup, Query
from state.connection import Connected, chunks
from state.records import Review
from state.references import NAMES
from state.rows import REVIEW, dumps, loads, review_of

_c = t.review.c
OPENED = (
    "kind", "subject", "hub_id", "system", "record_kind", "remote_id", "detail", "run_id", "opened_at",
)  # fmt: skip
CLOSED = ("closed_at", "_kind", "_subject")
SUBJECT_FIELD = 34
"""Where the name of the field begins in the subject of a conflict: after a hub record's id and a colon."""
_left = _c.resolution == dumps({"ignore": True})
_open = {
    resolved: REVIEW.where(_c.closed_at.is_(None), *where).order_by(_c.id)
    for resolved, where in {
        None: (),
        True: (_c.resolution.is_not(None),),
        False: (_c.resolution.is_(None),),
    }.items()
}
ALL_ASKED = {resolved: Query(query) for resolved, query in _open.items()}
ASKED = {resolved: Lookup(query, _c.kind) for resolved, query in _open.items()}
ASKED_ABOUT = {resolved: Lookup(query, _c.hub_id) for resolved, query in _open.items()}
"""Whether a person has answered -> the reviews: all of them, of some kinds, about some hub records."""
NAMING = Query(
    REVIEW.where(
        sa.or_(_c.kind == "match", _c.kind == "duplicate"), _c.closed_at.is_(None), _c.detail.like(sa.bindparam("text"))
    )
)
OF_KIND = Query(REVIEW.where(_c.kind == sa.bindparam("kind")).order_by(_c.id))
PARKED = Lookup(
    sa.select(_c.hub_id, _c.system, _c.detail).where(
        sa.or_(_c.kind == "dead_letter", _c.kind == "duplicate"), sa.or_(_c.closed_at.is_(None), _left)
    ),
    _c.hub_id,
)
LEFT_ALONE = Query(
    sa.select(_c.subject).where(sa.or_(_c.kind == "match", _c.kind == "duplicate"), _c.closed_at.is_not(None), _left)
)


def _closing() -> sa.Executable:
    return t.review.update().where(
        _c.kind == sa.bindparam("_kind"), _c.subject == sa.bindparam("_subject"), _c.closed_at.is_(None)
    )


class Questions(Connected):
    """The verbs over `review`."""

    def open_reviews(self, reviews: Sequence[Review], run_id: str, at: datetime) -> None:
        """Open each review, or renew the detail of the open one on the same subject."""
        moment = self._stored(at)
        self._rows(
            "open_reviews",
            self._renewing,
            OPENED,
            [
                (
                    r.kind, r.subject, r.hub_id, r.system, r.record_kind, r.remote_id, dumps(r.detail), run_id, moment,
                )
                for r in reviews
            ],
        )  # fmt: skip

    def _renewing(self) -> sa.Executable:
        insert = self._insert(t.review)
        return insert.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=t.review.c.closed_at.is_(None),
            set_={"detail": insert.excluded.detail},
        )

    def reviews(self, *kinds: str, resolved: bool | None = None, hub_ids: Iterable[str] | None = None) -> list[Review]:
        """Open reviews of these kinds (all where none is named); `resolved`: whether a person has answered."""
        if hub_ids is not None:
            rows = [row for row in ASKED_ABOUT[resolved].rows(self._c, set(hub_ids)) if not kinds or row[0] in kinds]
        else:
            rows = list(ASKED[resolved].rows(self._c, kinds)) if kinds else ALL_ASKED[resolved].rows(self._c)
        return [review_of(row) for row in rows]

    def naming(self, hub_id: str) -> list[Review]:
        """Open questions of identity that mention a hub record."""
        found = map(review_of, NAMING.rows(self._c, text=f'%"{hub_id}"%'))
        return sorted(found, key=lambda review: review.id)

    def parked(self, hub_ids: Iterable[str]) -> dict[tuple[str, str], set[str]]:
        """(hub, system) -> fingerprints of the writes that the system has refused: while they wait for an answer, and
        for good once a person has said to leave them."""
        found: dict[tuple[str, str], set[str]] = {}
        for hub_id, system, detail in PARKED.rows(self._c, set(hub_ids)):
            letter = loads(detail)
            named = letter.get("named")
            if named and dict(NAMES.rows(self._c, set(named), system=system)) != named:
                continue  # what it refers to goes by another id there now
            if write := letter.get("write"):
                found.setdefault((hub_id, system), set()).add(write)
        return found

    def ignored(self) -> set[str]:
        """system:id of the records that a person said to leave alone."""
        return {row[0] for row in LEFT_ALONE.rows(self._c)}

    def newest_reviews(self, kind: str) -> dict[str, Review]:
        """Subject -> the last review on it, open or closed."""
        found = map(review_of, OF_KIND.rows(self._c, kind=kind))
        return {review.subject: review for review in found}

    def note_in_review(self, review_id: int, detail: Mapping[str, Any]) -> None:
        """What is so now, in the detail of a review that may be closed."""
        self._c.execute(t.review.update().where(t.review.c.id == review_id).values(detail=dumps(detail)))

    def close_reviews(self, subjects: Iterable[tuple[str, str]], at: datetime) -> None:
        """Close what is settled, by (kind, subject)."""
        moment = self._stored(at)
        self._rows("close_reviews", _closing, CLOSED, [(moment, kind, subject) for kind, subject in subjects])

    def close_conflicts(self, record_kind: str, but: Collection[str], at: datetime) -> int:
        """Close the conflicts of this kind of record that nobody has answered, those over the fields in `but` excepted: no
        person is asked about the others any more. How many it were."""
        over = sa.func.substr(_c.subject, SUBJECT_FIELD)
        mine = (_c.kind == "conflict", _c.record_kind == record_kind, _c.closed_at.is_(None), _c.resolution.is_(None))
        left = t.review.update().where(*mine, over.not_in(sorted(but))).values(closed_at=at)
        return self._c.execute(left).rowcount

    def resolve_review(self, review_id: int, resolution: Mapping[str, Any], by: str, at: datetime) -> bool:
        """Note a person's answer; the next run carries it out. False where no such review is open."""
        c = t.review.c
        done = self._c.execute(
            t.review.update()
            .where(c.id == review_id, c.closed_at.is_(None))
            .values(resolution=dumps(resolution), resolved_by=by, resolved_at=at)
        )
        return done.rowcount == 1

    def answer_reviews(self, ids: Collection[int], resolution: Mapping[str, Any], by: str, at: datetime) -> int:
        """Note one answer to several questions that nobody has answered; to how many it was."""
        mine = (_c.closed_at.is_(None), _c.resolution.is_(None))
        said = {"resolution": dumps(resolution), "resolved_by": by, "resolved_at": at}
        return sum(
            self._c.execute(t.review.update().where(_c.id.in_(part), *mine).values(**said)).rowcount
            for part in chunks(sorted(ids))
        )

    def withdraw_answers(self, ids: Collection[int]) -> int:
        """Take back answers that no run has carried out: the questions wait for a person again. How many it were."""
        mine = (_c.closed_at.is_(None), _c.resolution.is_not(None))
        blank = {"resolution": None, "resolved_by": None, "resolved_at": None}
        return sum(
            self._c.execute(t.review.update().where(_c.id.in_(part), *mine).values(**blank)).rowcount
            for part in chunks(sorted(ids))
        )
