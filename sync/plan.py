"""The writes that would bring every system in line with one hub record. Pure: a function of the hub and the bases.

Nothing but the difference is ever planned. A remote change that merge has not absorbed yet (a conflict that waits
for a person) is never written over; a blank travels only to a system whose mapping lets it; an opt-out is never
taken back. A record is archived only where it has left the system's rule, never where it was never in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, cast

import orjson

from mapping.fields import Fields, Value
from mapping.mapper import Mapper
from mapping.rules import Rules
from state.records import Hub, Link, Side, WriteRow
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
    merges: int = 0
    ranks: list[int] = field(default_factory=lambda: [0, 0, 0])
    """How many writes of each rank."""
    fields: dict[str, int] = field(default_factory=dict)
    blanks: dict[str, int] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        return self.creates + self.updates + self.archives + self.merges

    def add(self, row: WriteRow) -> None:
        self.ranks[row.rank] += 1
        if row.operation == "create":
            self.creates += 1
            return
        if row.operation == "archive":
            self.archives += 1
            return
        if row.operation == "merge":
            self.merges += 1
            return
        self.updates += 1
        for name, (_, new) in row.fields.items():
            self.fields[name] = self.fields.get(name, 0) + 1
            if new is None:
                self.blanks[name] = self.blanks.get(name, 0) + 1


Code = Literal[
    "create", "update", "archive",
    "in_line", "refused", "question", "silent", "create_when", "sync_when", "unfindable", "merged_into", "nowhere",
    "left", "left_never", "left_undecided", "left_last", "left_needed", "archived", "deleted", "merged", "ignored",
]  # fmt: skip
"""What becomes of one hub record in one system: one of three writes, or the reason why there is none. What each means
is told in `sync.inclusion`."""


Verdict = tuple[Code, WriteRow | None]
"""The write only where the code names one."""


def plan_hub(
    hub: Hub,
    systems: Collection[str],
    rules: Rules,
    run_id: str,
    held: Collection[tuple[str, str]] = (),
    parked: Mapping[tuple[str, str], Collection[str]] | None = None,
    there: Mapping[str, Collection[str]] = NOTHING,
    needed: Mapping[str, Collection[str]] = NOTHING,
) -> list[WriteRow]:
    """The writes for these systems, as `judge` finds them."""
    rows: list[WriteRow] = []
    if hub.merged_into or not hub.alive:
        return rows
    for system in sorted(systems):
        _, row = _judge(hub, system, rules, run_id, held, parked, there, needed)
        if row:
            rows.append(row)
    return rows


def judge(
    hub: Hub,
    system: str,
    rules: Rules,
    run_id: str,
    held: Collection[tuple[str, str]] = (),
    parked: Mapping[tuple[str, str], Collection[str]] | None = None,
    there: Mapping[str, Collection[str]] = NOTHING,
    needed: Mapping[str, Collection[str]] = NOTHING,
) -> Verdict:
    """What becomes of the hub record in this system. `held`: (hub, system) pairs that an open question of identity
    keeps from being created; `parked`: what a system has rejected, by the digests of the writes: the same write is not
    tried again until something changes; `there`: by system, the hub records referred to that it has, or will have by
    the time of the write; `needed`: by system, the hub records that others there refer to."""
    if hub.merged_into:
        return "merged_into", None
    if not hub.alive:
        return "nowhere", None
    return _judge(hub, system, rules, run_id, held, parked, there, needed)


def _judge(
    hub: Hub,
    system: str,
    rules: Rules,
    run_id: str,
    held: Collection[tuple[str, str]],
    parked: Mapping[tuple[str, str], Collection[str]] | None,
    there: Mapping[str, Collection[str]],
    needed: Mapping[str, Collection[str]],
) -> Verdict:
    """Of one that is alive: asked for every lead and system of a first load."""
    mapper, link = rules.mappers[system], hub.links.get(system)
    if link is None or link.state == "archived":
        if (hub.id, system) in held:
            return "question", None
        code = hindrance(mapper, hub.fields)
        if code:
            return ("archived" if link and code == "sync_when" else code), None
        fields = told(mapper, hub.fields, there)
        news: dict[str, tuple[Value, Value]] = {name: (None, fields[name]) for name in creatable(mapper, fields)}
        if not news:
            return "silent", None
        return _unless_refused(WriteRow(run_id, hub.id, system, "create", None, news, kind=hub.kind), parked)
    if link.state != "live":
        return link.state, None
    if mapper.sync_when(hub.fields):
        fields = told(mapper, hub.fields, there)
        changes = {name: (link.side.base_hub.get(name), new) for name, new in news_for(mapper, link.side, fields)}
        if not changes:
            return "in_line", None
        rank = 0 if _withdraws(mapper, link.side, changes) else 1
        row = WriteRow(run_id, hub.id, system, "update", link.remote_id, changes, rank=rank, kind=hub.kind)
        return _unless_refused(row, parked)
    stays = _why_it_stays(hub, link, rules, needed.get(system, ()))
    if stays:  # told nothing more, but that somebody has opted out: whoever has the record may still write to them
        changes = _withdrawals(mapper, link.side, hub.fields)
        if not changes:
            return stays, None
        row = WriteRow(run_id, hub.id, system, "update", link.remote_id, changes, rank=0, kind=hub.kind)
        return _unless_refused(row, parked)
    return _unless_refused(WriteRow(run_id, hub.id, system, "archive", link.remote_id, {}, kind=hub.kind), parked)


def _unless_refused(row: WriteRow, parked: Mapping[tuple[str, str], Collection[str]] | None) -> Verdict:
    if parked and fingerprint(row) in parked.get((row.hub_id, row.system), ()):
        return "refused", None
    return cast(Code, row.operation), row


def has_left(mapper: Mapper, link: Link, hub: Fields) -> bool:
    """Whether the rule of a system that archives what leaves has held of the record, and does not any more."""
    return mapper.archives is not None and link.within == mapper.archives and not mapper.sync_when(hub)


def _why_it_stays(hub: Hub, link: Link, rules: Rules, needed: Collection[str]) -> Code | None:
    """Why a record that is outside its rule is not archived. Nothing is, on less than full evidence: it was seen inside
    this very rule, all that the rule looks at has been read and decided since, the lead is still somewhere else, and
    nothing in this system hangs on the record."""
    mapper = rules.mappers[link.system]
    if not has_left(mapper, link, hub.fields):
        return "left" if mapper.archives is None else "left_never"
    sides = [other.side for other in hub.links.values()]
    for name in mapper.ruled_by:
        if hub.touched or any(name in side.seen for side in sides) or not _is_known(name, hub, rules):
            return "left_undecided"
    stay = (
        other.state == "live" and not (of in rules.mappers and has_left(rules.mappers[of], other, hub.fields))
        for of, other in hub.links.items()
        if of != link.system
    )
    if not any(stay):
        return "left_last"
    return "left_needed" if hub.id in needed else None


def _is_known(name: str, hub: Hub, rules: Rules) -> bool:
    """Whether anybody has ever told the field, be it blank; what we compute is always known."""
    told_by = [system for system, mapper in rules.mappers.items() if name in mapper.pulled]
    return (
        not told_by
        or name in hub.fields
        or any(name in hub.links[s].side.base_remote for s in told_by if s in hub.links)
    )


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


def hindrance(mapper: Mapper, hub: Fields) -> Code | None:
    """Why no record is created of it. One that could not be found again never is."""
    if not mapper.pushed:
        return "silent"
    if not mapper.create_when(hub):
        return "create_when"
    if not mapper.sync_when(hub):
        return "sync_when"
    findable = mapper.id_field or any(all(hub.get(n) is not None for n in entry) for entry in mapper.match)
    return None if findable else "unfindable"


def may_create(mapper: Mapper, hub: Fields) -> bool:
    return hindrance(mapper, hub) is None


def creatable(mapper: Mapper, hub: Fields) -> list[str]:
    return sorted(n for n in mapper.pushed if hub.get(n) is not None and _may_send(n, hub[n], None, mapper, hub))


def news_for(mapper: Mapper, side: Side, hub: Fields) -> list[tuple[str, Value]]:
    """The hub values that this system has yet to be told."""
    return list(_news(mapper, side, hub))


def is_behind(mapper: Mapper, side: Side, hub: Fields) -> bool:
    """Whether there is any such value."""
    return any(True for _ in _news(mapper, side, hub))


def _news(mapper: Mapper, side: Side, hub: Fields) -> Iterator[tuple[str, Value]]:
    told = side.base_hub
    for name in mapper.updated:
        value = hub.get(name)
        if value == told.get(name):
            continue  # as mostly
        if name not in hub and name in mapper.references and told.get(name):
            continue  # it refers to what this system has not got: nothing can be told of it yet
        behind = name not in side.seen and ahead(mapper, side, name, value)
        if behind and _may_send(name, value, side.base_remote.get(name), mapper, hub):
            yield name, value


def _withdraws(mapper: Mapper, side: Side, changes: Mapping[str, tuple[Value, Value]]) -> bool:
    """Whether the write says that somebody has opted out."""
    return any(withdraws(new, side.base_remote.get(n)) for n, (_, new) in changes.items() if n in mapper.consent)


def _withdrawals(mapper: Mapper, side: Side, hub: Fields) -> dict[str, tuple[Value, Value]]:
    """Of what this system has yet to be told, that somebody has opted out."""
    return {
        name: (side.base_hub.get(name), value)
        for name, value in (news_for(mapper, side, hub) if mapper.consent else ())
        if name in mapper.consent and withdraws(value, side.base_remote.get(name))
    }


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
