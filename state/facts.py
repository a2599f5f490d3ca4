"""The whole history at once, for figures: every stage event, every lead's fields, in one pass each.

Reading only, row by row and never all in memory; points in time are microseconds since 1970 (UTC), since a million
of them are compared and few are shown. What people ask about one record is in `history.py`. Hub records that were
merged into another are no one's figure: their events count for the record they became.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from mapping.fields import Fields, Kind, Value
from state import tables as t
from state.history import Engine
from state.rows import loads

BATCH = 10_000
"""Rows that are fetched at once."""


class StageEvent(NamedTuple):
    """A move from one stage to another; `old` is None for the first. `at`: microseconds since 1970."""

    hub_id: str
    at: int
    old: str | None
    new: str
    system: str
    reason: str | None


def microseconds(at: datetime) -> int:
    """A point in time as `Facts` tells it."""
    return (at - t.EPOCH) // t.MICROSECOND


def moment(at: int) -> datetime:
    """And back, in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


class Facts:
    """One reading transaction on a project's database. `with` it, or close it."""

    def __init__(self, engine: Engine) -> None:
        self._c = engine.connect()
        self._sqlite = engine.dialect.name == "sqlite"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._c.close()

    def stage_events(self) -> Iterator[StageEvent]:
        """All of them, by hub record, and of each in the order of time. Only hub records that there are still."""
        e, h = t.stage_event.c, t.hub.c
        owner = sa.func.coalesce(h.merged_into, h.id)
        query = (
            sa.select(owner, self._instant(e.at), e.old, e.new, e.system, e.reason)
            .join_from(t.stage_event, t.hub, h.id == e.hub_id)
            .where(h.kind == "lead")
            .order_by(owner, e.at, e.id)
        )
        return map(StageEvent._make, self._rows(query))

    def ids(self, kind: Kind) -> Iterator[str]:
        """Of every hub record of the kind, also of those that were merged into another."""
        c = t.hub.c
        return (row[0] for row in self._rows(sa.select(c.id).where(c.kind == kind).order_by(c.id)))

    def values(self, kind: Kind, names: Sequence[str]) -> Iterator[tuple[str, tuple[Value, ...]]]:
        """Hub id and the values of these fields, of every hub record of the kind, by id."""
        for hub_id, fields in self.records(kind):
            yield hub_id, tuple([fields.get(name) for name in names])

    def records(self, kind: Kind) -> Iterator[tuple[str, Fields]]:
        """Hub id and all fields, of every hub record of the kind, by id."""
        c = t.hub.c
        query = sa.select(c.id, c.fields).where(c.kind == kind, c.merged_into.is_(None)).order_by(c.id)
        for hub_id, fields in self._rows(query):
            yield hub_id, loads(fields)

    def _instant(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The column as microseconds since 1970, straight from the driver."""
        if self._sqlite:
            return sa.type_coerce(column, sa.BigInteger)
        return sa.cast(sa.func.extract("epoch", column) * 1_000_000, sa.BigInteger)

    def _rows(self, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        """A batch at a time; from SQLite as the driver gives them, which reads as it goes."""
        if self._sqlite:
            cursor = self._c.execute(query).cursor
            assert cursor is not None
            while rows := cursor.fetchmany(BATCH):
                yield from rows
        else:
            streamed = self._c.execution_options(stream_results=True, max_row_buffer=BATCH).execute(query)
            for part in streamed.partitions(BATCH):
                yield from part
