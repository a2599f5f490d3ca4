"""Take records out of use that a run of ours had created: the one thing a revert does that no sync ever does.

Effects: one system, and the store. As in `push`: the intent is committed, then the system is asked, then link and
result go into one commit. The link stays, as that of a deleted record, so that nothing creates the record anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.errors import Retry
from state.records import Link, WriteRow
from sync.context import Context
from sync.guard import ErrorMonitor


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
        elif result.outcome == "rejected":
            why = f"it was not archived: {row.error or 'the system gave no reason'}; delete it there by hand"
            told = {"system": ctx.place(system), "hub": row.hub_id, "remote_id": row.remote_id or "", "field": ""}
            ctx.report.left.append({**told, "why": why})
    ctx.store.update_links(links)
    ctx.store.log_changes(changes)
    ctx.store.mark_writes(rows, ctx.clock())
    ctx.commit()


def archived(ctx: Context, link: Link, row: WriteRow) -> dict[str, Any]:
    """Let go of the record. Returns the row for the history."""
    link.state, link.digest = "deleted", None
    detail = {"was": row.remote_id, "became": None, "rule": f"revert, run {row.run_id}"}
    about = {"hub_id": row.hub_id, "run_id": ctx.run_id, "at": ctx.clock()}
    return {**about, "kind": "unlinked", "system": row.system, "detail": detail}
