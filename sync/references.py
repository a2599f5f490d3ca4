"""Hub records that refer to each other: from a system's ids to ours and back.

Effects: the store. A record whose field names one that has no hub record yet waits: the field counts as not read, and
the record is read again once the other is known. A system is told only of what it has itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.base import Members, Write
from mapping.fields import Fields, Kind, Value
from mapping.mapper import FieldMap
from mapping.rules import Rules
from state.records import Hub, Link, Waiting, WriteRow
from state.store import Store
from sync.context import Context
from sync.plan import has_left

if TYPE_CHECKING:
    from sync.batch import Batch


def inward(ctx: Context, system: str, read: Mapping[str, Fields]) -> list[Waiting]:
    """Put our ids in place of the system's, in the values read of each record. A field that cannot be told yet is taken
    out; what it waits for is returned."""
    fields = ctx.rules.mappers[system].references
    return [
        Waiting(system, ctx.kind, record, kind, remote_id)
        for record, kind, remote_id in _translate(ctx, system, read, fields)
    ]


def answered(ctx: Context, system: str, answers: Sequence[Mapping[str, Any] | None]) -> list[dict[str, Any]]:
    """The same for records as the system shows them, by its own field names: what it answered to a write, or what
    recovery has found. Ids that nobody knows are as if they had not been told."""
    fields = {field.remote: field for field in ctx.rules.mappers[system].references.values()}
    found = {str(n): dict(answer or {}) for n, answer in enumerate(answers)}
    if fields:
        _translate(ctx, system, found, fields)
    return list(found.values())


def _translate(
    ctx: Context, system: str, read: Mapping[str, dict[str, Any]], fields: Mapping[str, FieldMap]
) -> list[tuple[str, Kind, str]]:
    """In place. Returns (key, kind, remote id) of whatever has no hub record yet."""
    missing: list[tuple[str, Kind, str]] = []
    for name, field in fields.items():
        assert field.refers is not None
        ids = {key: ids_in(values[name]) for key, values in read.items() if values.get(name)}
        known = ctx.store.of(field.refers).known(system, {i for some in ids.values() for i in some})
        heirs = ctx.store.heirs(link.hub_id for link in known.values())
        for key, some in ids.items():
            unknown = [(key, field.refers, i) for i in some if i not in known]
            missing += unknown
            if unknown:
                del read[key][name]
            elif field.many:
                read[key][name] = sorted({heirs.get(known[i].hub_id, known[i].hub_id) for i in some})
            else:
                read[key][name] = heirs.get(known[some[0]].hub_id, known[some[0]].hub_id)
    return missing


def outward(ctx: Context, system: str, sent: Sequence[tuple[WriteRow, Write]]) -> list[tuple[WriteRow, Write]]:
    """The writes with the system's ids in place of ours. What the system does not have after all (its create was
    refused) is left out of the write and told another time."""
    mapper = ctx.rules.mappers[system]
    told = [(row, name) for row, _ in sent for name in mapper.references if name in row.fields]
    ids = ctx.store.names_of(system, {i for row, name in told for value in row.fields[name] for i in ids_in(value)})
    written: list[tuple[WriteRow, Write]] = []
    for row, write in sent:
        fields = dict(write.fields)
        for name, field in mapper.references.items():
            if name not in row.fields:
                continue
            old, new = (ids_in(value) for value in row.fields[name])
            if any(i not in ids for i in new):
                del row.fields[name], fields[field.remote]
            elif field.many:
                joins, leaves = set(new) - set(old), set(old) - set(new)
                fields[field.remote] = Members(
                    tuple(sorted(ids[i] for i in joins)), tuple(sorted(ids[i] for i in leaves if i in ids))
                )
            else:
                fields[field.remote] = ids[new[0]] if new else None
        written.append((row, replace(write, fields=fields)))
    return written


def store(ctx: Context, batch: Batch) -> None:
    """Keep what the hub records of a batch refer to, and what its records wait for."""
    fields = ctx.rules.references
    if fields:
        hubs = [*batch.hubs.values(), *(hub for hub in batch.new_hubs.values() if hub.id not in batch.hubs)]
        ids = [hub.id for hub in hubs]
        summed = ctx.rules.summed
        if summed:
            ctx.store.touch_targets(ids, summed)
        ctx.store.refer(
            ids, [(hub.id, name, i) for hub in hubs for name in fields for i in ids_in(hub.fields.get(name))]
        )
        if summed:
            ctx.store.touch_targets(ids, summed)
        for system in {system for system, _ in batch.read}:
            some = [remote_id for of, remote_id in batch.read if of == system]
            ctx.store.wait(system, some, [row for row in batch.waiting if row.system == system])
    arrived(ctx, [*batch.new_links, *batch.returned])


def arrived(ctx: Context, links: Sequence[Link]) -> None:
    """A system has records that it had not: it can be told of them by whoever refers to them."""
    if ctx.rules.referred and links:
        ctx.store.flag_referrers([link.hub_id for link in links])


def there(
    store: Store,
    rules: Rules,
    hubs: Iterable[Hub],
    coming: Mapping[str, Collection[str]],
    away: Mapping[str, Collection[str]],
) -> Mapping[str, Collection[str]]:
    """By system, which of the hub records that these refer to it has, or will have (`coming`) before these are written.
    An owner who has left it (`away`) is as good as not there: nothing can be given to him."""
    if not rules.references:
        return {}
    wanted = {i for hub in hubs for name in rules.references for i in ids_in(hub.fields.get(name))}
    found = {system: set(wanted.intersection(coming.get(system, ()))) for system in rules.mappers}
    for system, hub_id in store.living(wanted):
        if system in found:
            found[system].add(hub_id)
    for system, gone in away.items():
        # Where a list may name owners, to leave one out would be to take him off it.
        if system in found and not any(
            m.refers == "owner" and m.many for m in rules.mappers[system].references.values()
        ):
            found[system].difference_update(gone)
    return found


def known_by(store: Store, rows: Iterable[WriteRow]) -> dict[str, str]:
    """What the hub records that these writes refer to are called outside of here (`sync.plan.fingerprint`)."""
    ids = {i for row in rows for value in row.sent().values() for i in ids_in(value)}
    return store.known_by(i for i in ids if len(i) == 32)


def named(store: Store, rules: Rules, system: str, row: WriteRow) -> dict[str, str]:
    """Hub id -> how the system calls what the write refers to."""
    sent = row.sent()
    ids = {i for name in rules.mappers[system].references if name in sent for i in ids_in(sent[name])}
    return store.names_of(system, ids) if ids else {}


def needed_there(store: Store, rules: Rules, hubs: Iterable[Hub]) -> Mapping[str, Collection[str]]:
    """By system, which of these hub records have left its rule and cannot be archived, since others there refer to
    them."""
    found: dict[str, Collection[str]] = {}
    for system, mapper in rules.mappers.items() if rules.archives else ():
        links = [(hub, hub.links[system]) for hub in hubs if system in hub.links]
        left = [hub.id for hub, link in links if link.state == "live" and has_left(mapper, link, hub.fields)]
        if left and (needed := store.depended_on(system, left)):
            found[system] = needed
    return found


def ids_in(value: Value) -> list[str]:
    if isinstance(value, list):
        return value
    return [str(value)] if value else []
