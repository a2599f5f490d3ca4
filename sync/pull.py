"""Read what changed in a system and hand it on, batch by batch.

Effects: reads from one system, and one commit a batch that holds the cursor of just what was read. So a crash costs
at most the batch it hit, and nothing that was read is ever passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Saved:
    """How far a system has been read, as it is stored: by the ordinary `cursor`, under which `mapping`; and `scanning`,
    while a scan of everything is under way or owed, how far that has come."""

    cursor: Cursor | None = None
    mapping: str = ""
    scanning: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the position of a reading is kept. `before`: what was saved when it began; `scan`: whether everything is read.

    A scan that was cut short and taken up again proves no absence, and what was deleted before it began is in no news
    after it: so the cursor from before it stands until a whole scan has ended and been swept.
    """

    system: str
    stream: str
    mapping: str
    before: Saved
    scan: bool

    def during(self, reached: Cursor | None) -> dict[str, Any]:
        if not self.scan:
            return {"cursor": reached, "mapping": self.mapping}
        return {**asdict(self.before), "scanning": {"cursor": reached, "mapping": self.mapping}}

    def after(self, reached: Cursor | None, whole: bool) -> dict[str, Any]:
        stands = self.scan and not whole and self.before.cursor is not None
        return {"cursor": self.before.cursor if stands else reached, "mapping": self.mapping}

    def owed(self) -> dict[str, Any]:
        """All of it has to be read again."""
        return replace(self, scan=True).during(None)


async def pull(ctx: Context, system: str, *, full: bool, settle: bool, window: Window | None = None) -> None:
    """Read everything that changed in one system; everything there is, where `full` or the mapping has changed; what
    changed within `window`, for a backfill. Raises ConnectorError."""
    connector, mapper = ctx.connectors[system], ctx.rules.mappers[system]
    stream = window.stream(ctx.kind) if window else ctx.kind
    saved = Saved(**(ctx.store.cursor(system, stream) or {}))
    hash_ = mapper.hash.hex()
    since: Cursor | None = None
    if window:
        since = saved.cursor if saved.mapping == hash_ and not full else connector.cursor_at(window.since)
    elif not full and saved.scanning and saved.scanning["mapping"] == hash_:
        since = saved.scanning["cursor"]
    elif not full and not saved.scanning and saved.mapping == hash_:
        since = saved.cursor
    scan = not window and (since is None or bool(saved.scanning))
    if window or scan:
        ctx.behind.add(system)
    place = Place(system, stream, hash_, saved, scan)
    ctx.counts(system).read += await _read(ctx, place, since, settle=settle, window=window)
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
    saved = Saved(**(ctx.store.cursor(system, ctx.kind) or {}))
    ctx.behind.discard(system)
    if saved.cursor and not saved.scanning:  # else the guard has a question about the scan
        place = Place(system, ctx.kind, saved.mapping, saved, scan=False)
        await _read(ctx, place, saved.cursor, settle=False, told=False)
        await reread(ctx, system, sorted(ctx.look_again.pop(system, set())))


async def _read(
    ctx: Context, place: Place, since: Cursor | None, *, settle: bool, window: Window | None = None, told: bool = True
) -> int:
    """Every batch in a commit with its cursor. Returns how many records there were."""
    system = place.system
    connector, mapper = ctx.connectors[system], ctx.rules.mappers[system]
    last = ctx.store.last_link()
    present = bytearray(last // 8 + 1)  # a connector whose cursor is too old scans everything without being asked
    read, reached, whole, owed, noted = 0, since, False, False, None
    async for page in ahead(gathered(connector.read(mapper.remote_fields, since), ctx.batch)):
        if window and connector.can.oldest_first and window.over(page.records):
            break
        at = ctx.clock()
        observe(ctx, system, page.records, at, settle=settle, present=present)
        read, reached = read + len(page.records), page.cursor
        if not page.complete:
            noted = place.during(reached)
            ctx.store.save_cursor(system, place.stream, noted, at)
        ctx.commit()
        if told:
            ctx.progress("read", ctx.place(system), read)
        if page.complete:
            whole = _sweep(ctx, system, present, last, read)
            owed = not whole and not ctx.may(WHY[read == 0], system)
    end = place.owed() if owed else place.after(reached, whole)  # owed: else the guard's question would go unseen
    if end != noted:
        ctx.store.save_cursor(system, place.stream, end, ctx.clock())
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


WHY = {True: "guard-empty", False: "guard-deletes"}
"""What the guard asks about a scan, by whether it was empty."""


def _sweep(ctx: Context, system: str, present: bytearray, last: int, read: int) -> bool:
    """A complete scan has ended: the links it did not meet are of records that are gone. False where that looks wrong,
    and nothing is unlinked: the guard will ask."""
    limits, linked = ctx.rules.limits, ctx.store.count_links(system)
    if read == 0 and linked:  # where a person lets the run go on, those are gone of which the system says so
        ctx.empty.add(system)
        return False
    missing: list[int] = []
    after = 0
    while links := ctx.store.live_links(system, after, last, SWEEP):
        missing += [n for n in links if not present[n >> 3] >> (n & 7) & 1]
        after = links[-1]
    many = len(missing) > limits.floor and len(missing) / linked > limits.delete_share
    if many and not ctx.may("guard-deletes", system):
        ctx.vanished[system] = len(missing)
        return False
    at = ctx.clock()
    again = ctx.look_again.get(system, set())  # took another's place during this scan, and are asked for by id
    for start in range(0, len(missing), ctx.batch):
        part = ctx.store.remote_ids(missing[start : start + ctx.batch])
        let_go(ctx, system, [Record(remote, {}, deleted=True) for remote in part if remote not in again], at)
        ctx.commit()
    return True


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


SOON = 1.0
"""Seconds."""


async def ahead(pages: AsyncIterator[Page], waiting: Callable[[], None] | None = None) -> AsyncIterator[Page]:
    """Ask for the next batch while this one is worked on. `waiting` is called where it does not come soon."""

    async def following() -> Page | None:
        return await anext(pages, None)

    upcoming = asyncio.ensure_future(following())
    try:
        while True:
            if waiting is not None:
                done, _ = await asyncio.wait({upcoming}, timeout=SOON)
                if not done or upcoming.exception():
                    waiting()
            page = await upcoming
            if page is None:
                return
            upcoming = asyncio.ensure_future(following())
            yield page
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
