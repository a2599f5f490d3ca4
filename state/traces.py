"""What one run has left in the database, row by row: by the million, where a mapping has changed, and never all at once.

Not here: what it means. Asked of a dry run's store while it is open, it tells of a run that nothing is kept of.
Invariant: no more than `PAGE` rows are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from mapping.fields import Kind
from state import tables as t
from state.history import ChangeRow, ReviewRow, review_row
from state.rows import loads
from state.store import Store

PAGE = 900


class Traces:
    """On a store, in its transaction."""

    def __init__(self, store: Store) -> None:
        self._c = store._c

    def changes(self, run_id: str) -> Iterator[tuple[Kind, ChangeRow]]:
        """What it did to hub records, in order, with the kind of each."""
        c = t.change.c
        columns = (c.id, t.hub.c.kind.label("of"), c.hub_id, c.run_id, c.at, c.kind, c.system, c.detail)
        query = sa.select(*columns).join(t.hub, t.hub.c.id == c.hub_id).where(c.run_id == run_id)
        for row in self._paged(query, c.id):
            detail = loads(row.detail) if row.detail else {}
            yield row.of, ChangeRow(row.hub_id, row.run_id, row.at, row.kind, row.system, detail)

    def questions(self, run_id: str) -> Iterator[ReviewRow]:
        """The reviews that it opened and that are open still."""
        c = t.review.c
        query = sa.select(t.review).where(c.run_id == run_id, c.closed_at.is_(None))
        yield from map(review_row, self._paged(query, c.id))

    def _paged(
        self, query: sa.Select[tuple[object, ...]], by: sa.ColumnElement[int]
    ) -> Iterator[sa.Row[tuple[object, ...]]]:
        after = 0
        while page := self._c.execute(query.where(by > after).order_by(by).limit(PAGE)).all():
            yield from page
            after = page[-1].id
