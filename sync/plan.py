"""The writes that would bring every system in line with one hub record. Pure: a function of the hub and the bases.

Nothing but the difference is ever planned. A remote change that merge has not absorbed yet (a conflict that waits
for a person) is never written over; a blank travels only to a system whose mapping lets it; an opt-out is never
taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson

from mapping.fields import Fields, Value
from mapping.mapper import Mapper
from mapping.rules import Rules
from state.records import Hub, Side, WriteRow
from sync.consent import may_send, withdraws
from sync.merge import ahead

NOTHING: Mapping[str, Collection[str]] = {}
UNNAMED: Mapping[str, str] = {}


@dataclass(slots=True)
class Tally:
    """What a plan does to one system, for the guard and for the person who reads it."""

    linked: int = 0
    creates: int = 0
    updates: int = 0
    archives: int = 0
    ranks: list[int] = field(default_factory=lambda: [0, 0])
    """How many writes of each rank."""
    fields: dict[str, int] = field(default_factory=dict)
    blanks: dict[str, int] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        return self.creates + self.updates + self.archives

    def add(self, row: WriteRow) -> None:
        self.ranks[row.rank] += 1
        if row.operation == "create":
            self.creates += 1
            return
        if row.operation == "archive":
            self.archives += 1
            return
        self.updates += 1
        for name, (_, new) in row.fields.items():
            self.fields[name] = self.fields.get(name, 0) + 1
            if new is None:
                self.blanks[name] = self.blanks.get(name, 0) + 1


def plan_hub(
    hub: Hub,
    systems: Collection[str],
    rules: Rules,
    run_id: str,
    held: Collection[tuple[str, str]] = (),
    parked: Mapping[tuple[str, str], Collection[str]] | None = None,
    there: Mapping[str, Collection[str]] = NOTHING,
) -> list[WriteRow]:
    """`held`: (hub, system) pairs that an open question of identity keeps from being created; `parked`: what a
    system has rejected, by the digests of the writes: the same write is not tried again until something changes;
    `there`: by system, the hub records referred to that it has, or will have by the time of the write."""
    rows: list[WriteRow] = []
    if hub.merged_into or not hub.alive:
        return rows
    for system in sorted(systems):
        mapper = rules.mappers[system]
        fields = told(mapper, hub.fields, there)
        link = hub.links.get(system)
        row: WriteRow | None = None
        if link is None:
            if (hub.id, system) not in held and may_create(mapper, hub.fields):
                news: dict[str, tuple[Value, Value]] = {
                    name: (None, fields[name]) for name in creatable(mapper, fields)
                }
                row = WriteRow(run_id, hub.id, system, "create", None, news, kind=hub.kind) if news else None
        elif link.state == "live" and mapper.sync_when(hub.fields):
            changes = {name: (link.side.base_hub.get(name), new) for name, new in news_for(mapper, link.side, fields)}
            if changes:
                rank = 0 if _withdraws(mapper, link.side, changes) else 1
                row = WriteRow(run_id, hub.id, system, "update", link.remote_id, changes, rank=rank, kind=hub.kind)
        if row and not (parked and fingerprint(row) in parked.get((hub.id, system), ())):
            rows.append(row)
    return rows


def told(mapper: Mapper, hub: Fields, there: Mapping[str, Collection[str]]) -> Fields:
    """The hub's fields as far as they can be told to this system: of the records that they refer to, those it has. One
    that it cannot be told of is left out, as if it were not mapped."""
    if not mapper.references:
        return hub
    has = there.get(mapper.system, ())
    fields = dict(hub)
    for name, reference in mapper.references.items():
        value = hub.get(name)
        if reference.many:
            fields[name] = sorted(i for i in value if i in has) or None if isinstance(value, list) else None
        elif value and value not in has:
            del fields[name]
    return fields


def may_create(mapper: Mapper, hub: Fields) -> bool:
    """A record that could not be found again is never created."""
    findable = bool(mapper.id_field) or any(all(hub.get(n) is not None for n in entry) for entry in mapper.match)
    return bool(mapper.pushed) and findable and mapper.create_when(hub) and mapper.sync_when(hub)


def creatable(mapper: Mapper, hub: Fields) -> list[str]:
    return sorted(n for n in mapper.pushed if hub.get(n) is not None and _may_send(n, hub[n], None, mapper, hub))


def news_for(mapper: Mapper, side: Side, hub: Fields) -> list[tuple[str, Value]]:
    """The hub values that this system has yet to be told."""
    return list(_news(mapper, side, hub))


def is_behind(mapper: Mapper, side: Side, hub: Fields) -> bool:
    """Whether there is any such value."""
    return any(True for _ in _news(mapper, side, hub))


def _news(mapper: Mapper, side: Side, hub: Fields) -> Iterator[tuple[str, Value]]:
    for name in mapper.updated:
        if name not in hub and name in mapper.references and side.base_hub.get(name):
            continue  # it refers to what this system has not got: nothing can be told of it yet
        value = hub.get(name)
        behind = name not in side.seen and ahead(mapper, side, name, value)
        if behind and _may_send(name, value, side.base_remote.get(name), mapper, hub):
            yield name, value


def _withdraws(mapper: Mapper, side: Side, changes: Mapping[str, tuple[Value, Value]]) -> bool:
    """Whether the write says that somebody has opted out."""
    return any(withdraws(new, side.base_remote.get(n)) for n, (_, new) in changes.items() if n in mapper.consent)


def _may_send(name: str, value: Value, shown: Value, mapper: Mapper, hub: Fields) -> bool:
    """A blank goes only where it is let in; consent by its own rules."""
    if name in mapper.consent:
        return may_send(mapper, name, value, shown, hub)
    return value is not None or name in mapper.clears


def fingerprint(row: WriteRow, names: Mapping[str, str] = UNNAMED) -> str:
    """Tells a write from any other, whatever run plans it: by this an approved plan is recognised, and a rejected
    write not repeated. `names`: what the hub records that it refers to are known by to everybody; a plan that keeps
    nothing gives new ones other ids than the run that carries it out."""
    sent = {
        name: [names.get(i, i) for i in value] if isinstance(value, list) else names.get(str(value), value)
        for name, value in row.sent().items()
    }
    body = [row.system, row.operation, row.remote_id, sorted(sent.items())]
    return blake2b(orjson.dumps(body), digest_size=8).hexdigest()
