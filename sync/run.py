"""One run: recover, pull, settle, plan, guard, push. Read `_work`; the rest is what its words mean.

Nothing here decides anything about a record: `match`, `merge`, `plan` and `guard` do, and they are pure. Whatever a
run leaves undone, by a crash, a guard or a system that is down, the next run derives anew from what is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from connectors.base import Clock, Connector, utc_now
from connectors.errors import ConnectorError, Misconfigured, Retry
from mapping.fields import place
from mapping.rules import Rules
from state.ids import new_id
from state.lock import LEASE, Lease
from state.records import WriteRow
from state.store import Store
from sync import merging, owners
from sync.activities import pull_activities, turn_the_day
from sync.aging import age_scores, look_again_with_model, with_model
from sync.answers import carry_out, carry_out_for, carry_out_guard
from sync.archive import check_archives
from sync.context import BATCH, Context, Progress, Report, rare_collections
from sync.draft import Plan, Work, draw_up, draw_up_revert, judge, planned, stop
from sync.forgotten import Forgotten
from sync.pull import Window, catch_up, pull, settle_touched
from sync.push import push, recover


@dataclass(frozen=True)
class Options:
    """What a caller may ask of a run. `dry`: nothing is written, neither to a system nor to the database. `only`:
    fingerprints of the writes that were approved; others wait for another run. `window`: read this stretch of time
    again instead of what is new (a backfill, resumable). `order`: the systems to read
    first; it changes nothing but the sequence of calls. `document`: the configuration as text, kept with the version
    that ran. `revert`: the id of a run: what that one wrote is taken back, and nothing else is written.
    `forget_key`: by which those are known who asked to be forgotten (`sync.forgotten`)."""

    kind: str = "sync"
    full: bool = False
    dry: bool = False
    confirmed: bool = False
    only: frozenset[str] | None = None
    window: Window | None = None
    order: tuple[str, ...] = ()
    document: str = ""
    revert: str = ""
    forget_key: str = field(default="", repr=False)
    batch: int = BATCH


Planned = Iterator[WriteRow]


async def sync(
    rules: Rules,
    connectors: Mapping[str, Connector],
    store: Store,
    *,
    options: Options = Options(),
    clock: Clock = utc_now,
    progress: Progress = lambda phase, system, count: None,
) -> Report:
    """Bring the connected systems in line. Raises state.lock.Busy while another run is under way. Errors of one
    system leave it out and are told in the report; the others go on."""
    if store.dry or options.dry:
        raise ValueError("a run that keeps nothing is a preview")
    ctx = _context(rules, connectors, store, options, clock, progress)
    lease = Lease(store.engine, "sync", clock)
    ctx.keep_alive = lease.renew
    async with keep(lease):
        await _run(ctx, options)
    return ctx.report


@asynccontextmanager
async def keep(lease: Lease) -> AsyncIterator[None]:
    """Hold a lease until the block ends."""
    renewal = asyncio.create_task(_renew(lease))
    try:
        yield
    finally:
        renewal.cancel()
        lease.release()


async def _renew(lease: Lease) -> None:
    """A run may wait for a vendor for longer than its lease lasts. Nothing is uncommitted while it waits."""
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 6)
        lease.renew()


async def preview(
    rules: Rules,
    connectors: Mapping[str, Connector],
    store: Store,
    *,
    options: Options = Options(),
    clock: Clock = utc_now,
    progress: Progress = lambda phase, system, count: None,
) -> tuple[Report, Planned]:
    """What `sync` would write, on the same code path, with nothing kept, whatever `options` say. `store` must be opened
    dry; the writes are read from it as they are asked for, and only as long as it is open."""
    if not store.dry:
        raise ValueError("a preview needs a store that was opened dry")
    options = replace(options, dry=True)
    ctx = _context(rules, connectors, store, options, clock, progress)
    await _run(ctx, options)
    return ctx.report, (
        row for one in _kinds(ctx) for system in sorted(one.working) for row in planned(one.ctx, system)
    )


async def _run(ctx: Context, options: Options) -> None:
    began = asyncio.get_running_loop().time()
    try:
        with rare_collections():
            await _work(ctx, options)
        ctx.report.seconds = asyncio.get_running_loop().time() - began
        _end(ctx)
    except BaseException:
        ctx.store.rollback()
        raise


async def _work(ctx: Context, options: Options) -> None:
    _begin(ctx, options)
    kinds = _kinds(ctx)
    for one in kinds:
        await _each(kinds, one, recover)
        await _each(kinds, one, carry_out_for)
        carry_out(one.ctx)
    carry_out_guard(ctx)
    for one in kinds:
        await _pull_all(kinds, one, options)
    await _pull_activities(ctx, kinds, options)
    age_scores(ctx)
    for one in kinds:
        if one.ctx.rules.merges and not options.revert:
            await _each(kinds, one, merging.find)
    for one in reversed(kinds):  # what refers to others comes first: they may sum it up
        settle_touched(one.ctx)
    if "owner" in ctx.rules.kinds:
        everything = [one.ctx for one in kinds]
        if owners.hand_over(everything):
            for one in reversed(kinds):
                settle_touched(one.ctx)
        owners.look(everything)
    plan = Plan()
    for one in kinds:
        if options.revert:
            draw_up_revert(one, plan, options.revert, options.only)
        else:
            draw_up(one, plan, options.only)
    await judge(kinds, plan)
    if plan.stops:
        stop(ctx, plan.stops)
    elif not options.dry:
        await _push_all(kinds, plan)


def _kinds(ctx: Context) -> list[Work]:
    """What is synced, in the order in which one kind may refer to another."""
    found = [ctx.of(kind) for kind in ctx.rules.kinds]
    return [Work(one, set(one.connectors)) for one in found]


def _end(ctx: Context) -> None:
    for system, connector in ctx.connectors.items():
        counts, budget = ctx.counts(system), connector.budget()
        counts.calls, counts.api_used, counts.api_limit = budget.calls, budget.used, budget.limit
    ctx.store.end_run(ctx.run_id, ctx.clock(), ctx.report.outcome, ctx.report.as_dict())
    ctx.commit()


def _context(
    rules: Rules,
    connectors: Mapping[str, Connector],
    store: Store,
    options: Options,
    clock: Clock,
    progress: Progress,
) -> Context:
    unknown = sorted(set(connectors) - set(rules.mappers) - rules.activities)
    if unknown:
        raise Misconfigured(f"There is no mapping for {', '.join(unknown)}.")
    check_archives(rules, connectors)
    rules = with_model(store, rules)
    run_id = new_id()
    report = Report(run_id, options.kind, clock(), reverts=options.revert)
    ctx = Context(run_id, rules, connectors, store, clock, report, confirmed=options.confirmed, progress=progress)
    ctx.every = {kind: rules.of(kind) for kind in rules.kinds}
    ctx.batch = options.batch
    return ctx


def _begin(ctx: Context, options: Options) -> None:
    store, at = ctx.store, ctx.clock()
    kinds = [ctx.rules.of(kind) for kind in ctx.rules.kinds]
    specs = {place(s, rules.kind): dict(mapper.specs) for rules in kinds for s, mapper in rules.mappers.items()}
    before = store.newest_rules()
    ctx.mapping = store.mapping_version(ctx.rules.hash or "unnamed", specs, options.document, at)
    ctx.specs = store.mapping_specs()
    if before is not None and before != ctx.rules.hash:
        # What is computed of a hub record (points, stage), and what a system is told of it, may be another thing now.
        store.flag_all(touched=True, dirty=True)
    look_again_with_model(ctx)
    store.drop_planned()
    store.begin_run(ctx.run_id, options.kind, at, ctx.rules.hash)
    ctx.open_questions = {(r.kind, r.subject) for r in store.reviews("match", "duplicate", "bad_value", "dead_letter")}
    ctx.ignored = store.ignored()
    if hashes := store.forgotten():
        ctx.forgotten = Forgotten(options.forget_key, hashes).checked()
    ctx.commit()


async def _pull_all(kinds: Sequence[Work], one: Work, options: Options) -> None:
    """Read every system. The last one settles hub records as it goes: by then every other claim is known."""
    ctx, working = one.ctx, one.working
    order = [s for s in (*options.order, *sorted(working - set(options.order))) if s in working]
    last = order[-1] if order else ""

    async def read(ctx: Context, system: str) -> None:
        await pull(ctx, system, full=options.full, settle=system == last, window=options.window)

    await _each(kinds, one, read, order)
    await _each(kinds, one, catch_up, [s for s in order if s in ctx.behind & working])


async def _pull_activities(ctx: Context, kinds: Sequence[Work], options: Options) -> None:
    """Last: by then whoever an activity names is known, if anybody is. A system whose leads could not be read is left
    out."""
    if ctx.rules.activities:
        [leads] = [one for one in kinds if one.ctx.kind == "lead"]
        failed = leads.ctx.connectors.keys() - leads.working
        one = Work(ctx.of_activities(), set(ctx.rules.activities & ctx.connectors.keys() - failed))
        turn_the_day(one.ctx)
        read = partial(pull_activities, full=options.full, window=options.window)
        await _each([*kinds, one], one, read)


async def _push_all(kinds: Sequence[Work], plan: Plan) -> None:
    """What says that somebody has opted out, everywhere, before anything else; then kind by kind; merges of records last, since
    a record may have another id after one. All systems at once: each has its own limits to wait for, and every batch settles in one piece."""
    for rank in (0, 1, 2):
        for one in kinds:
            try:
                async with asyncio.TaskGroup() as group:
                    for system in sorted(one.working):
                        if plan.tallies[one.ctx.place(system)].ranks[rank]:
                            group.create_task(_each(kinds, one, partial(push, rank=rank), [system]))
            except BaseExceptionGroup as failed:
                raise failed.exceptions[0] from None
    ctx = kinds[0].ctx
    ctx.store.close_reviews([("guard", "sync")], ctx.clock())


async def _each(
    kinds: Sequence[Work],
    one: Work,
    step: Callable[[Context, str], Awaitable[None]],
    order: Sequence[str] | None = None,
) -> None:
    """The step for every system. One that fails is left out of the rest of the run, and the report says why: all of it
    where the system cannot be reached, this kind of record where that is what is wrong."""
    for system in sorted(one.working) if order is None else order:
        if system not in one.working:
            continue
        try:
            await step(one.ctx, system)
        except ConnectorError as error:
            one.ctx.store.rollback()
            for other in kinds if isinstance(error, Retry) else [one]:
                other.working.discard(system)
            report = one.ctx.report
            report.outcome = "partial"
            report.errors[one.ctx.place(system)] = {"code": error.code, "message": error.message, "hint": error.hint}
