"""Read what changed in a system and hand it on, batch by batch.

Effects: reads from one system, and one commit a batch that holds the cursor of just what was read. So a crash costs
at most the batch it hit, and nothing that was read is ever passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.base import Cursor, Key, Page, Record
from mapping.fields import RecordKind
from sync.context import Context
from sync.depart import let_go
from sync.identify import Forced
from sync.observe import observe, settle_hubs

SWEEP = 10_000
"""Links looked at in one query when a complete scan has ended."""


@dataclass(frozen=True, slots=True)
class Window:
    """A backfill: what changed from `since` on, and (where given) not after `until`. It keeps a checkpoint of its own,
    so that it can be resumed, and leaves the cursor of the ordinary runs alone."""

    since: datetime
    until: datetime | None = None

    def stream(self, kind: RecordKind) -> str:
        digits = (f"{at:%Y%m%dT%H%M%S}" for at in (self.since, self.until) if at)
        return f"{kind}/{'-'.join(digits)}"

    def over(self, records: Sequence[Record]) -> bool:
        """Whether a batch lies wholly behind the window."""
        times = [r.changed_at for r in records if r.changed_at]
        return bool(self.until and times and min(times) > self.until)


async def pull(ctx: Context, system: str, *, full: bool, settle: bool, window: Window | None = None) -> None:
    """Read everything that changed in one system; everything there is, where `full` or the mapping has changed; what
    changed within `window`, for a backfill. Raises ConnectorError."""
    connector, mapper = ctx.connectors[system], ctx.rules.mappers[system]
    stream = window.stream(ctx.kind) if window else ctx.kind
    saved = ctx.store.cursor(system, stream)
    since: Cursor | None = connector.cursor_at(window.since) if window else None
    if saved and not full and saved["mapping"] == mapper.hash.hex():
        since = saved["cursor"]
    if window or since is None or (saved and saved.get("scan")):
        ctx.behind.add(system)
    before = None if window or saved is None else saved.get("before") or (saved["cursor"] if since is None else None)
    ctx.counts(system).read += await _read(ctx, system, since, stream, settle=settle, window=window, before=before)
    again = ctx.look_again.pop(system, set())
    if mapper.references:
        again |= set(ctx.store.ripe(system))
    if ctx.counts(system).vanished:
        again |= _heirs(ctx, system)
    await reread(ctx, system, sorted(again))
    if window:
        ctx.store.drop_cursor(system, stream)
        ctx.commit()


async def catch_up(ctx: Context, system: str) -> None:
    """Read what changed while all of a system, or a time long past, was read: else a plan made of that would write over
    what somebody has typed meanwhile. Raises ConnectorError."""
    saved = ctx.store.cursor(system, ctx.kind)
    ctx.behind.discard(system)
    if saved:  # none: the guard has a question about the scan, or nothing but the window has ever been read
        await _read(ctx, system, saved["cursor"], ctx.kind, settle=False, told=False)
        await reread(ctx, system, sorted(ctx.look_again.pop(system, set())))


async def _read(
    ctx: Context,
    system: str,
    since: Cursor | None,
    stream: str,
    *,
    settle: bool,
    window: Window | None = None,
    told: bool = True,
    before: Cursor | None = None,
) -> int:
    """Every batch in a commit with its cursor. Returns how many records there were. `before`: where the changes were read
    to when a scan of everything began. A scan that was resumed says nothing of what was deleted until then: the changes
    are read on from there."""
    connector, mapper = ctx.connectors[system], ctx.rules.mappers[system]
    place = {"mapping": mapper.hash.hex(), **({"scan": True} if system in ctx.behind else {})}
    last = ctx.store.last_link()
    present = bytearray(last // 8 + 1)  # a connector whose cursor is too old scans everything without being asked
    read = 0
    async for page in ahead(gathered(connector.read(mapper.remote_fields, since), ctx.batch)):
        if window and connector.can.oldest_first and window.over(page.records):
            break
        at = ctx.clock()
        observe(ctx, system, page.records, at, settle=settle, present=present)
        kept = {"before": before} if before else {}
        ctx.store.save_cursor(system, stream, {"cursor": page.cursor, **place, **kept}, at)
        ctx.commit()
        read += len(page.records)
        if told:
            ctx.progress("read", ctx.place(system), read)
        if page.complete and _sweep(ctx, system, present, last, read):
            if before and ctx.store.cursor(system, stream):  # else everything will be read anew
                ctx.store.save_cursor(system, stream, {"cursor": page.cursor, **place}, at)
                ctx.commit()
            before = None
    if before:
        ctx.store.save_cursor(system, stream, {"cursor": before, **place}, ctx.clock())
        ctx.commit()
    return read


def settle_touched(ctx: Context) -> None:
    """Merge what was noted of hub records that the last system did not show."""
    after = ""
    while hubs := ctx.store.flagged("touched", after, ctx.batch):
        settle_hubs(ctx, hubs, ctx.clock())
        ctx.commit()
        after = hubs[-1].id


async def reread(ctx: Context, system: str, ids: Sequence[str], *, forced: Forced | None = None) -> None:
    """Look at these records again, whatever their digest says: a person or a vendor's answer pointed at them."""
    mapper, connector = ctx.rules.mappers[system], ctx.connectors[system]
    for start in range(0, len(ids), connector.can.find_batch):
        part = ids[start : start + connector.can.find_batch]
        found = await connector.find([Key("id", id_) for id_ in part], mapper.remote_fields)
        records = [record for records in found for record in records]
        observe(ctx, system, records, ctx.clock(), settle=False, forced=forced or {})
        ctx.commit()


def _sweep(ctx: Context, system: str, present: bytearray, last: int, read: int) -> bool:
    """A complete scan has ended: the links it did not meet are of records that are gone. False where it found nothing at
    all, and a person has said that the run may go on: then those are gone of which the system says so."""
    limits, linked = ctx.rules.limits, ctx.store.count_links(system)
    if read == 0 and linked:
        ctx.empty.add(system)
        _ask_again(ctx, system, "guard-empty")
        return not ctx.may("guard-empty", system)
    missing: list[int] = []
    after = 0
    while links := ctx.store.live_links(system, after, last, SWEEP):
        missing += [n for n in links if not present[n >> 3] >> (n & 7) & 1]
        after = links[-1]
    if (
        len(missing) > limits.floor
        and len(missing) / linked > limits.delete_share
        and not ctx.may("guard-deletes", system)
    ):
        ctx.vanished[system] = len(missing)
        _ask_again(ctx, system, "guard-deletes")
        return True
    at = ctx.clock()
    again = ctx.look_again.get(system, set())  # took another's place during this scan, and are asked for by id
    for start in range(0, len(missing), ctx.batch):
        part = ctx.store.remote_ids(missing[start : start + ctx.batch])
        let_go(ctx, system, [Record(remote, {}, deleted=True) for remote in part if remote not in again], at)
        ctx.commit()
    return True


def _ask_again(ctx: Context, system: str, stop: str) -> None:
    """Nothing is unlinked on evidence that looks wrong: the guard will ask, and until somebody has answered every run
    scans anew. A run that only read what is new would find nothing odd, and the question would go unseen."""
    if not ctx.may(stop, system):
        ctx.store.drop_cursor(system, ctx.kind)
        ctx.commit()


def _heirs(ctx: Context, system: str) -> set[str]:
    """Records that were one too many for their hub record, whose place is free now that the other is gone."""
    doubles = [
        r for r in ctx.store.reviews("duplicate") if r.system == system and r.record_kind == ctx.kind and r.remote_id
    ]
    hubs = ctx.store.hubs(c["hub"] for r in doubles for c in r.detail.get("candidates", ()))
    free = {i for i, hub in hubs.items() if system in hub.links and hub.links[system].state != "live"}
    return {str(r.remote_id) for r in doubles if any(c["hub"] in free for c in r.detail.get("candidates", ()))}


async def gathered(pages: AsyncIterator[Page], size: int) -> AsyncIterator[Page]:
    """Small pages joined to batches: a vendor's page of 100 is too little for a transaction."""
    records: list[Record] = []
    last: Page | None = None
    async for page in pages:
        records.extend(page.records)
        last = page
        if len(records) >= size or page.complete:
            yield Page(records, page.cursor, page.complete)
            records, last = [], None
    if last is not None:
        yield Page(records, last.cursor, last.complete)


async def ahead(pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
    """Ask for the next batch while this one is worked on."""

    async def following() -> Page | None:
        return await anext(pages, None)

    upcoming = asyncio.ensure_future(following())
    try:
        while (page := await upcoming) is not None:
            upcoming = asyncio.ensure_future(following())
            yield page
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
