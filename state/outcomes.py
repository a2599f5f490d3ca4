"""What became of leads, for those who learn from it: deals that were closed, what leads looked like before, what they did.

Reading only, in a transaction of its own; batches of leads, never one by one. Invariant: everything is told with the
moment at which it was known, and nothing is judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple

import sqlalchemy as sa

from mapping.fields import Fields
from state import tables as t
from state.history import ChangeRow, History
from state.store import Store, loads


class ClosedDeal(NamedTuple):
    """`at`: when it was closed, by whichever is earlier of its close date and the moment we saw it; None where neither is
    known."""

    deal_id: str
    lead_id: str
    stage: str
    at: datetime | None


class Past(NamedTuple):
    """A lead as it is now, and what leads back from there."""

    fields: Fields
    created: datetime | None
    changes: list[ChangeRow]
    activities: list[tuple[str, datetime]]


class Outcomes:
    """Questions over one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._c = store._c
        self._history = History(store)

    def closed_deals(self, stages: Collection[str]) -> Iterator[ClosedDeal]:
        """Every deal that stands in one of these stages, once for each lead that takes part in it."""
        leads: dict[str, list[str]] = defaultdict(list)
        h, r = t.hub.c, t.reference.c
        lead = t.hub.alias()
        query = (
            sa.select(r.hub_id, sa.func.coalesce(lead.c.merged_into, lead.c.id))
            .join_from(t.reference, lead, lead.c.id == r.target_id)
            .where(lead.c.kind == "lead")
            .distinct()
        )
        for deal_id, lead_id in self._c.execute(query):
            leads[deal_id].append(lead_id)
        deals = sa.select(h.id, h.fields).where(h.kind == "deal", h.merged_into.is_(None)).order_by(h.id)
        closed = {i: fields for i, text in self._c.execute(deals) if (fields := loads(text)).get("stage") in stages}
        seen = self._seen_closed(closed)
        for deal_id, fields in closed.items():
            moments = [at for at in (seen.get(deal_id), _midnight(fields.get("close_date"))) if at is not None]
            for lead_id in sorted(leads.get(deal_id, ())):
                yield ClosedDeal(deal_id, lead_id, fields["stage"], min(moments, default=None))

    def _seen_closed(self, deals: dict[str, Fields]) -> dict[str, datetime]:
        """Deal -> when its stage became what it is now. Not of a deal that we have only ever known so."""
        found: dict[str, datetime] = {}
        for deal_id, changes in self._history.changes(deals).items():
            for change in changes:
                entry = change.detail.get("stage")
                if isinstance(entry, dict) and "old" in entry and entry.get("new") == deals[deal_id]["stage"]:
                    found[deal_id] = change.at
        return found

    def pasts(self, hub_ids: Collection[str]) -> dict[str, Past]:
        """Of a batch of leads. Activities by time."""
        hubs = self._store.hubs(hub_ids)
        changes = self._history.changes(hub_ids)
        did = self.activities(hub_ids)
        return {
            hub_id: Past(
                hub.fields,
                next((c.at for c in changes.get(hub_id, ()) if c.kind == "created"), None),
                changes.get(hub_id, []),
                did.get(hub_id, []),
            )
            for hub_id, hub in hubs.items()
        }

    def activities(self, hub_ids: Collection[str]) -> dict[str, list[tuple[str, datetime]]]:
        """Hub id -> (type, when) of all that happened to a lead, in the order of time."""
        c = t.activity_lead.c
        found: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
        months = self._c.execute(sa.select(t.activity_month.c.month).distinct()).scalars().all()
        for month in sorted(months):
            query = sa.select(c.hub_id, c.type, c.at).where(
                c.month == month, c.hub_id.in_(self._store._values(hub_ids))
            )
            for hub_id, type_, at in self._c.execute(query.order_by(c.hub_id, c.at)):
                found[hub_id].append((type_, at))
        return found


def _midnight(value: object) -> datetime | None:
    """The beginning of a day: on it nothing of the deal's end is known yet."""
    try:
        return datetime.combine(date.fromisoformat(str(value)[:10]), time.min, UTC)
    except ValueError:
        return None
