"""Records that are gone: deleted, merged into another, converted. Merge is told from deletion first.

Effects: the store; the caller commits. A deletion unlinks and flags; it never deletes anything anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.base import Record
from state.records import Hub, Link, Review
from sync import references
from sync.batch import Batch
from sync.context import Context
from sync.merge import unseen
from sync.unite import unite


def let_go(ctx: Context, system: str, gone: Sequence[Record], at: datetime) -> None:
    """Records that were deleted, merged into another or converted. Merge is told from deletion first; a deletion
    unlinks and flags, it never deletes anything anywhere else."""
    gone = _to_the_end(gone)
    known = ctx.store.known(system, [i for r in gone for i in (r.id, r.became) if i])
    holder = {remote_id: link.hub_id for remote_id, link in known.items()}
    hubs = ctx.store.hubs([known[r.id].hub_id for r in gone if r.id in known])
    batch = Batch()
    unions: list[tuple[str, str]] = []
    for record in gone:
        link = hubs[known[record.id].hub_id].links[system] if record.id in known else None
        if link is None or link.state != "merged":  # that it was merged may be a question itself, and read again
            batch.close(ctx, ctx.subject(system, record.id), "match", "duplicate", "bad_value")
        if link is None or link.remote_id != record.id or not _may_move(link, record):
            continue
        link.digest = None
        detail: dict[str, Any] = {"was": record.id, "became": record.became}
        if record.became and record.became not in holder:
            if link.state != "live":
                link.within = None
                batch.returned.append(link)
            link.remote_id, link.state = record.became, "live"
            batch.moved.append(link.hub_id)
            holder[record.became] = link.hub_id
            _hear_out(ctx, system, record, hubs[link.hub_id], link, batch)
            ctx.look_again.setdefault(system, set()).add(record.became)
            batch.close(ctx, ctx.subject(system, record.became), "match", "duplicate")
            kind = "linked"
        else:
            link.state = "merged" if record.became else "deleted"
            ctx.counts(system).vanished += 1
            kind = "unlinked"
        if link.state == "merged" and record.became and holder[record.became] != link.hub_id:
            hub = hubs[link.hub_id]
            if hub.merged_into or not hub.alive or ctx.rules.follow_merges:
                unions.append((holder[record.became], hub.id))
                for name, other in hub.links.items():
                    batch.close(ctx, ctx.subject(name, other.remote_id), "duplicate")
            else:  # two are one, and some system does not know yet
                about = {"why": "merged", "by": system, "hub": holder[record.became], **detail}
                subject = ctx.subject(system, record.id)
                batch.reviews.append(
                    Review("duplicate", subject, about, hub.id, system, record.id, record_kind=ctx.kind)
                )
        batch.touch(link)
        row = {"hub_id": link.hub_id, "run_id": ctx.run_id, "at": at, "kind": kind, "system": system}
        batch.changes.append({**row, "detail": detail})
    batch.flush(ctx, at)
    for winner, loser in unions:
        unite(ctx, ctx.store.heirs([winner]).get(winner, winner), loser, at, by=system, rule=f"merged in {system}")
    if ctx.rules.summed:
        ctx.store.touch_targets([link.hub_id for link in batch.links.values()], ctx.rules.summed)


def _hear_out(ctx: Context, system: str, record: Record, hub: Hub, link: Link, batch: Batch) -> None:
    """What a record says last counts where its heir has no field for it: a Lead's status "converted", which its Contact
    cannot show."""
    said = ctx.rules.mappers[system].to_hub(record.fields)[0]
    references.inward(ctx, system, {record.id: said})
    last = unseen(link.side.base_remote, said)
    if last:
        link.side.seen = {**link.side.seen, **last}
        hub.touched = True
        batch.hubs[hub.id] = hub


def _may_move(link: Link, record: Record) -> bool:
    """A link that a refused write took for deleted may still hear that its record goes on under another id. That a record
    is gone which we have archived is no news."""
    if link.state in ("deleted", "archived"):
        return record.became is not None
    return link.state in ("live", "ignored")


def _to_the_end(gone: Sequence[Record]) -> list[Record]:
    """A record that became another that became a third became the third; one whose heir is deleted is deleted."""
    ends = {record.id: record for record in gone}

    def end(record: Record, hops: int) -> Record:
        heir = ends.get(record.became or "")
        return (
            record
            if heir is None or hops == 0
            else end(record._replace(became=heir.became, deleted=heir.deleted), hops - 1)
        )

    return [end(record, len(ends)) for record in gone]
