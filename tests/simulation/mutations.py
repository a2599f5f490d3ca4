"""Rules of the engine, each switched off. The suite that does not notice is no suite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from connectors.base import Cursor, Write, WriteResult
from connectors.memory import Memory
from mapping.fields import Fields, Value
from mapping.mapper import Mapper
from state.records import Hub, Link, Side, WriteRow
from state.store import Store
from sync import forget, identify, merge, observe, plan, pull, push, reconcile, references, run
from sync.context import Context
from sync.match import Match
from tests.simulation.world import SimStore

Mutation = Callable[[], AbstractContextManager[Any]]


def single_base() -> AbstractContextManager[Any]:
    """One base for both sides, as most products keep: a lossy field is then sent for ever."""

    def absorb(self: Side, name: str, value: Value, agreed: Value) -> None:
        self.base_remote[name] = self.base_hub[name] = value
        self.seen.pop(name, None)

    return patch.object(Side, "absorb", absorb)


def base_before_write() -> AbstractContextManager[Any]:
    """The bases advance with the intent, before the remote has answered."""
    real = push._push_batch

    async def early(ctx: Context, system: str, rows: Sequence[WriteRow], monitor: Any) -> Any:
        leads = ctx.store.hubs([row.hub_id for row in rows])
        links = [leads[row.hub_id].links[system] for row in rows if row.operation == "update"]
        for row in rows:
            if row.operation == "update":
                push._advance(
                    ctx.rules.mappers[system], leads[row.hub_id], leads[row.hub_id].links[system].side, row, None
                )
        ctx.store.update_links(links)
        ctx.commit()
        return await real(ctx, system, rows, monitor)

    return patch.object(push, "_push_batch", early)


def base_from_whole_row() -> AbstractContextManager[Any]:
    """After a push the base is all that the remote holds now: an edit made meanwhile is taken as known."""
    write = Memory._write

    def answer_all(self: Memory, one: Write) -> WriteResult:
        result = write(self, one)
        if result.outcome != "done" or result.id is None:
            return result
        return WriteResult("done", result.id, dict(self.vendor.rows[result.id].fields), result.version)

    advance = push._advance

    def whole(mapper: Mapper, hub: Hub, side: Side, row: WriteRow, answer: Any) -> None:
        advance(mapper, hub, side, row, answer)
        for name, value in mapper.to_hub(answer or {})[0].items():
            side.absorb(name, value, value)

    return _both(patch.object(Memory, "_write", answer_all), patch.object(push, "_advance", whole))


def full_record() -> AbstractContextManager[Any]:
    """Send the whole record, not the difference."""
    real = plan.news_for

    def everything(mapper: Mapper, side: Side, hub: Fields) -> list[tuple[str, Value]]:
        return (
            [(n, hub.get(n)) for n in sorted(mapper.pushed) if hub.get(n) is not None]
            if real(mapper, side, hub)
            else []
        )

    return patch.object(plan, "news_for", everything)


def no_recovery() -> AbstractContextManager[Any]:
    """Forget what was under way when the last run died."""

    async def forget(ctx: Context, system: str) -> None:
        rows = ctx.store.intents(system)
        for row in rows:
            row.state = "dropped"
        ctx.store.mark_writes(rows, ctx.clock())

    translate = push._translate

    def keyless(mapper: Mapper, row: WriteRow) -> Any:
        one, problems = translate(mapper, row)
        return Write(
            one.ref, one.operation, {k: v for k, v in one.fields.items() if k != mapper.id_field}, one.id
        ), problems

    return _both(patch.object(run, "recover", forget), patch.object(push, "_translate", keyless))


def recovery_trusts_the_row() -> AbstractContextManager[Any]:
    """The base of a recovered create is the row as it is now, with whatever was edited since."""

    def as_read(ctx: Context, mapper: Mapper, row: WriteRow, record: Any) -> Link:
        link = Link(row.hub_id, row.system, record.id, mapping=ctx.mapping, kind=ctx.kind)
        now = mapper.to_hub(record.fields)[0]
        for name, value in row.sent().items():
            link.side.absorb(name, now.get(name, value), value)
        return link

    return patch.object(push, "_recovered_link", as_read)


def digest_outlives_a_push() -> AbstractContextManager[Any]:
    """What was read before our write still counts as known after it: who puts it back is not heard."""

    class Kept(Link):
        __slots__ = ()

        def __setattr__(self, name: str, value: Any) -> None:
            if name != "digest" or value is not None:
                super().__setattr__(name, value)

    real = Store.hubs

    def leads(self: Store, ids: Any) -> Any:
        found = real(self, ids)
        for lead in found.values():
            for link in lead.links.values():
                link.__class__ = Kept
        return found

    return patch.object(Store, "hubs", leads)


def strict_cursor() -> AbstractContextManager[Any]:
    """Read on with `>` from the newest change seen, and no overlap."""
    real = Memory._changes

    def after(self: Memory, fields: Sequence[str], since: datetime, started: str) -> Any:
        return real(self, fields, since + self.can.overlap + timedelta(microseconds=1), started)

    return patch.object(Memory, "_changes", after)


def cursor_first() -> AbstractContextManager[Any]:
    """The cursor is saved, and only then what was read."""
    real = pull.observe

    def late(ctx: Context, system: str, records: Any, at: Any, **options: Any) -> None:
        mapper = ctx.rules.mappers[system]
        reading = ctx.connectors[system].reading  # type: ignore[attr-defined]
        if reading is not None:
            ctx.store.save_cursor(system, ctx.kind, {"cursor": reading, "mapping": mapper.hash.hex()}, at)
            ctx.commit()
        real(ctx, system, records, at, **options)

    read = Memory.read

    async def noted(self: Memory, fields: Sequence[str], since: Cursor | None = None) -> Any:
        async for page in read(self, fields, since):
            self.reading = page.cursor  # type: ignore[attr-defined]
            yield page

    return _both(
        patch.object(pull, "observe", late),
        patch.object(Memory, "read", noted),
        patch.object(Memory, "reading", None, create=True),
        patch.object(pull, "ahead", lambda pages: pages),
    )


def blank_is_a_value() -> AbstractContextManager[Any]:
    """A blank on first sight counts as an opinion."""
    return patch.object(merge, "blank", lambda value: False)


def prefer_without_base() -> AbstractContextManager[Any]:
    """No base: whatever differs from the hub is a change."""
    return patch.object(observe, "unseen", lambda base, read: dict(read))


def opt_out_by_preference() -> AbstractContextManager[Any]:
    """Consent is decided like any other field."""
    real = merge._decide

    def plain(name: str, policy: Any, *rest: Any) -> Any:
        if policy.kind == "opt_out_wins":
            policy = type(policy)("prefer", policy.systems)
        return real(name, policy, *rest)

    return patch.object(merge, "_decide", plain)


def one_channel_by_preference() -> AbstractContextManager[Any]:
    """Only e-mail is a matter of consent; another channel is decided like any other field."""
    real = merge._decide

    def plain(name: str, policy: Any, *rest: Any) -> Any:
        if name == "sms_opted_out":
            policy = type(policy)("prefer", policy.systems)
        return real(name, policy, *rest)

    return patch.object(merge, "_decide", plain)


def lists_are_united() -> AbstractContextManager[Any]:
    """Who is put back on a list by one system is put back by all."""
    real = merge._decide

    def plain(name: str, policy: Any, *rest: Any) -> Any:
        if name == "left":
            policy = type(policy)("union", policy.systems)
        return real(name, policy, *rest)

    return patch.object(merge, "_decide", plain)


def act_applied_twice() -> AbstractContextManager[Any]:
    """A write of an act of which no answer came is simply tried again."""
    return patch.object(push, "_opened_once", lambda mapper, row, record, side: False)


def lists_sent_whole() -> AbstractContextManager[Any]:
    """A list that somebody has left is sent as it was read, whatever has been added since."""

    async def as_planned(ctx: Context, system: str, sent: Any) -> Any:
        return list(sent)

    return patch.object(push.lists, "beside", as_planned)


def stages_may_fall() -> AbstractContextManager[Any]:
    """The stage is decided like any other field."""

    def first(options: Any, current: Value, origin: str, policy: Any, rules: Any) -> merge.Verdict:
        source = min(s for s in options if s != merge.HUB)
        return merge.Verdict(source, options[source], "prefer")

    return patch.object(merge, "_furthest", first)


def match_nothing() -> AbstractContextManager[Any]:
    """Every unknown record is a new person."""
    return patch.object(identify, "match", lambda own, keys, known, found, taken: Match("new"))


def conflicts_unrecorded() -> AbstractContextManager[Any]:
    real = observe._record

    def silent(ctx: Context, settled: Any, batch: Any, at: Any) -> None:
        settled.conflicts = {}
        real(ctx, settled, batch, at)

    return patch.object(observe, "_record", silent)


def changes_unrecorded() -> AbstractContextManager[Any]:
    real = observe._record

    def silent(ctx: Context, settled: Any, batch: Any, at: Any) -> None:
        settled.changes = {}
        real(ctx, settled, batch, at)

    return patch.object(observe, "_record", silent)


def dry_run_keeps() -> AbstractContextManager[Any]:
    """A preview that leaves rows behind."""

    def commit(self: SimStore) -> None:
        self._c.commit()

    return patch.object(SimStore, "commit", commit)


def absence_is_deletion() -> AbstractContextManager[Any]:
    """A scan that was resumed in the middle counts as complete."""
    cursor, scan = Store.cursor, Memory._scan
    left: dict[str, Cursor] = {}

    def forgotten(self: Store, system: str, stream: str) -> Any:
        saved = cursor(self, system, stream)
        left.pop(system, None)
        scanning = (saved or {}).get("scanning")
        if scanning and scanning["cursor"]:
            left[system] = scanning["cursor"]
            return None
        return saved

    async def resumed(self: Memory, fields: Sequence[str], since: Cursor | None, started: str) -> Any:
        async for page in scan(self, fields, since or left.pop(self.name, None), started):
            yield page._replace(complete="scan" not in page.cursor)

    return _both(patch.object(Store, "cursor", forgotten), patch.object(Memory, "_scan", resumed))


def scan_moves_the_cursor() -> AbstractContextManager[Any]:
    """What is read after a scan is what changed since it began, also where the scan was taken up in the middle."""

    def after(self: pull.Place, reached: Any, whole: bool) -> dict[str, Any]:
        return {"cursor": reached, "mapping": self.mapping}

    return patch.object(pull.Place, "after", after)


def never_derive() -> AbstractContextManager[Any]:
    """Work is derived only once: what a failed push left behind is forgotten."""
    real = Store.flagged

    def once(self: Store, flag: Any, after: str, limit: int) -> Any:
        leads = real(self, flag, after, limit)
        if flag == "dirty":
            self.flag([lead.id for lead in leads], dirty=False)
        return leads

    return patch.object(Store, "flagged", once)


def clears_travel_everywhere() -> AbstractContextManager[Any]:
    real = merge._claims

    def all_clear(name: str, current: Value, sides: Any, rules: Any) -> Any:
        claims = {s: side.seen[name] for s, side in sorted(sides.items()) if name in side.seen}
        return claims or real(name, current, sides, rules)

    return patch.object(merge, "_claims", all_clear)


def list_as_answered() -> AbstractContextManager[Any]:
    """Of a list that was written, whatever the system answers counts as agreed on: who was added meanwhile is never
    heard of."""

    def whole(hub: Any, side: Side, row: WriteRow, name: str, shown: Fields) -> None:
        value = row.sent()[name]
        side.absorb(name, shown.get(name, value), value)

    return patch.object(push, "_advance_members", whole)


def nothing_waits() -> AbstractContextManager[Any]:
    """A field that names a record nobody knows yet is dropped, and never read again."""
    return patch.object(Store, "ripe", lambda self, system: [])


def sums_stand_still() -> AbstractContextManager[Any]:
    """What is summed up is computed when the record itself is read, and at no other time."""
    return patch.object(Store, "touch_targets", lambda self, hub_ids, fields: None)


def returned_are_not_named() -> AbstractContextManager[Any]:
    """A system that has a record again is not told who refers to it."""
    real = references.store

    def store(ctx: Context, batch: Any) -> None:
        batch.returned = []
        real(ctx, batch)

    return patch.object(references, "store", store)


def referrers_forgotten() -> AbstractContextManager[Any]:
    """A system that gets a record late is not told who refers to it."""
    return patch.object(Store, "flag_referrers", lambda self, hub_ids: None)


def kinds_share_ids() -> AbstractContextManager[Any]:
    """A remote id is looked up without its kind: a company is taken for the lead with the same id."""
    real = Store.known

    def any_kind(self: Store, system: str, remote_ids: Any) -> Any:
        ids = list(remote_ids)
        found = {}
        for kind in ("deal", "company", "lead"):
            found |= real(self.of(kind), system, ids)  # type: ignore[arg-type]
        return found

    return patch.object(Store, "known", any_kind)


def archives_without_evidence() -> AbstractContextManager[Any]:
    """What is outside its rule has left it, whether or not it was ever in."""

    def outside(mapper: Mapper, link: Link, hub: Fields) -> bool:
        return mapper.archives is not None and not mapper.sync_when(hub)

    return _both(patch.object(plan, "has_left", outside), patch.object(reconcile, "has_left", outside))


def back_from_the_bin_unheard() -> AbstractContextManager[Any]:
    """A record that was deleted stays deleted for us, whoever takes it out of the bin."""

    def unmoved(ctx: Context, system: str, link: Link) -> bool:
        return False

    return patch.object(observe, "_reopen", unmoved)


def forgotten_are_taken_in() -> AbstractContextManager[Any]:
    """Nobody looks whether an arriving record is of somebody who asked to be forgotten."""
    return patch.object(observe, "_is_forgotten", lambda ctx, system, record, values, known: False)


def forgotten_stay_named() -> AbstractContextManager[Any]:
    """The fields of others go on naming whoever was forgotten."""
    return patch.object(forget, "_name_nowhere", lambda store, gone: None)


def records_met_later_are_spared() -> AbstractContextManager[Any]:
    """Only records that were linked are erased in the systems: what a crashed run made is not looked for."""

    async def blind(connector: Any, mapper: Mapper, hubs: Any, emails: Any) -> list[str]:
        return []

    return patch.object(forget, "_look", blind)


def activities_outlive_a_person() -> AbstractContextManager[Any]:
    """What happened to somebody who asked to be forgotten is kept."""
    return patch.object(Store, "forget_activities", lambda self, hub_id: 0)


def activities_never_wait() -> AbstractContextManager[Any]:
    """An activity that comes before its lead is never given to it."""
    return patch.object(Store, "ripe_activities", lambda self, system, limit: [])


def activities_as_first_told() -> AbstractContextManager[Any]:
    """A newer version of an activity is taken for one that is known."""
    real = Store.keep_activities

    def first(self: Store, system: str, some: Any, run_id: str, at: datetime, *, anew: bool = False) -> Any:
        known = self._known_activities(system, some)
        return real(self, system, [one for one in some if one.remote_id not in known], run_id, at, anew=anew)

    return patch.object(Store, "keep_activities", first)


def activities_stay_with_who_gave_way() -> AbstractContextManager[Any]:
    """A union does not take along what happened."""
    return patch.object(Store, "hand_over_activities", lambda self, old, new: None)


def activities_uncounted() -> AbstractContextManager[Any]:
    """A lead is not summed up anew when something has happened to it."""
    return patch.object(Store, "touch", lambda self, hub_ids: None)


def keep_no_touch() -> AbstractContextManager[Any]:
    """Claims that were noted are never merged unless the last system shows the lead too."""
    return patch.object(run, "settle_touched", lambda ctx: None)


def _both(*patches: Any) -> AbstractContextManager[Any]:
    class All(ExitStack):
        def __enter__(self) -> Any:
            for one in patches:
                self.enter_context(one)
            return self

    return All()
