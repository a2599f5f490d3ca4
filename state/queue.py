"""The questions as a person works through them: by kind, system, field and age, page by page. Reading only.

Not here: asking and answering (`questions.py`). Invariant: however many are open, a page costs one query over as many rows as
it shows, and the figures beside it one pass over what is open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from state import tables as t
from state.connection import chunks
from state.history import History, ReviewRow, review_row
from state.questions import SUBJECT_FIELD

_c = t.review.c

Standing = Literal["open", "answered", "decided"]
"""`open`: waits for a person; `answered`: for the next run; `decided`: was answered, and is closed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which questions are meant; what is empty does not matter. `before`: they were asked before this."""

    kind: str = ""
    system: str = ""
    record_kind: str = ""
    field: str = ""
    before: datetime | None = None


class Tally(NamedTuple):
    open: int = 0
    answered: int = 0


class FieldCount(NamedTuple):
    """Conflicts about one field of one kind of record."""

    record_kind: str
    field: str
    open: int
    answered: int


class Queue(History):
    """`History`, asked about what waits for an answer."""

    def tallies(self, wanted: Wanted) -> dict[str, Tally]:
        """Kind -> how many of these are open, and how many are answered already. The kind that is wanted does not count:
        the figures stand on the tabs by which it is chosen."""
        mine = _where(wanted, kind=False)
        query = sa.select(_c.kind, sa.func.count()).where(_c.closed_at.is_(None), *mine).group_by(_c.kind)
        every = {row[0]: int(row[1]) for row in self._c.execute(query)}  # without a filter, out of the index alone
        done = {row[0]: int(row[1]) for row in self._c.execute(query.where(_c.resolution.is_not(None)))}
        return {kind: Tally(count - done.get(kind, 0), done.get(kind, 0)) for kind, count in every.items()}

    def count(self, wanted: Wanted) -> int:
        """How many of these wait for a person."""
        return self._count(sa.select(sa.func.count()).where(*_standing("open"), *_where(wanted)))

    def page(
        self, wanted: Wanted, limit: int, *, after: int = 0, before: int | None = None, standing: Standing = "open"
    ) -> list[ReviewRow]:
        """Oldest first; `after`, `before`: beyond this one, the nearest to it."""
        query = sa.select(_c.id).where(*_standing(standing), *_where(wanted)).limit(limit)
        if before is not None:
            return self._these(query.where(_c.id < before).order_by(_c.id.desc()))
        return self._these(query.where(_c.id > after).order_by(_c.id))

    def beside(self, wanted: Wanted, id_: int) -> tuple[int | None, int | None]:
        """The open ones before and after this one."""
        mine = (*_standing("open"), *_where(wanted))
        earlier = sa.select(_c.id).where(*mine, _c.id < id_).order_by(_c.id.desc()).limit(1)
        later = sa.select(_c.id).where(*mine, _c.id > id_).order_by(_c.id).limit(1)
        return self._c.execute(earlier).scalar(), self._c.execute(later).scalar()

    def decided(self, limit: int, before: tuple[datetime, int] | None = None) -> list[ReviewRow]:
        """What was answered and carried out, newest answer first; `before`: when the last one shown was answered, and its
        id."""
        at, order = _c.resolved_at, (_c.resolved_at.desc(), _c.id.desc())
        query = sa.select(t.review).where(*_standing("decided")).order_by(*order).limit(limit)
        if before is not None:
            query = query.where(sa.or_(at < before[0], sa.and_(at == before[0], _c.id < before[1])))
        return [review_row(row) for row in self._c.execute(query)]

    def together(self, by: str, at: datetime) -> list[int]:
        """The answers that this person gave at one time and that no run has carried out."""
        query = sa.select(_c.id).where(*_standing("answered"), _c.resolved_by == by, _c.resolved_at == at)
        return [row.id for row in self._c.execute(query.order_by(_c.id))]

    def fields_in_conflict(self) -> list[FieldCount]:
        """Most open ones first; those with answers alone as well. Out of two indexes, whatever stands in the details."""
        field = sa.func.substr(_c.subject, SUBJECT_FIELD).label("field")

        def counted(*which: sa.ColumnElement[bool]) -> dict[tuple[str, str], int]:
            query = sa.select(_c.record_kind, field, sa.func.count()).where(*which, _c.kind == "conflict")
            return {(row[0], row[1]): int(row[2]) for row in self._c.execute(query.group_by(_c.record_kind, field))}

        waiting, told = counted(*_standing("open")), counted(_c.resolved_at.is_not(None))
        found = [
            FieldCount(kind, name, waiting.get((kind, name), 0), told.get((kind, name), 0))
            for kind, name in waiting.keys() | told.keys()
        ]
        return sorted(found, key=lambda one: (-one.open, one[:2]))

    def conflicts_over(self, record_kind: str, field: str, limit: int, *, answered: bool) -> list[ReviewRow]:
        """Conflicts over a field: those that wait, or those that people have answered, carried out or not. Newest first."""
        about = _where(Wanted("conflict", record_kind=record_kind, field=field))
        which = (_c.resolution.is_not(None),) if answered else _standing("open")
        query = sa.select(_c.id).where(*which, *about).order_by(_c.id.desc()).limit(limit)
        return self._these(query)[::-1]

    def unreadable(self, limit: int) -> list[ReviewRow]:
        """Values that could not be read, those left alone by a person and those that wait; newest first."""
        left = sa.or_(_c.resolution.contains('"ignore"'), sa.and_(*_standing("open")))
        query = sa.select(t.review).where(_c.kind == "bad_value", left).order_by(_c.id.desc()).limit(limit)
        return [review_row(row) for row in self._c.execute(query)]

    def carried_out_by(self, reviews: Iterable[ReviewRow]) -> dict[int, str]:
        """Review -> the run that was under way when it was closed. One run at a time is under way."""
        closed = {r.id: r.closed_at for r in reviews if r.closed_at is not None}
        if not closed:
            return {}
        c = t.run.c
        ended = sa.or_(c.ended.is_(None), c.ended >= min(closed.values()))
        query = sa.select(c.id, c.started).where(c.started <= max(closed.values()), ended).order_by(c.started, c.id)
        runs = [(row.started, row.id) for row in self._c.execute(query)]
        first = sa.select(c.id, c.started).where(c.started <= min(closed.values())).order_by(c.id.desc()).limit(1)
        runs = sorted({*runs, *((row.started, row.id) for row in self._c.execute(first))})
        starts = [started for started, _ in runs]
        places = {id_: bisect_right(starts, at) for id_, at in closed.items()}
        return {id_: runs[place - 1][1] for id_, place in places.items() if place}

    def _these(self, ids: sa.Select[tuple[int]]) -> list[ReviewRow]:
        """Oldest first. What is sorted is numbers; a whole row is read once it is known to be wanted."""
        return self.rows([row.id for row in self._c.execute(ids)])

    def rows(self, ids: Sequence[int]) -> list[ReviewRow]:
        """In the order of their ids; those that there are."""
        found: dict[int, ReviewRow] = {}
        for part in chunks(sorted(set(ids))):
            found |= self.reviews_by_id(part)
        return [found[id_] for id_ in sorted(found)]


def _standing(standing: Standing) -> tuple[sa.ColumnElement[bool], ...]:
    closed = _c.closed_at.is_not(None) if standing == "decided" else _c.closed_at.is_(None)
    return closed, _c.resolution.is_(None) if standing == "open" else _c.resolution.is_not(None)


def _where(wanted: Wanted, *, kind: bool = True) -> tuple[sa.ColumnElement[bool], ...]:
    made: list[sa.ColumnElement[bool]] = []
    if kind and wanted.kind:
        made.append(_c.kind == wanted.kind)
    if wanted.record_kind:
        made.append(_c.record_kind == wanted.record_kind)
    if wanted.before is not None:
        made.append(_c.opened_at < wanted.before)
    if wanted.system:
        made.append(sa.or_(_c.system == wanted.system, sa.and_(_c.system.is_(None), _mentions(wanted.system))))
    if wanted.field:
        made.append(_over(wanted.field) if kind and wanted.kind == "conflict" else _about(wanted.field))
    return tuple(made)


def _mentions(system: str) -> sa.ColumnElement[bool]:
    """Of a question that is of no one system: whether this one has a say in it."""
    said: Any = (f'"{system}"', f"(from {system})")
    return sa.or_(*(_c.detail.contains(text, autoescape=True) for text in said))


def _over(field: str) -> sa.ColumnElement[bool]:
    """Of a conflict."""
    return sa.func.substr(_c.subject, SUBJECT_FIELD) == field


def _about(field: str) -> sa.ColumnElement[bool]:
    conflict = sa.and_(_c.kind == "conflict", _over(field))
    named = _c.detail.contains(f'"field":"{field}"', autoescape=True)
    return sa.or_(conflict, sa.and_(_c.kind.in_(("bad_value", "dead_letter")), named))
