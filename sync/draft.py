"""The plan of a run: drawn up from what is stored, kept as rows, judged as a whole before its first write.

Effects: the store, and a look for the canaries. `plan` and `guard` decide, and they are pure; here is what they have to
know. Invariant: the plan that is judged is the plan that runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from connectors.base import Key
from connectors.errors import ConnectorError
from state.records import Review, WriteRow
from sync import references
from sync.context import Context
from sync.guard import Facts, Stop, guard
from sync.plan import Tally, fingerprint, plan_hub
from sync.revert import opposite


@dataclass
class Plan:
    """What a run means to write, and whether the guard lets it. `tallies` by place; `coming`: by system, the hub
    records that are planned to be created there."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    stops: list[Stop] = field(default_factory=list)
    coming: dict[str, set[str]] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        return sum(tally.writes for tally in self.tallies.values())

    def writes_to(self, system: str) -> int:
        """Of every kind."""
        return sum(tally.writes for where, tally in self.tallies.items() if where.partition("/")[0] == system)


@dataclass
class Work:
    """One kind of record in a run. `working`: the systems that nothing has gone wrong with yet."""

    ctx: Context
    working: set[str]


def draw_up(one: Work, plan: Plan, only: frozenset[str] | None) -> None:
    """Derive the writes from what is stored, and store them: the plan that the guard judges is the plan that runs."""
    ctx, working = one.ctx, one.working
    tallies = {system: Tally(linked=ctx.store.count_links(system)) for system in sorted(working)}
    plan.tallies |= {ctx.place(system): tally for system, tally in tallies.items()}
    held = _held(ctx)
    waiting = {hub_id for hub_id, _ in held}
    after = ""
    while hubs := ctx.store.flagged("dirty", after, ctx.batch):
        after = hubs[-1].id
        parked = ctx.store.parked([hub.id for hub in hubs])
        there = references.there(ctx.store, ctx.rules, hubs, plan.coming, ctx.away)
        needed = references.needed_there(ctx.store, ctx.rules, hubs)
        waiting.update(*needed.values())  # until what refers to them is gone
        rows: list[WriteRow] = []
        in_line: list[str] = []
        for hub in hubs:
            writes = plan_hub(hub, working, ctx.rules, ctx.run_id, held, parked, there, needed)
            rows += writes
            if not writes and hub.id not in waiting and len(working) == len(ctx.rules.mappers):
                in_line.append(hub.id)
        rows = _approved(ctx, rows, only)
        for row in rows:
            tallies[row.system].add(row)
            if row.operation == "create":
                plan.coming.setdefault(row.system, set()).add(row.hub_id)
        ctx.store.add_writes(rows, ctx.clock())
        ctx.store.flag(in_line, dirty=False)
        ctx.commit()
        ctx.progress("plan", "", plan.writes)
    for row in _approved(ctx, [row for system in sorted(working) for row in ctx.merges.get(system, ())], only):
        tallies[row.system].add(row)
        ctx.store.add_writes([row], ctx.clock())
    ctx.commit()
    for system, tally in tallies.items():
        ctx.counts(system).planned_creates = tally.creates
        ctx.counts(system).planned_merges = tally.merges
        ctx.counts(system).planned_updates = tally.updates
        ctx.counts(system).planned_archives = tally.archives


def draw_up_revert(one: Work, plan: Plan, reverted: str, only: frozenset[str] | None) -> None:
    """The opposite of what a run wrote, stored as rows like any plan."""
    ctx = one.ctx
    tallies = {system: Tally(linked=ctx.store.count_links(system)) for system in sorted(one.working)}
    plan.tallies |= {ctx.place(system): tally for system, tally in tallies.items()}
    after = ""
    while done := ctx.store.done_by(reverted, after, ctx.batch):
        after = max(done)
        rows, left = opposite(ctx, one.working, done)
        rows = _approved(ctx, rows, only)
        for row in rows:
            tallies[row.system].add(row)
        ctx.report.left += [one._asdict() for one in left]
        ctx.store.add_writes(rows, ctx.clock())
        ctx.commit()
        ctx.progress("plan", "", plan.writes)
    for system, tally in tallies.items():
        ctx.counts(system).planned_updates = tally.updates
        ctx.counts(system).planned_archives = tally.archives


def _approved(ctx: Context, rows: list[WriteRow], only: frozenset[str] | None) -> list[WriteRow]:
    """Those that a person has approved, where it is a plan that is carried out."""
    if only is None:
        return rows
    names = references.known_by(ctx.store, rows)
    return [row for row in rows if fingerprint(row, names) in only]


def _held(ctx: Context) -> set[tuple[str, str]]:
    """Leads that may be a record which nobody has placed yet: they are not created in its system meanwhile."""
    return {
        (candidate["hub"], review.system or "")
        for review in ctx.store.reviews("match", "duplicate")
        for candidate in review.detail.get("candidates", ())
    }


async def judge(kinds: Sequence[Work], plan: Plan) -> None:
    """Note every reason to stop that nobody has waved through."""
    [leads] = [one for one in kinds if one.ctx.kind == "lead"]
    rules, last = leads.ctx.rules, leads.ctx.store.last_rules_hash()
    first: set[str] = set()
    first_archives: set[str] = set()
    first_merges: set[str] = set()
    empty: set[str] = set()
    vanished: dict[str, int] = {}
    for ctx in (one.ctx for one in kinds):
        busy = {s: tally for s in ctx.connectors if (tally := plan.tallies.get(ctx.place(s))) and tally.writes}
        first |= {ctx.place(system) for system in busy if not ctx.store.ever_written(system)}
        leaving = (system for system, tally in busy.items() if tally.archives)
        first_archives |= {ctx.place(system) for system in leaving if not ctx.store.ever_left(system)}
        merging = (system for system, tally in busy.items() if tally.merges)
        first_merges |= {ctx.place(system) for system in merging if not ctx.store.ever_merged(system)}
        empty |= {ctx.place(system) for system in ctx.empty}
        vanished |= {ctx.place(system): count for system, count in ctx.vanished.items()}
    missing = {
        system: canary
        for system, canary in rules.limits.canaries.items()
        if system in leads.working and plan.writes_to(system) and not await _present(leads.ctx, system, canary)
    }
    facts = Facts(
        last is not None and last != rules.hash, frozenset(first), frozenset(empty), vanished, missing,
        leads.ctx.report.reverts, frozenset(first_archives), frozenset(first_merges),
    )  # fmt: skip
    found = guard(plan.tallies, rules.limits, facts)
    ctx = leads.ctx
    plan.stops = [stop for stop in found if not ctx.confirmed and (stop.code, stop.system) not in ctx.approved]


async def _present(ctx: Context, system: str, canary: str) -> bool:
    mapper = ctx.rules.mappers[system]
    remote = mapper.maps[mapper.match[0][0]].remote
    try:
        [found] = await ctx.connectors[system].find([Key(remote, canary)], mapper.remote_fields)
    except ConnectorError as error:  # what cannot be seen is not there: better to ask than to write
        ctx.report.errors[system] = {"code": error.code, "message": error.message, "hint": error.hint}
        return False
    return bool(found)


def stop(ctx: Context, stops: Iterable[Stop]) -> None:
    ctx.report.outcome = "stopped"
    ctx.report.stops = [stop._asdict() for stop in stops]
    detail = {"stops": ctx.report.stops, "run": ctx.run_id}
    ctx.store.open_reviews([Review("guard", "sync", detail)], ctx.run_id, ctx.clock())
    ctx.commit()


def planned(ctx: Context, system: str) -> Iterator[WriteRow]:
    """What stands in the plan for this system, in the order of its writing."""
    for rank in (0, 1, 2):
        after = 0
        while part := ctx.store.writes(ctx.run_id, system, after, 1000, rank):
            yield from part
            after = part[-1].id
