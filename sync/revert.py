"""The opposite of what a run wrote: which values go back, which records go, and what cannot be taken back and why.

Reads the store, writes nothing: the rows made here are planned, judged, pushed and recovered like any others. What goes
back is what the system showed before; the hub keeps its value, and both bases say so (`sync.push._agreed`). So nobody
else's edit is undone, and the next run has nothing to write. Invariants: what somebody has edited since stays; an
opt-out is never taken back; no record is archived that somebody has worked on or that another refers to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from mapping.fields import STAGE, Value
from mapping.mapper import Mapper
from state.history import ChangeRow, History
from state.records import Hub, Link, Side, WriteRow
from sync.consent import takes_back
from sync.context import Context
from sync.merge import ahead

MOMENTS = timedelta(minutes=5)
"""For so long after its creation, a record is changed by the system itself: by defaults and by automation."""


class Left(NamedTuple):
    """What is not taken back. `system` is a place; `field` is empty where it is the whole record."""

    system: str
    hub: str
    remote_id: str
    field: str
    why: str


def opposite(
    ctx: Context, working: Collection[str], done: Mapping[str, Sequence[WriteRow]]
) -> tuple[list[WriteRow], list[Left]]:
    """`done`: what the run wrote, by hub record. Only what went to systems that are `working` can be taken back."""
    rows: list[WriteRow] = []
    left: list[Left] = []
    hubs = ctx.store.hubs(done)
    about = ctx.store.writes_about(list(done))
    created = [row for some in done.values() for row in some if row.operation == "create"]
    changes = History(ctx.store).changes({row.hub_id for row in created})
    needed = {
        system: ctx.store.depended_on(system, {row.hub_id for row in created if row.system == system})
        for system in {row.system for row in created}
    }
    for hub_id, written in done.items():
        hub = hubs.get(hub_id)
        for row in written:
            later = [other for other in about[hub_id, row.system] if other.id > row.id]
            if hub is None:
                why = "we have no such record any more"
            elif row.system not in working:
                why = "the system was not reached"
            else:
                why = _not_there(hub.links.get(row.system), row)
            if why:
                left.append(_left(ctx, row, "", why))
            elif row.operation == "create":
                assert hub is not None
                mapper = ctx.rules.mappers[row.system]
                heard = _edited(changes.get(hub_id, ()), row, hub.links[row.system].side, mapper)
                why = _why_kept(ctx, row, heard, hub_id in needed[row.system])
                if why:
                    left.append(_left(ctx, row, "", why))
                else:
                    fields: dict[str, tuple[Value, Value]] = {n: (new, None) for n, (_, new) in row.fields.items()}
                    back = WriteRow(ctx.run_id, hub_id, row.system, "archive", row.remote_id, fields, kind=ctx.kind)
                    rows.append(back)
            elif row.operation == "merge":
                left.append(_left(ctx, row, "", "two records were merged, which no system can take back"))
            elif row.operation == "archive":
                left.append(_left(ctx, row, "", "it was archived: take it out of the system's bin by hand"))
            else:
                assert hub is not None
                found, kept_ = put_back(hub, row, later, ctx.rules.mappers[row.system], ctx.run_id)
                rows += [found] if found else []
                left += [_left(ctx, row, name, why) for name, why in kept_]
    return rows, left


def put_back(
    hub: Hub, row: WriteRow, later: Sequence[WriteRow], mapper: Mapper, run_id: str
) -> tuple[WriteRow | None, list[tuple[str, str]]]:
    """The write that undoes an earlier one, of the fields that nobody has touched since; and the others, with the
    reason. Pure. `later`: our writes to the same record after it."""
    fields: dict[str, tuple[Value, Value]] = {}
    left: list[tuple[str, str]] = []
    side = hub.links[row.system].side
    since = {name for other in later for name in other.fields}
    for name, (old, sent) in row.fields.items():
        if name in mapper.consent:
            opens = takes_back(old, sent)
            left.append((name, "withdraw it by smarketing consent" if opens else "an opt-out is never taken back"))
        elif name not in mapper.pushed:
            left.append((name, "it is not mapped any more"))
        elif name in since:
            left.append((name, "a later run wrote it again"))
        elif old is None and not mapper.maps[name].pull:
            left.append((name, "what it held before is not known: it is never read"))
        elif not _untouched(hub, side, row, name, mapper):
            left.append((name, "somebody has edited it there since"))
        elif ahead(mapper, side, name, hub.fields.get(name)):
            left.append((name, "it has a newer value already, which the next sync writes"))
        elif side.base_remote.get(name) != old:
            fields[name] = (sent, old)
    restored = WriteRow(run_id, hub.id, row.system, "restore", row.remote_id, fields, kind=hub.kind)
    return restored if fields else None, left


def told_restore(ctx: Context, row: WriteRow) -> list[dict[str, Any]]:
    """The row for the history of what has been put back."""
    if row.operation != "restore":
        return []
    rule = f"reverted {ctx.report.reverts or row.run_id}"
    detail = {name: {"was": was, "now": now, "rule": rule} for name, (was, now) in row.fields.items()}
    about = {"hub_id": row.hub_id, "run_id": ctx.run_id, "at": ctx.clock()}
    return [{**about, "kind": "reverted", "system": row.system, "detail": detail}]


def kept(mapper: Mapper, link: Link, row: WriteRow) -> list[dict[str, str]]:
    """What the system took without a word and did not put back, as its answer shows."""
    if row.operation != "restore":
        return []
    why = "the system kept its value: some fields go only one way there"
    return [
        Left(row.system, row.hub_id, row.remote_id or "", name, why)._asdict()
        for name, value in row.sent().items()
        if not mapper.same(name, link.side.base_remote.get(name), value)
    ]


def _untouched(hub: Hub, side: Side, row: WriteRow, name: str, mapper: Mapper) -> bool:
    """Whether the system still shows what we sent, and nothing that it said since has been merged."""
    if name in side.seen:
        return False
    sent = row.sent()[name]
    if row.operation == "restore":  # it left the hub as it was, so only what is shown tells
        same = mapper.same(name, side.base_remote.get(name), sent)
        return same and side.base_hub.get(name) == hub.fields.get(name)
    return side.base_hub.get(name) == sent


def _not_there(link: Link | None, row: WriteRow) -> str:
    if row.operation in ("archive", "merge"):
        return ""
    if link is None or link.state != "live":
        return "the record is not there any more"
    return "" if link.remote_id == row.remote_id else "another record has taken its place"


def _edited(changes: Sequence[ChangeRow], row: WriteRow, side: Side, mapper: Mapper) -> bool:
    """Whether the system has said anything of the record that we created since. What it filled in by itself in the first
    moments (an owner, a status, a box not ticked) is nobody's work."""
    if side.seen:
        return True
    young = row.at is not None and side.seen_at is not None and side.seen_at < row.at + MOMENTS

    def default(name: str, entry: dict[str, Any]) -> bool:
        filled = entry.get("old") is None and name not in row.fields
        return young and filled and (name in mapper.references or name == STAGE or isinstance(entry.get("new"), bool))

    return any(
        row.system == entry.get("from") or row.system in entry.get("claims", ())
        for change in changes
        if change.run_id > row.run_id
        for name, entry in change.detail.items()
        if isinstance(entry, dict) and not default(name, entry)
    )


def _why_kept(ctx: Context, row: WriteRow, edited: bool, needed: bool) -> str:
    if not ctx.connectors[row.system].can.archive:
        return "this system does not let us delete: delete it there by hand"
    if edited:
        return "somebody has worked on it since: look at it, and delete it there by hand"
    return "other records there refer to it: take those back first, then revert once more" if needed else ""


def _left(ctx: Context, row: WriteRow, name: str, why: str) -> Left:
    return Left(ctx.place(row.system), row.hub_id, row.remote_id or "", name, why)
