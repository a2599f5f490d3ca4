"""A complete connector in RAM: the reference for how a connector behaves, the test double, the simulator.

`Vendor` is the system itself: it outlives any crash of ours, and people edit it. `Memory` is the connector, made
anew for every run. `hook` is awaited around every effect, and may raise: that is how tests crash a run, or let a
person edit a record, between any two steps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import (
    ACTIVITY_FIELDS,
    Account,
    Budget,
    Capabilities,
    Clock,
    Cursor,
    Key,
    Kind,
    Members,
    Page,
    Record,
    RemoteField,
    Write,
    WriteResult,
    no_such_kind,
    utc_now,
)
from connectors.errors import Duplicate, Gone, Invalid, Unauthorized

Hook = Callable[[str], Awaitable[None]]


async def _no_hook(point: str) -> None:
    return None


@dataclass(slots=True)
class Row:
    fields: dict[str, Any]
    changed_at: datetime
    version: int = 1
    deleted: bool = False
    became: str | None = None


@dataclass
class Vendor:
    """The records of one kind in a system in RAM. `unique` fields refuse a second record with the same value; `refuse`
    is a rule of the vendor that returns a message for values it will not take; `siblings` are the system's other
    kinds."""

    name: str
    schema: Sequence[RemoteField] = ()
    unique: frozenset[str] = frozenset()
    clock: Clock = utc_now
    refuse: Callable[[Mapping[str, Any]], str | None] = lambda fields: None
    token: str | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    writes: int = 0
    made: int = 0
    kind: Kind = "lead"
    siblings: Mapping[Kind, Vendor] = field(default_factory=dict)

    def create(self, fields: Mapping[str, Any]) -> str:
        """Raises Invalid, Duplicate."""
        self._refuse(fields, None)
        self.made += 1
        self.writes += 1
        id_ = f"{self.name}-{self.made:06}"
        values = {name: _joined(None, value) for name, value in fields.items()}
        self.rows[id_] = Row({k: v for k, v in values.items() if v not in (None, "", [])}, self.clock())
        return id_

    def happen(self, type_: str, at: datetime, leads: Sequence[str] = (), **fields: Any) -> str:
        """Something happened (`kind="activity"`): named as all connectors do, whatever is not said is blank."""
        self.made += 1
        id_ = f"{type_}:{self.made}"
        told = {**dict.fromkeys(ACTIVITY_FIELDS), "type": type_, "at": at.isoformat(), "leads": list(leads), **fields}
        self.rows[id_] = Row(told, self.clock())
        return id_

    def update(self, id_: str, fields: Mapping[str, Any]) -> None:
        """Raises Gone, Invalid, Duplicate."""
        row = self.rows.get(id_)
        if row is None or row.deleted or row.became:
            raise Gone(f"{self.name} has no record {id_}.")
        self._refuse(fields, id_)
        self.writes += 1
        row.fields.update({name: _joined(row.fields.get(name), value) for name, value in fields.items()})
        self._touch(row)

    def delete(self, id_: str) -> None:
        self.rows[id_].deleted = True
        self._touch(self.rows[id_])

    def erase(self, id_: str) -> None:
        """For good, and with it every record that was merged into it: nothing tells later that it was there."""
        kept = self.follow(id_)
        self.writes += 1
        self.rows = {other: row for other, row in self.rows.items() if self.follow(other) != kept}

    def follow(self, id_: str) -> str:
        """The id under which this record goes on, by however many merges."""
        row = self.rows.get(id_)
        return self.follow(row.became) if row and row.became else id_

    def merge(self, winner: str, loser: str) -> None:
        """The loser's values fill the winner's blanks, and the loser is known as the winner from now on."""
        into, old = self.rows[winner], self.rows[loser]
        into.fields = {**old.fields, **{k: v for k, v in into.fields.items() if v not in (None, "")}}
        old.became = winner
        self._touch(into)
        self._touch(old)

    def convert(self, id_: str) -> str:
        """The record goes on under another id, as a Lead does that becomes a Contact."""
        old = self.rows[id_]
        self.made += 1
        new = f"{self.name}-{self.made:06}"
        self.rows[new] = Row(dict(old.fields), self.clock(), old.version)
        old.became = new
        self._touch(old)
        return new

    def live(self) -> dict[str, Row]:
        return {id_: row for id_, row in self.rows.items() if not row.deleted and not row.became}

    def by(self, name: str, value: Any) -> list[str]:
        return [id_ for id_, row in self.live().items() if row.fields.get(name) == value]

    def _touch(self, row: Row) -> None:
        row.changed_at = self.clock()
        row.version += 1

    def _refuse(self, fields: Mapping[str, Any], id_: str | None) -> None:
        message = self.refuse(fields)
        if message:
            raise Invalid(message)
        for name in self.unique & fields.keys():
            others = [other for other in self.by(name, fields[name]) if other != id_] if fields[name] else []
            if others:
                raise Duplicate(f"{self.name} already has a record with this {name}.", existing=others[0], field=name)


def _joined(held: Any, value: Any) -> Any:
    """What a field holds once a value, or who joins and who leaves, has been written to it."""
    if not isinstance(value, Members):
        return value
    return sorted({*(held or ()), *value.add} - set(value.remove))


class Memory:
    """The connector of a `Vendor`. `patience` pages are read of one instant: like a real API, the pages of one read
    see what people change between them."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        page_size: int = 100,
        can: Capabilities | None = None,
        hook: Hook = _no_hook,
        token: str | None = None,
    ) -> None:
        self.vendor = vendor
        self.name = vendor.name
        self.kind = vendor.kind
        self.kinds = frozenset({vendor.kind, *vendor.siblings})
        self.can = can or Capabilities(
            tombstones=True,
            upsert_keys=frozenset({"*"}),
            answers_values=True,
            oldest_first=True,
            archive=True,
            erase=True,
            merge=True,
        )
        if self.kind == "activity":  # they happen, nobody writes them
            self.can = replace(self.can, create=False, update=False, archive=False, erase=False, merge=False)
        self.page_size = page_size
        self.hook = hook
        self.token = token
        self.calls = 0
        self._others: dict[Kind, Memory] = {}

    def of(self, kind: Kind) -> Memory:
        if kind == self.kind:
            return self
        if kind not in self.vendor.siblings:
            raise no_such_kind(self.name, kind)
        if kind not in self._others:
            other = Memory(
                self.vendor.siblings[kind], page_size=self.page_size, can=self.can, hook=self.hook, token=self.token
            )
            self._others[kind] = other
        return self._others[kind]

    async def check(self) -> Account:
        await self._call("check")
        return Account(self.name, self.name, f"{len(self.vendor.live())} records in memory")

    async def schema(self) -> list[RemoteField]:
        await self._call("schema")
        return list(self.vendor.schema)

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        await self._call("provision")
        there = {f.name for f in self.vendor.schema}
        made = [f for f in wanted if f.name not in there]
        self.vendor.schema = [*self.vendor.schema, *made]
        return [f.name for f in made]

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        started = since["started"] if since and "scan" in since else self.vendor.clock().isoformat()
        if since is None or "scan" in since:
            pages = self._scan(fields, since, started)
        else:
            pages = self._changes(fields, datetime.fromisoformat(since["since"]), started)
        async for page in pages:
            yield page

    async def _scan(self, fields: Sequence[str], since: Cursor | None, started: str) -> AsyncIterator[Page]:
        """By id, so that nothing moves while people edit; what changed since the start is the next run's. Records
        that became others come too: who knows only their absence would take them for deleted."""
        after = since["scan"] if since else ""
        while True:
            await self._call("read")
            there = ((id_, row) for id_, row in self.vendor.rows.items() if id_ > after and not row.deleted)
            rows = sorted(there, key=lambda one: one[0])[: self.page_size]
            records = [self._record(id_, row, fields) for id_, row in rows]
            if len(rows) < self.page_size:
                yield Page(records, {"since": started}, complete=since is None)
                return
            after = rows[-1][0]
            yield Page(records, {"scan": after, "started": started})

    async def _changes(self, fields: Sequence[str], since: datetime, started: str) -> AsyncIterator[Page]:
        position = (since - self.can.overlap, "")
        newest = since
        while True:
            await self._call("read")
            rows = sorted(
                ((row.changed_at, id_), row)
                for id_, row in self.vendor.rows.items()
                if (row.changed_at, id_) > position and (self.can.tombstones or not row.deleted)
            )[: self.page_size]
            records = [self._record(at_id[1], row, fields) for at_id, row in rows]
            if rows:
                position = rows[-1][0]
                newest = max(newest, position[0])
            cursor = {"since": min(newest, datetime.fromisoformat(started)).isoformat()}
            yield Page(records, cursor)
            if len(rows) < self.page_size:
                return

    def cursor_at(self, at: datetime) -> Cursor:
        return {"since": at.isoformat()}

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        await self._call("find")
        found = []
        for key in keys:
            if key.field == "id":
                ids = [self.vendor.follow(key.value)]
            else:
                ids = self.vendor.by(key.field, key.value)
            live = self.vendor.live()
            found.append([self._record(id_, live[id_], fields) for id_ in ids if id_ in live])
        return found

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        if len(batch) > self.can.write_batch:
            raise ValueError(f"a batch of {len(batch)} is over the limit of {self.can.write_batch}")
        await self._call("write")
        if not (self.can.create or self.can.update):
            error = Invalid(f"{self.name}'s records of kind {self.kind} are only read.")
            return [WriteResult("rejected", write.id, error=error) for write in batch]
        results = [self._write(write) for write in batch]
        await self.hook(f"{self.name}: answer")
        return results

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        await self._call("archive")
        for id_ in ids:
            if (kept := self.vendor.follow(id_)) in self.vendor.live():
                self.vendor.delete(kept)
        await self.hook(f"{self.name}: answer")
        return [WriteResult("done", id_) for id_ in ids]

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        await self._call("erase")
        for id_ in ids:
            self.vendor.erase(id_)
        await self.hook(f"{self.name}: answer")
        return [WriteResult("done", id_) for id_ in ids]

    async def merge(self, winner_id: str, loser_id: str) -> WriteResult:
        await self._call("merge")
        keeps, goes = self.vendor.follow(winner_id), self.vendor.follow(loser_id)
        if keeps == goes or not {keeps, goes} <= self.vendor.live().keys():
            return WriteResult("rejected", loser_id, error=Gone(f"{self.name} has no two records to merge."))
        self.vendor.writes += 1
        self.vendor.merge(keeps, goes)
        await self.hook(f"{self.name}: answer")
        return WriteResult("done", self.vendor.follow(keeps))

    def budget(self) -> Budget:
        return Budget(calls=self.calls + sum(other.calls for other in self._others.values()))

    async def aclose(self) -> None:
        return None

    def _write(self, write: Write) -> WriteResult:
        try:
            if write.operation == "update":
                id_ = write.id or ""
                self.vendor.update(id_, write.fields)
            else:
                same = self.vendor.by(write.key.field, write.key.value) if write.key else []
                if same:
                    id_ = same[0]
                    self.vendor.update(id_, write.fields)
                else:
                    id_ = self.vendor.create(write.fields)
        except (Invalid, Gone, Duplicate) as error:
            return WriteResult("rejected", write.id, error=error)
        row = self.vendor.rows[id_]
        answer = {name: row.fields.get(name) for name in write.fields} if self.can.answers_values else None
        return WriteResult("done", id_, answer, str(row.version))

    def _record(self, id_: str, row: Row, fields: Sequence[str]) -> Record:
        values = {name: row.fields.get(name) for name in fields}
        return Record(id_, values, row.changed_at, str(row.version), row.deleted, row.became)

    async def _call(self, point: str) -> None:
        await self.hook(f"{self.name}: {point}")
        if self.token != self.vendor.token:
            raise Unauthorized(f"{self.name} does not accept the token.", hint="Check the token in the environment.")
        self.calls += 1


class LogicalClock:
    """A clock that moves only when told: one second a tick."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)
