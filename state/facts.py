"""The whole history at once, for figures: every stage event, every lead's fields, in one pass each.

Reading only, row by row and never all in memory; points in time are microseconds since 1970 (UTC), since a million
of them are compared and few are shown. What people ask about one record is in `history.py`. Hub records that were
merged into another are no one's figure: their events count for the record they became.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple, Self

import msgspec
import sqlalchemy as sa

from mapping.fields import Fields, Kind, Value
from state import tables as t
from state.activities import month_of
from state.bulk import Lookup, Query
from state.history import Engine
from state.rows import loads

BATCH, MANY, TOGETHER = 10_000, 50_000, 500
"""Rows that are fetched at once; stage events as columns; hub records as one text, which stays in the processor's cache."""


_l = t.activity_lead.c
TOUCHES = Lookup(
    sa.select(_l.hub_id, _l.type, _l.at).where(_l.month == sa.bindparam("month", type_=sa.Integer)), _l.hub_id
)
FIELDS = Lookup(sa.select(t.hub.c.id, t.hub.c.fields).where(t.hub.c.merged_into.is_(None)), t.hub.c.id)


class StageEvent(NamedTuple):
    """A move from one stage to another; `old` is None for the first. `at`: microseconds since 1970."""

    hub_id: str
    at: int
    old: str | None
    new: str
    system: str
    reason: str | None


_h = t.hub.c
_place: sa.ColumnClause[int] = sa.literal_column("hub.rowid")
LAST_PLACE = Query(sa.select(sa.func.coalesce(sa.func.max(_place), 0)).select_from(t.hub))
RECORDS = Query(  # of SQLite: two texts are handed over and read in two thirds of the time of as many rows
    sa.select(
        sa.func.json_group_array(_h.id),
        sa.cast(sa.literal_column("'['").op("||")(sa.func.group_concat(_h.fields)).op("||")(sa.literal_column("']'")), sa.LargeBinary),
    ).where(
        _place > sa.bindparam("after"), _place <= sa.bindparam("upto"), _h.kind == sa.bindparam("kind"), _h.merged_into.is_(None)
    )
)  # fmt: skip

STREAMED = {"stream_results": True, "max_row_buffer": BATCH}
"""Of one statement alone: of the connection, they would hold for whatever is asked after it."""


class Part(NamedTuple):
    """Some hub records: ids, for each field asked for the values in the same order, and some of those that were merged
    into another: hub record -> the one that it became part of."""

    ids: list[str]
    columns: Sequence[tuple[Value, ...]]
    heirs: dict[str, str]


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

    def sample(self, kind: Kind, size: int, chance: Random) -> tuple[list[str], int]:
        """Ids of so many hub records of the kind, each as likely as any other, in the order of the ids; and how many there are.
        Those that were merged into another are none."""
        c = t.hub.c
        query = sa.select(c.id).where(c.kind == kind, c.merged_into.is_(None))
        some: list[str] = []
        number = 0
        for number, row in enumerate(self._rows(query), 1):
            if number <= size:
                some.append(row[0])
            elif (place := chance.randrange(number)) < size:
                some[place] = row[0]
        return sorted(some), number

    def some(self, ids: Collection[str]) -> dict[str, Fields]:
        """All fields of those of these hub records that were not merged into another."""
        return {row[0]: loads(row[1]) for row in FIELDS.rows(self._c, ids)}

    def columns(self, kind: Kind, names: Sequence[str]) -> Iterator[Part]:
        """As `values`, many at once, and in no order that could be relied on. Nothing but these fields is made of the text
        of a record: a third of the time."""
        c = t.hub.c
        slots = [f"f{n}" for n in range(len(names))]
        some = msgspec.defstruct(
            "Some", [(slot, Any, None) for slot in slots], rename=dict(zip(slots, names, strict=True)), gc=False
        )
        read, taken = msgspec.json.Decoder(list[some]).decode, attrgetter(*slots, "__class__")  # type: ignore[valid-type]
        for ids, text in self._together(kind):
            columns = list(zip(*map(taken, read(text)), strict=True))
            yield Part(ids, columns[:-1], {})
        merged = sa.select(c.id, c.merged_into).where(c.kind == kind, c.merged_into.is_not(None))
        for rows in self._batches(merged):
            yield Part([], [()] * len(names), dict(map(tuple, rows)))

    def _together(self, kind: Kind) -> Iterator[tuple[list[str], bytes]]:
        """The ids of some hub records that were not merged into another, and their fields as one list in JSON."""
        if self._sqlite:
            last = LAST_PLACE.value(self._c)
            for after in range(0, last, TOGETHER):
                [(ids, text)] = RECORDS.rows(self._c, after=after, upto=after + TOGETHER, kind=kind)
                if text is not None:
                    yield loads(ids), text
            return
        c = t.hub.c
        for rows in self._batches(sa.select(c.id, c.fields).where(c.kind == kind, c.merged_into.is_(None))):
            ids, texts = zip(*rows, strict=True)
            yield list(ids), f"[{','.join(texts)}]".encode()

    def moves(self) -> Iterator[Sequence[Sequence[Any]]]:
        """Of all stage events hub id, point in time, new stage and reason, as four columns, many at once, in the order of
        writing; also of hub records that were merged into another."""
        e = t.stage_event.c
        if not self._sqlite:
            query = sa.select(e.hub_id, self._instant(e.at), e.new, e.reason).order_by(e.id)
            yield from (tuple(zip(*rows, strict=True)) for rows in self._batches(query))
            return
        last = self._c.execute(sa.select(sa.func.max(e.id))).scalar() or 0
        lists = [sa.func.json_group_array(one) for one in (e.hub_id, self._instant(e.at), e.new, e.reason)]
        for start in range(0, last, MANY):  # four texts are handed over in half the time of as many rows
            query = sa.select(*lists).where(e.id > start, e.id <= start + MANY)
            columns = [loads(text) for text in self._c.execute(query).one()]
            if columns[0]:
                yield columns

    def touches(
        self, leads: Collection[str], types: Collection[str], since: int, until: int
    ) -> Iterator[tuple[str, int]]:
        """Lead and point in time of what happened of these types to these leads, from `since` on and before `until`."""
        for month in self._months(since, until):
            for hub_id, type_, at in TOUCHES.rows(self._c, leads, month=month):
                when = at if self._sqlite else microseconds(at)
                if type_ in types and since <= when < until:
                    yield hub_id, when

    def happened(self, type_: str, since: int, until: int) -> int:
        """How often something of this type happened to anybody, from `since` on and before `until`."""
        c = t.activity.c
        some = (c.type == type_, c.at >= moment(since), c.at < moment(until))
        query = sa.select(sa.func.count()).where(c.month.in_(list(self._months(since, until))), *some)
        return int(self._c.execute(query).scalar_one())

    def corrections(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Hub id, point in time, and what changed in it ({field: {old, new, from, rule}}), of every change that a merge
        made to hub records that were there already."""
        c = t.change.c
        query = sa.select(c.hub_id, self._instant(c.at), c.detail).where(c.kind == "merged", c.detail.is_not(None))
        for hub_id, at, detail in self._rows(query.order_by(c.id)):
            yield hub_id, at, loads(detail)

    def spans(self) -> Iterator[tuple[int, int]]:
        """Beginning and end of every month in which something happened, the first first."""
        c = t.activity_month.c
        for row in self._c.execute(sa.select(c.month).distinct().order_by(c.month)).all():
            start = datetime(row.month // 100, row.month % 100, 1, tzinfo=UTC)
            yield microseconds(start), microseconds((start + timedelta(days=32)).replace(day=1))

    def _months(self, since: int, until: int) -> Iterator[int]:
        c = t.activity_month.c
        first, last = month_of(moment(since)), month_of(moment(until - 1))
        for row in self._c.execute(sa.select(c.month).distinct().order_by(c.month)).all():
            if first <= row.month <= last:
                yield row.month

    def _instant(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The column as microseconds since 1970, straight from the driver."""
        if self._sqlite:
            return sa.type_coerce(column, sa.BigInteger)
        return sa.cast(sa.func.extract("epoch", column) * 1_000_000, sa.BigInteger)

    def _rows(self, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        for rows in self._batches(query):
            yield from rows

    def _batches(self, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        """A batch at a time; from SQLite as the driver gives them, which reads as it goes."""
        if self._sqlite:
            cursor = self._c.execute(query).cursor
            assert cursor is not None
            while rows := cursor.fetchmany(BATCH):
                yield rows
        else:
            streamed = self._c.execute(query, execution_options=STREAMED)
            yield from streamed.partitions(BATCH)
