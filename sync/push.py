"""Carry out the planned writes of one system, and first of all find out what became of those of a run that died.

Effects: writes to one system, and to the store. The order is the safety: the intent is committed, then the remote is
written, then link, bases and result go into one commit. A crash at any point leaves either nothing, or an intent
that `recover` looks for in the remote before anything is written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Key, Record, Write, WriteResult
from connectors.errors import Duplicate, Gone, Reject, Retry, Stale
from mapping.fields import Fields, Value
from mapping.mapper import Mapper, Problem
from state.records import Hub, Known, Link, Review, Side, WriteRow
from sync import lists, merging, references
from sync.archive import archive, archived, is_free, ours_to_take, take_place
from sync.consent import takes_back
from sync.context import Context
from sync.guard import ErrorMonitor, Stop
from sync.letters import dead_letter, described
from sync.plan import fingerprint
from sync.pull import reread
from sync.revert import kept, told_restore

Elsewhere = list[tuple[WriteRow, Duplicate]]


async def recover(ctx: Context, system: str) -> None:
    """Settle the writes of which no answer was stored. Raises ConnectorError."""
    merges = [row for row in ctx.store.intents(system) if row.operation == "merge"]
    if merges:
        await merging.recover(ctx, system, merges)
    intents = [row for row in ctx.store.intents(system) if row.operation != "merge"]
    connector, mapper = ctx.connectors[system], ctx.rules.mappers[system]
    for start in range(0, len(intents), connector.can.find_batch):
        part = intents[start : start + connector.can.find_batch]
        keys = [_key(mapper, row) for row in part]
        asked = [key for key in keys if key]
        fields = tuple(dict.fromkeys([*mapper.remote_fields, *(m.remote for m in mapper.maps.values())]))
        answers = iter(await connector.find(asked, fields) if asked else [])
        found = [next(answers) if key else [] for key in keys]
        found = _in_our_ids(ctx, system, found)
        hubs = ctx.store.hubs([row.hub_id for row in part])
        taken = ctx.store.known(system, [record.id for records in found for record in records])
        made: list[Link] = []
        links: list[Link] = []
        changes: list[dict[str, Any]] = []
        reopened: list[str] = []
        for row, records in zip(part, found, strict=True):
            hub = hubs[row.hub_id]
            link = hub.links.get(system)
            row.state = "dropped"
            if row.operation == "archive" and not records and link and link.remote_id == row.remote_id:
                changes.append(archived(ctx, link, row))
                row.state = "done"
                links.append(link)
            if len(records) != 1:
                continue
            if row.operation == "create" and is_free(link) and ours_to_take(records[0].id, hub, taken):
                made.append(take_place(hub, _recovered_link(ctx, mapper, row, records[0])))
                row.state, row.remote_id = "done", records[0].id
            elif row.operation in ("update", "restore") and link is not None and link.remote_id == row.remote_id:
                if _ours(mapper, row, records[0], hub, link.side):
                    row.state = "done"
                    changes += told_restore(ctx, row)
                if _opened_once(mapper, row, records[0], link.side):
                    reopened.append(hub.id)
                link.digest = None
                links.append(link)
            ctx.counts(system).recovered += row.state == "done"
        at = ctx.clock()
        ctx.store.insert_links([link for link in made if not link.n])
        ctx.store.update_links([*links, *(link for link in made if link.n)])
        references.arrived(ctx, made)
        ctx.store.log_changes(changes)
        ctx.store.flag([row.hub_id for row in part], dirty=True)
        ctx.store.flag(reopened, touched=True)
        ctx.store.mark_writes(part, at)
        ctx.commit()


def _in_our_ids(ctx: Context, system: str, found: list[list[Record]]) -> list[list[Record]]:
    answers = iter(references.answered(ctx, system, [record.fields for records in found for record in records]))
    return [[record._replace(fields=next(answers)) for record in records] for records in found]


async def push(ctx: Context, system: str, rank: int = 1) -> None:
    """Carry out what this run has planned for the system, of one rank; a call of the first rank that is not full takes
    others along, so that there are no more calls than it takes. Raises ConnectorError where the system as a whole
    fails; what it had not answered by then is left as an intent."""
    connector, counts = ctx.connectors[system], ctx.counts(system)
    monitor = ErrorMonitor()
    done, after, most = counts.created + counts.updated, 0, connector.can.write_batch
    while rows := ctx.store.writes(ctx.run_id, system, after, most, rank):
        after = rows[-1].id
        if rank == 0 and len(rows) < most:
            rows += ctx.store.writes(ctx.run_id, system, 0, most - len(rows), 1)
        gone = [row for row in rows if row.operation == "archive"]
        if gone:
            await archive(ctx, system, gone, monitor)
        merges = [row for row in rows if row.operation == "merge"]
        if merges:
            await merging.merge(ctx, system, merges, monitor)
        plain = [row for row in rows if row.operation not in ("archive", "merge")]
        elsewhere = await _push_batch(ctx, system, plain, monitor)
        done += len(rows)
        ctx.progress("write", ctx.place(system), done)
        if elsewhere:
            await _agree(ctx, system, elsewhere)
        if monitor.tripped:
            stop = Stop(
                "guard-errors", ctx.place(system), f"{ctx.place(system)}: {monitor.tripped}; the rest was not sent."
            )
            ctx.report.stops.append(stop._asdict())
            ctx.report.outcome = "stopped"
            return


async def _push_batch(ctx: Context, system: str, rows: Sequence[WriteRow], monitor: ErrorMonitor) -> Elsewhere:
    """Intend, write, settle. Returns the creates that the vendor refused because it has such a record, with its id."""
    connector, mapper = ctx.connectors[system], ctx.rules.mappers[system]
    translated: list[tuple[WriteRow, Write]] = []
    writes: list[Write] = []
    sent: list[WriteRow] = []
    dropped: list[WriteRow] = []
    refused: list[tuple[WriteRow, Sequence[Problem]]] = []
    for row in rows:
        write, problems = _translate(mapper, row)
        if problems:
            refused.append((row, problems))
        else:
            translated.append((row, write))
    if mapper.references:
        translated = references.outward(ctx, system, translated)
    translated = await lists.beside(ctx, system, translated)
    for row, write in translated:
        row.state = "sent" if row.fields else "dropped"
        if row.fields:
            writes.append(write)
            sent.append(row)
        else:
            dropped.append(row)
    ctx.store.mark_writes([*sent, *dropped], ctx.clock())
    ctx.commit()
    results: list[WriteResult] = []
    if writes:
        try:
            results = await connector.write(writes)
        except Retry as error:
            # The batch may or may not have arrived: the next run looks before it writes again.
            ctx.counts(system).unknown += len(sent)
            raise error
    return _settle(ctx, system, list(zip(sent, results, strict=True)), refused, monitor)


def _settle(
    ctx: Context,
    system: str,
    answered: Sequence[tuple[WriteRow, WriteResult]],
    refused: Sequence[tuple[WriteRow, Sequence[Problem]]],
    monitor: ErrorMonitor,
) -> Elsewhere:
    """Links, bases, results and reviews of one batch, in one commit."""
    mapper, counts = ctx.rules.mappers[system], ctx.counts(system)
    hubs = ctx.store.hubs([row.hub_id for row, _ in answered])
    created = [r.id for row, r in answered if row.operation == "create" and r.outcome == "done" and r.id]
    taken = ctx.store.known(system, created)
    links: list[Link] = []
    made: list[Link] = []
    reviews: list[Review] = []
    settled: list[tuple[str, str]] = []
    changes: list[dict[str, Any]] = []
    elsewhere: Elsewhere = []
    answers = references.answered(ctx, system, [result.fields for _, result in answered])
    for (row, result), answer in zip(answered, answers, strict=True):
        hub = hubs[row.hub_id]
        row.state, row.error = result.outcome, str(result.error) if result.error else None
        monitor.note(result.outcome == "rejected")
        if result.outcome == "unknown":
            counts.unknown += 1
        elif result.outcome == "rejected":
            counts.rejected += 1
            _reject(ctx, system, hub, row, result.error, reviews, links, elsewhere)
        elif row.operation != "create":
            link = hub.links[system]
            link.digest = None  # somebody may put back what was there before: that too must be read as a change
            _advance(mapper, hub, link.side, row, answer)
            links.append(link)
            changes += told_restore(ctx, row)
            ctx.report.left += kept(mapper, link, row)
            counts.updated += 1
            settled.append(("dead_letter", ctx.subject(system, hub.id)))
        elif not result.id or not ours_to_take(result.id, hub, taken):
            row.state = "rejected"
            other = taken[result.id].hub_id if result.id else None
            reviews.append(_not_ours(ctx, system, hub, row, result.id, other))
        else:
            link = Link(hub.id, system, result.id, mapping=ctx.mapping, kind=ctx.kind, within=mapper.archives)
            _advance(mapper, hub, link.side, row, answer)
            taken[result.id] = Known(0, hub.id, None, result.id)
            row.remote_id = result.id
            made.append(take_place(hub, link))
            counts.created += 1
            settled.append(("dead_letter", ctx.subject(system, hub.id)))
    for row, problems in refused:
        row.state, row.error = "rejected", "; ".join(p.message for p in problems)
        counts.rejected += 1
        reviews.append(dead_letter(ctx, system, row, [p._asdict() for p in problems]))
    at = ctx.clock()
    ctx.store.insert_links([link for link in made if not link.n])
    ctx.store.update_links([*links, *(link for link in made if link.n)])
    references.arrived(ctx, made)
    ctx.store.log_changes(changes)
    ctx.store.mark_writes([*(row for row, _ in answered), *(row for row, _ in refused)], at)
    ctx.store.open_reviews(reviews, ctx.run_id, at)
    ctx.store.close_reviews([s for s in settled if s in ctx.open_questions], at)
    ctx.commit()
    return elsewhere


async def _agree(ctx: Context, system: str, elsewhere: Elsewhere) -> None:
    """Somebody made the record meanwhile: read it, match it, and let the next run agree on it. Where it turns out to
    be another hub record's, the create is parked, so that it is not tried for ever."""
    await reread(ctx, system, [error.existing for _, error in elsewhere if error.existing])
    hubs = ctx.store.hubs([row.hub_id for row, _ in elsewhere])
    letters = [
        dead_letter(ctx, system, row, [described(error)])
        for row, error in elsewhere
        if system not in hubs[row.hub_id].links
    ]
    ctx.store.open_reviews(letters, ctx.run_id, ctx.clock())
    ctx.commit()


def _translate(mapper: Mapper, row: WriteRow) -> tuple[Write, list[Problem]]:
    translate = mapper.to_create if row.operation == "create" else mapper.to_remote
    fields, problems = translate(row.sent())
    if row.operation != "create":
        return Write(str(row.id), "update", fields, row.remote_id), problems
    key = None
    if mapper.id_field:
        fields[mapper.id_field] = row.hub_id
        key = Key(mapper.id_field, row.hub_id)
    return Write(str(row.id), "create", fields, None, key), problems


def _advance(mapper: Mapper, hub: Hub, side: Side, row: WriteRow, answer: Mapping[str, Any] | None) -> None:
    """Both bases, for the fields that were sent and no others: what else the remote holds now may be somebody's
    edit that has not been read yet."""
    shown = mapper.to_hub(answer)[0] if answer else {}
    for name, value in row.sent().items():
        several = name in mapper.references and mapper.references[name].many
        if several or (name in mapper.consent and (isinstance(value, list) or isinstance(row.fields[name][0], list))):
            _advance_members(hub, side, row, name, shown)
        else:
            side.absorb(name, shown[name] if name in shown else mapper.roundtrip(name, value), _agreed(hub, row, name))


def _advance_members(hub: Hub, side: Side, row: WriteRow, name: str, shown: Fields) -> None:
    """Of a list, only who joined and who left by our writing is agreed on. Whoever else is in it by now was put there
    by somebody, and has yet to be read."""
    old, new = (set(references.ids_in(value)) for value in row.fields[name])
    joined, left = new - old, old - new
    if name in shown:
        joined &= set(references.ids_in(shown[name]))
    before = set(references.ids_in(side.base_remote.get(name)))
    side.absorb(name, sorted((before | joined) - left) or None, _agreed(hub, row, name))


def _agreed(hub: Hub, row: WriteRow, name: str) -> Value:
    """What the hub and the system agree on once the field has arrived. What a revert puts back is not the hub's value:
    they agree that the system shows another, so that it is not told the hub's again until that changes."""
    return hub.fields.get(name) if row.operation == "restore" else row.sent()[name]


def _recovered_link(ctx: Context, mapper: Mapper, row: WriteRow, record: Record) -> Link:
    """The record that a dead run created. Its bases are what was sent, never what it shows now: an edit that somebody
    made since must stay visible. Where the system cannot carry our id, a value that differs may be another's
    record, so only what is equal counts as agreed."""
    link = Link(row.hub_id, row.system, record.id, mapping=ctx.mapping, kind=ctx.kind, within=mapper.archives)
    now = mapper.to_hub(record.fields)[0]
    for name, value in row.sent().items():
        if mapper.id_field or (name in now and mapper.same(name, now[name], value)):
            link.side.absorb(name, mapper.roundtrip(name, value), value)
    return link


def _ours(mapper: Mapper, row: WriteRow, record: Record, hub: Hub, side: Side) -> bool:
    """Advance the bases where the remote shows what we sent: that was us. True where any of it arrived."""
    now = _decode(mapper, record)
    arrived = [
        name
        for name, value in row.sent().items()
        if name in now and now[name] != side.base_remote.get(name) and mapper.same(name, now[name], value)
    ]
    for name in arrived:
        side.absorb(name, now[name], _agreed(hub, row, name))
    return bool(arrived)


def _opened_once(mapper: Mapper, row: WriteRow, record: Record, side: Side) -> bool:
    """An act opts somebody in once. A write of it that may have arrived counts as arrived: where the system shows an
    opt-out nevertheless, it may be one of after the act, and is heard as that. True where it is so."""
    now = mapper.to_hub(record.fields)[0]
    found = False
    for name, (old, new) in row.fields.items():
        if name in mapper.consent and name in now and takes_back(old, new):
            side.absorb(name, mapper.roundtrip(name, new), new)
            if now[name] != side.base_remote[name]:
                side.seen[name] = now[name]
                found = True
    return found


def _decode(mapper: Mapper, record: Record) -> dict[str, Any]:
    """Hub values of what was pushed, push-only fields included."""
    now = mapper.to_hub(record.fields)[0]
    for name, m in mapper.maps.items():
        if name not in now and not m.pull and m.remote in record.fields:
            try:
                now[name] = m.decode(record.fields[m.remote])
            except ValueError:
                continue
    return now


def _key(mapper: Mapper, row: WriteRow) -> Key | None:
    """How to find the record of an intent again."""
    if row.operation != "create":
        return Key("id", row.remote_id or "")
    if mapper.id_field:
        return Key(mapper.id_field, row.hub_id)
    sent = mapper.to_remote(row.sent())[0]
    for entry in mapper.match:
        remote = mapper.maps[entry[0]].remote if entry[0] in mapper.maps else None
        if len(entry) == 1 and remote and sent.get(remote) is not None:
            return Key(remote, str(sent[remote]))
    return None


def _reject(
    ctx: Context,
    system: str,
    hub: Hub,
    row: WriteRow,
    error: Reject | None,
    reviews: list[Review],
    links: list[Link],
    elsewhere: Elsewhere,
) -> None:
    if isinstance(error, Gone) and row.operation != "create":
        link = hub.links[system]
        link.state, link.digest = "deleted", None
        links.append(link)
        ctx.counts(system).vanished += 1
    elif isinstance(error, Duplicate) and error.existing and row.operation == "create":
        elsewhere.append((row, error))
    elif not isinstance(error, Stale):
        reviews.append(dead_letter(ctx, system, row, [described(error)]))


def _not_ours(ctx: Context, system: str, hub: Hub, row: WriteRow, remote_id: str | None, other: str | None) -> Review:
    detail: dict[str, Any] = {"why": "taken", "hub": other, "write": fingerprint(row), "candidates": []}
    return Review("duplicate", ctx.subject(system, remote_id), detail, hub.id, system, remote_id, record_kind=ctx.kind)
