"""Store what a batch of records says: whose it is, what it claims, and why every value is what it is.

Effects: the store alone; the caller commits. All systems' claims on a hub are settled together: while a system is
read that others may still contradict, its claims are only noted (`seen`) and the hub is marked as touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

import orjson

from connectors.base import Record
from mapping.fields import ENGAGED, STAGE, Fields
from mapping.mapper import Mapper, Problem
from state.records import Hub, Known, Link, Review
from state.scores import ScoreRow
from sync import references
from sync.aging import engagement, score_of
from sync.batch import Batch
from sync.context import Context
from sync.depart import let_go
from sync.entered import noted
from sync.identify import Finder, Forced, identify
from sync.match import match_keys
from sync.merge import unseen
from sync.reconcile import Settled, reconcile
from sync.rollup import roll_up

_ABSENT = "\0absent"


def observe(
    ctx: Context,
    system: str,
    records: Sequence[Record],
    at: datetime,
    *,
    settle: bool,
    present: bytearray | None = None,
    forced: Forced | None = None,
) -> None:
    """Store what a batch of records says. Commits nothing. `present`: the links met in this scan, a bit each."""
    mapper = ctx.rules.mappers[system]
    known = ctx.store.known(system, [r.id for r in records])
    fresh: dict[str, tuple[Record, bytes]] = {}
    gone: list[Record] = []
    met: list[int] = []
    unreadable: list[Review] = []
    for record in records:
        id_, fields, _, _, deleted, became, problem = record
        if deleted or became:
            fresh.pop(id_, None)
            gone.append(record)
            continue
        if problem:
            unreadable.append(_unreadable(ctx, system, record))
            continue
        link, mark = known.get(id_), digest(mapper, fields)
        if link is not None:
            met.append(link.n)
        if link is None or link.digest != mark or forced:
            fresh[id_] = (record, mark)
    if gone:
        let_go(ctx, system, gone, at)
        known = ctx.store.known(system, [r.id for r in records])
        # One that took another's place is met only now that its link says so.
        living = (r.id for r in records if not r.deleted and not r.became)
        met += [known[id_].n for id_ in living if id_ in known]
    _mark(met, present)
    ctx.store.open_reviews(unreadable, ctx.run_id, at)
    if system in ctx.look_again:
        ctx.look_again[system] -= fresh.keys()
    if fresh:
        ctx.counts(system).fresh += len(fresh)
        batch = Batch()
        _absorb(ctx, system, list(fresh.values()), known, batch, forced or {}, at, settle)
        _mark(batch.links, present)  # among them links that were free and have just taken a record of this scan
        batch.flush(ctx, at)


def _unreadable(ctx: Context, system: str, record: Record) -> Review:
    """What the connector itself could make nothing of: a line of a file."""
    ctx.counts(system).reviews += 1
    told = Problem("", "", "", record.problem or "")
    detail = {"problems": [told._asdict()]}
    return Review("bad_value", ctx.subject(system, record.id), detail, None, system, record.id, record_kind=ctx.kind)


def _mark(links: Iterable[int], present: bytearray | None) -> None:
    """Note that these links were met. `present` has no bits for links that were made since the scan began."""
    if present is not None:
        end = 8 * len(present)
        for n in links:
            if n < end:
                present[n >> 3] |= 1 << (n & 7)


def settle_hubs(ctx: Context, hubs: Sequence[Hub], at: datetime) -> None:
    """Merge what was noted of these hub records, and sum up anew what others say of them."""
    batch = Batch()
    sums = roll_up(ctx.store, ctx.rules, hubs, at)
    worth = engagement(ctx.store, ctx.rules, hubs, at)
    for hub in hubs:
        batch.hubs[hub.id] = hub
        summed = sums.get(hub.id)
        if hub.id in worth:
            parts, batch.due[hub.id] = worth[hub.id]
            summed = {**(summed or {}), ENGAGED: parts}
        before = [(link, _stands(link)) for link in hub.links.values()]
        _settle(ctx, hub, batch, at, summed)
        for (
            link,
            stood,
        ) in before:  # mostly nothing came of it for the systems: a row and its three indexes stay as they are
            if link.n in batch.links and _stands(link) == stood:
                del batch.links[link.n]
    batch.flush(ctx, at)


def _stands(link: Link) -> tuple[object, ...]:
    """All that is stored of a link."""
    side = link.side
    values = dict(side.base_remote), dict(side.base_hub), dict(side.seen), side.seen_at, dict(side.entered)
    return link.hub_id, link.remote_id, link.state, link.mapping, link.digest, link.within, *values


def digest(mapper: Mapper, fields: Mapping[str, Any]) -> bytes:
    """Eight bytes that change when a mapped value, or the mapping, does."""
    try:
        values = mapper.pick(fields)
    except KeyError:
        values = tuple(map(fields.get, mapper.remote_fields, repeat(_ABSENT)))
    try:
        text = orjson.dumps(values)
    except TypeError:  # lone surrogates, integers past 64 bits
        text = repr(values).encode("utf-8", "surrogatepass")
    mark = mapper.hasher.copy()
    mark.update(text)
    return mark.digest()


def _absorb(
    ctx: Context,
    system: str,
    fresh: Sequence[tuple[Record, bytes]],
    known: Mapping[str, Known],
    batch: Batch,
    forced: Forced,
    at: datetime,
    settle: bool,
) -> None:
    mapper = ctx.rules.mappers[system]
    read = {record.id: mapper.to_hub(record.fields) for record, _ in fresh}
    if ctx.forgotten and ctx.kind == "lead":
        fresh = [one for one in fresh if not _is_forgotten(ctx, system, one[0], read[one[0].id][0], known)]
        read = {record.id: read[record.id] for record, _ in fresh}
    waits: set[str] = set()
    if mapper.references:
        batch.waiting += references.inward(ctx, system, {i: values for i, (values, _) in read.items()})
        batch.read += [(system, record.id) for record, _ in fresh]
        waits = {row.remote_id for row in batch.waiting}
    hubs = ctx.store.hubs([known[r.id].hub_id for r, _ in fresh if r.id in known])
    strangers = [record for record, _ in fresh if record.id not in known]
    finder = Finder(ctx, system, strangers, {r.id: read[r.id][0] for r in strangers}) if strangers else None
    if finder:
        hubs.update((i, hub) for i, hub in finder.hubs.items() if i not in hubs)
    for record, mark in fresh:
        values, problems = read[record.id]
        if problems:
            _report_problems(ctx, system, record, problems, batch)
        elif ctx.open_questions:
            batch.close(ctx, ctx.subject(system, record.id), "bad_value")
        link = known.get(record.id)
        if link:
            hub = hubs[link.hub_id]
            if hub.merged_into:
                continue  # one record too many of somebody: it waits for a person to merge it with the other
            side_link = hub.links[system]
            if side_link.state != "live":
                batch.returned.append(side_link)
            rebased = _reopen(ctx, system, side_link)
        else:
            assert finder is not None
            found = identify(ctx, system, record, values, problems, finder, forced, batch)
            if found is None:
                continue
            hub, side_link = found
            hubs[hub.id] = hub
            rebased = True
        side_link.digest = None if record.id in waits else mark  # it is read again, whatever it says by then
        side_link.side.seen_at = record.changed_at
        news = unseen(side_link.side.base_remote, values)
        if side_link.side.seen:
            news |= {name: value for name, value in side_link.side.seen.items() if name not in values}
        if mapper.entered and STAGE in news:
            side_link.side.entered = mapper.dates(record.fields, values.get(STAGE))
        changed = news != side_link.side.seen
        side_link.side.seen = news
        batch.touch(side_link)
        if not changed and not rebased:
            continue
        if hub.id not in batch.new_hubs:
            batch.hubs[hub.id] = hub
        # What refers to a new one may have been waiting for it; nothing has happened to it yet that we know of.
        asks = (ctx.rules.sums_up and hub.touched) or (ctx.rules.rollups and hub.id in batch.new_hubs)
        if settle and not asks:
            _settle(ctx, hub, batch, at)
        else:
            hub.touched = True
            batch.keys.update((key, hub.id) for _, key in match_keys({**hub.fields, **news}, ctx.entries, ctx.kind))


def _is_forgotten(ctx: Context, system: str, record: Record, values: Fields, known: Mapping[str, Known]) -> bool:
    """Somebody who asked to be forgotten is not taken in, and counted."""
    assert ctx.forgotten is not None
    is_one = ctx.forgotten.is_one(ctx.place(system), record.id, values, linked=record.id in known)
    if is_one and (subject := ctx.subject(system, record.id)) not in ctx.met:
        ctx.met.add(subject)
        ctx.counts(system).forgotten += 1
    return is_one


def _settle(ctx: Context, hub: Hub, batch: Batch, at: datetime, sums: Fields | None = None) -> None:
    before = score_of(hub.fields) if ctx.rules.scores else None
    settled = reconcile(hub, ctx.rules, ctx.entries, sums)
    if ctx.rules.scores and (after := score_of(hub.fields)) is not None and after != before:
        batch.scores.append(ScoreRow(hub.id, at, *after))
    entered: dict[str, dict[str, Any]] = {}
    for system, link in hub.links.items():
        if link.side.entered:
            entered[system], link.side.entered = link.side.entered, {}
        batch.touch(link)
    if settled.stages:
        row = {"hub_id": hub.id, "run_id": ctx.run_id}
        batch.moves.append(noted(hub, entered, settled.stages, row))
    for key in settled.gained:
        batch.keys.add((key, hub.id))
    for key in settled.lost:
        batch.lost_keys.add((key, hub.id))
    _record(ctx, settled, batch, at)


def _record(ctx: Context, settled: Settled, batch: Batch, at: datetime) -> None:
    """Write down why every value is what it is."""
    hub = settled.hub
    row = {"hub_id": hub.id, "run_id": ctx.run_id, "at": at}
    if settled.created:
        batch.changes.append({**row, "kind": "created", "system": hub.origin.get("", ""), "detail": None})
    fields = {} if settled.created else settled.changes
    if fields or settled.conflicts:
        detail: dict[str, dict[str, Any]] = {
            name: {"old": c.old, "new": c.new, "from": c.source, "rule": c.rule} for name, c in fields.items()
        }
        for name, conflict in settled.conflicts.items():
            entry = detail.setdefault(name, {"rule": conflict.rule})
            entry |= {"claims": conflict.claims, "winner": conflict.winner}
        source = next((c.source for c in fields.values()), "hub")
        batch.changes.append({**row, "kind": "merged", "system": source, "detail": detail})
    if not settled.conflicts and not settled.closed:
        return
    for name, conflict in settled.conflicts.items():
        for system in conflict.claims:
            if system in ctx.rules.mappers:
                ctx.counts(system).conflicts += 1
        if conflict.winner is None:
            about = {"field": name, "claims": conflict.claims, "hub": hub.fields.get(name), "rule": conflict.rule}
            batch.reviews.append(Review("conflict", f"{hub.id}:{name}", about, hub.id, record_kind=ctx.kind))
    batch.closed += [("conflict", f"{hub.id}:{name}") for name in settled.closed]


def _reopen(ctx: Context, system: str, link: Link) -> bool:
    """A record that was gone is back; and bases that were read by another mapping no longer count. True where
    the hub has to be looked at again for either reason."""
    returned = link.state != "live"
    if returned:
        link.within = None  # somebody has brought it back: to leave once more, it has to be in once more
    link.state = "live"
    if link.mapping == ctx.mapping:
        return returned
    now, then = ctx.rules.mappers[system].specs, ctx.specs.get(link.mapping, {}).get(ctx.place(system), {})
    for name in {n for n in {*now, *then} if now.get(n) != then.get(n)}:
        link.side.base_remote.pop(name, None)
        link.side.base_hub.pop(name, None)
        link.side.seen.pop(name, None)
    link.mapping = ctx.mapping
    return True


def _report_problems(ctx: Context, system: str, record: Record, problems: Sequence[Problem], batch: Batch) -> None:
    detail = {"problems": [p._asdict() for p in problems]}
    batch.reviews.append(
        Review("bad_value", ctx.subject(system, record.id), detail, None, system, record.id, record_kind=ctx.kind)
    )
    ctx.counts(system).reviews += 1
