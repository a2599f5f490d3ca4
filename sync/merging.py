"""Two records that a system has of one hub record become one there, where the admin has said so (`on_merge: merge`).

Effects: one system, and the store. A merge cannot be taken back, so nothing is merged on old evidence: both records are
looked at when the plan is made, and once more before the call. As in `push`, the intent is committed first; a merge
whose answer was lost is looked up before anything else, and whichever of the two ids answers with the other's record tells
that it was done. Invariant: where only the record that would go shows an opt-out, nothing is merged; the opt-out is heard,
and the merge waits until the record that stays shows it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from connectors.base import Key, Record
from connectors.errors import Retry
from mapping.fields import Fields, Value
from state.records import RECORD, Hub, Review, WriteRow
from sync.consent import opened, withdraws
from sync.context import Context
from sync.guard import ErrorMonitor
from sync.letters import dead_letter, described
from sync.plan import fingerprint
from sync.unite import joined

RULE = "on_merge: merge"
WAITS = "only this record shows an opt-out, which a merge would lose"
"""Why two records are not merged, as the question tells it."""


class Pair(NamedTuple):
    """`stays` and `goes`: remote ids."""

    winner: Hub
    loser: Hub
    stays: str
    goes: str


class Look(NamedTuple):
    """What the system shows now. `two`: still two records; `one`: they are one, `survivor` is its id; `gone`: the loser is
    not there any more; `unclear`: what stays is not there, which the next reading explains. `out`: the opt-outs that the
    loser alone shows."""

    found: Literal["two", "one", "gone", "unclear"]
    survivor: str = ""
    out: Fields = {}  # noqa: RUF012


async def find(ctx: Context, system: str) -> None:
    """Note in `ctx.merges` what may be merged in the system. Raises ConnectorError."""
    if not ctx.connectors[system].can.merge:
        return
    doubles = _doubles(ctx, system)
    pairs = _pairs(ctx, system, [(str(r.hub_id), str(r.remote_id)) for r in doubles])
    looks = await _look(ctx, system, pairs)
    parked = ctx.store.parked([pair.winner.id for pair in pairs])
    asked = {r.remote_id: r for r in doubles}
    for pair, look in zip(pairs, looks, strict=True):
        row = _row(ctx, system, pair)
        if look.found in ("one", "gone"):
            _settle(ctx, system, pair, look)
        elif look.out:
            _hear(ctx, system, pair, look.out)
            review = asked[pair.goes]
            if review.detail.get("waits") != WAITS:
                ctx.store.note_in_review(review.id, {**review.detail, "waits": WAITS})
        elif look.found == "two" and fingerprint(row) not in parked.get((row.hub_id, system), ()):
            ctx.merges.setdefault(system, []).append(row)
    ctx.commit()


async def merge(ctx: Context, system: str, rows: Sequence[WriteRow], monitor: ErrorMonitor) -> None:
    """Carry out planned rows, one by one: two may be of one hub record, whose record gets another id by the first.
    Raises ConnectorError."""
    connector, counts = ctx.connectors[system], ctx.counts(system)
    for row in rows:
        pairs = _pairs(ctx, system, [(row.hub_id, row.remote_id or "")])
        looks = await _look(ctx, system, pairs)
        if not pairs or looks[0].found != "two" or looks[0].out:
            row.state = "dropped"  # it is another case by now: the next run looks anew
            ctx.store.mark_writes([row], ctx.clock())
            ctx.commit()
            continue
        [pair] = pairs
        row.state = "sent"
        ctx.store.mark_writes([row], ctx.clock())
        ctx.commit()
        try:
            result = await connector.merge(pair.stays, pair.goes)
        except Retry:
            counts.unknown += 1
            raise
        row.state, row.error = result.outcome, str(result.error) if result.error else None
        monitor.note(result.outcome == "rejected")
        at = ctx.clock()
        if result.outcome == "done":
            counts.merged += 1
            _settle(ctx, system, pair, Look("one", result.id or pair.stays))
            ctx.store.close_reviews([("dead_letter", ctx.subject(system, row.hub_id))], at)
        elif result.outcome == "rejected":
            counts.rejected += 1
            ctx.store.open_reviews([dead_letter(ctx, system, row, [described(result.error)])], ctx.run_id, at)
        else:
            counts.unknown += 1
        ctx.store.mark_writes([row], at)
        ctx.commit()


async def recover(ctx: Context, system: str, rows: Sequence[WriteRow]) -> None:
    """Settle the merges of which no answer was stored; what did not happen is planned anew. Raises ConnectorError."""
    for row in rows:
        pairs = _pairs(ctx, system, [(row.hub_id, row.remote_id or "")])
        looks = await _look(ctx, system, pairs)
        row.state = "dropped"
        if pairs and looks[0].found in ("one", "gone"):
            _settle(ctx, system, pairs[0], looks[0])
            ctx.counts(system).recovered += 1
            row.state = "done"
        ctx.store.mark_writes([row], ctx.clock())
        ctx.commit()


def _doubles(ctx: Context, system: str) -> list[Review]:
    """The records that are one too many, as people are asked about them."""
    return [
        r
        for r in ctx.store.reviews("duplicate", resolved=False)
        if r.detail.get("why") == "two records" and (r.system, r.record_kind) == (system, ctx.kind)
    ]


def _pairs(ctx: Context, system: str, doubles: Sequence[tuple[str, str]]) -> list[Pair]:
    """Of (hub record, remote id of what is one too many), those of which both records are still there for us."""
    heirs = ctx.store.heirs(hub_id for hub_id, _ in doubles)
    known = ctx.store.known(system, [remote_id for _, remote_id in doubles])
    wanted = {heirs.get(hub_id, hub_id) for hub_id, _ in doubles}
    hubs = ctx.store.hubs(wanted | {link.hub_id for link in known.values()})
    found: list[Pair] = []
    for hub_id, goes in doubles:
        winner = hubs.get(heirs.get(hub_id, hub_id))
        loser = hubs.get(known[goes].hub_id) if goes in known else None
        if winner is None or loser is None or loser.merged_into != winner.id:
            continue
        mine = winner.links.get(system)
        if mine and mine.state == "live" and loser.links[system].state == "ignored":
            found.append(Pair(winner, loser, mine.remote_id, goes))
    return found


def _row(ctx: Context, system: str, pair: Pair) -> WriteRow:
    fields: dict[str, tuple[Value, Value]] = {RECORD: (pair.goes, pair.stays)}
    return WriteRow(ctx.run_id, pair.winner.id, system, "merge", pair.goes, fields, rank=2, kind=ctx.kind)


async def _look(ctx: Context, system: str, pairs: Sequence[Pair]) -> list[Look]:
    connector, mapper = ctx.connectors[system], ctx.rules.mappers[system]
    size = max(1, connector.can.find_batch // 2)
    looks: list[Look] = []
    for start in range(0, len(pairs), size):
        part = pairs[start : start + size]
        keys = [Key("id", id_) for pair in part for id_ in (pair.goes, pair.stays)]
        found = await connector.find(keys, mapper.remote_fields)
        ones = [records[0] if records else None for records in found]
        looks += [_seen(ctx, system, pair, *ones[2 * n : 2 * n + 2]) for n, pair in enumerate(part)]
    return looks


def _seen(ctx: Context, system: str, pair: Pair, goes: Record | None, stays: Record | None) -> Look:
    if stays is None or stays.id == pair.goes:
        return Look("unclear")
    if goes is None:
        return Look("gone")
    if goes.id != pair.goes:
        return Look("one", goes.id) if goes.id == stays.id else Look("gone")
    mapper = ctx.rules.mappers[system]
    theirs, ours = mapper.to_hub(goes.fields)[0], mapper.to_hub(stays.fields)[0]
    said = {name: theirs.get(name) for name in sorted(mapper.consent) if theirs.get(name) != ours.get(name)}
    return Look("two", "", {name: value for name, value in said.items() if withdraws(value, ours.get(name))})


def _hear(ctx: Context, system: str, pair: Pair, out: Fields) -> None:
    """The hub record takes over the opt-out, and every system is told; but not what a person has opened again since."""
    winner, told = pair.winner, dict[str, Any]()
    for name, value in out.items():
        old = winner.fields.get(name)
        new = joined(ctx.rules, name, old, value)
        if new != old and not opened(winner.fields, name):
            winner.fields[name], winner.origin[name] = new, system
            told[name] = {"old": old, "new": new, "from": system, "rule": f"said by {pair.goes}"}
    if told:
        winner.touched = winner.dirty = True
        ctx.store.update_hubs([winner])
        _log(ctx, winner, "merged", system, told)


def _settle(ctx: Context, system: str, pair: Pair, look: Look) -> None:
    """The loser's link is over; the winner's follows to the survivor's id. The caller commits."""
    link, double = pair.winner.links[system], pair.loser.links[system]
    double.state, double.digest = "merged" if look.survivor else "deleted", None
    link.digest = None  # what came from the other record is read as news
    if look.survivor and look.survivor not in ctx.store.known(system, [look.survivor]):
        link.remote_id = look.survivor
    ctx.store.update_links([link, double])
    ctx.store.flag([pair.winner.id], dirty=True)
    detail = {"was": pair.goes, "became": look.survivor or None, "rule": RULE}
    _log(ctx, pair.winner, "unlinked", system, detail)
    ctx.store.close_reviews([("duplicate", ctx.subject(system, pair.goes))], ctx.clock())


def _log(ctx: Context, hub: Hub, kind: str, system: str, detail: dict[str, Any]) -> None:
    row = {"hub_id": hub.id, "run_id": ctx.run_id, "at": ctx.clock()}
    ctx.store.log_changes([{**row, "kind": kind, "system": system, "detail": detail}])
