"""Take records out of use: those that a run of ours had created, in a revert of it; and those that have left the rule of
their system, until it holds again.

Effects: one system, and the store. As in `push`: the intent is committed, then the system is asked, then link and
result go into one commit. The link stays: after a revert as that of a deleted record, so that nothing creates the record
anew; else as `archived`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Connector
from connectors.errors import Misconfigured, Retry
from mapping.fields import PLURALS
from mapping.rules import Rules
from state.records import Hub, Known, Link, Review, WriteRow
from sync.context import Context
from sync.guard import ErrorMonitor
from sync.letters import dead_letter, described

LEFT = "it has left sync_when"
"""Why a record was archived, as the history tells it."""


def check_archives(rules: Rules, connectors: Mapping[str, Connector]) -> None:
    """Raises Misconfigured where a mapping asks a system to archive which cannot."""
    for kind in rules.kinds:
        for system, mapper in rules.of(kind).mappers.items():
            connector = connectors.get(system)
            if mapper.archives is None or connector is None or kind not in connector.kinds:
                continue
            if not connector.of(kind).can.archive:
                raise Misconfigured(
                    f"{system} cannot archive: `on_leave: archive` of {PLURALS[kind]} is not possible there.",
                    hint="Take it out of the mapping: then what leaves sync_when is left alone, and told no more.",
                )


async def archive(ctx: Context, system: str, rows: Sequence[WriteRow], monitor: ErrorMonitor) -> None:
    """Carry out planned rows of the operation `archive`. Raises ConnectorError."""
    counts = ctx.counts(system)
    for row in rows:
        row.state = "sent"
    ctx.store.mark_writes(rows, ctx.clock())
    ctx.commit()
    try:
        results = await ctx.connectors[system].archive([row.remote_id or "" for row in rows])
    except Retry:
        counts.unknown += len(rows)
        raise
    hubs = ctx.store.hubs([row.hub_id for row in rows])
    links: list[Link] = []
    changes: list[dict[str, Any]] = []
    reviews: list[Review] = []
    settled: list[tuple[str, str]] = []
    for row, result in zip(rows, results, strict=True):
        row.state, row.error = result.outcome, str(result.error) if result.error else None
        monitor.note(result.outcome == "rejected")
        counts.unknown += result.outcome == "unknown"
        counts.rejected += result.outcome == "rejected"
        if result.outcome == "done":
            link = hubs[row.hub_id].links[system]
            changes.append(archived(ctx, link, row))
            links.append(link)
            counts.archived += 1
            settled.append(("dead_letter", ctx.subject(system, row.hub_id)))
        elif result.outcome == "rejected" and row.leaves:
            reviews.append(dead_letter(ctx, system, row, [described(result.error)]))
        elif result.outcome == "rejected":
            why = f"it was not archived: {row.error or 'the system gave no reason'}; delete it there by hand"
            told = {"system": ctx.place(system), "hub": row.hub_id, "remote_id": row.remote_id or "", "field": ""}
            ctx.report.left.append({**told, "why": why})
    ctx.store.update_links(links)
    ctx.store.log_changes(changes)
    at = ctx.clock()
    ctx.store.mark_writes(rows, at)
    ctx.store.open_reviews(reviews, ctx.run_id, at)
    ctx.store.close_reviews([s for s in settled if s in ctx.open_questions], at)
    ctx.commit()


def archived(ctx: Context, link: Link, row: WriteRow) -> dict[str, Any]:
    """Let go of the record. Returns the row for the history."""
    link.state, link.digest = "archived" if row.leaves else "deleted", None
    rule = LEFT if row.leaves else f"revert, run {row.run_id}"
    detail = {"was": row.remote_id, "became": None, "rule": rule}
    about = {"hub_id": row.hub_id, "run_id": ctx.run_id, "at": ctx.clock()}
    return {**about, "kind": "unlinked", "system": row.system, "detail": detail}


# -- who comes back ---------------------------------------------------------------------------------------------------


def is_free(link: Link | None) -> bool:
    """Whether a record may be created in the link's place."""
    return link is None or link.state == "archived"


def ours_to_take(remote_id: str, hub: Hub, taken: Mapping[str, Known]) -> bool:
    """Whether the record that a create gave is nobody else's. It may be the one that was archived, if the system has
    taken that out of its bin."""
    return remote_id not in taken or (taken[remote_id].hub_id == hub.id and taken[remote_id].n != 0)


def take_place(hub: Hub, link: Link) -> Link:
    """What is created anew takes the row of what was archived."""
    before = hub.links.get(link.system)
    if before:
        link.n = before.n
    hub.links[link.system] = link
    return link
