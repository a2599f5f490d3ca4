"""What a hub record's neighbours add up to: the open deals of a lead, the leads of a company, what happened to a lead.

Effects: reads the store. A number here is computed from what refers to the record, never typed and never read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from mapping.fields import Fields, RecordKind
from mapping.rules import Rules
from state.records import Hub
from state.store import Store

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def roll_up(store: Store, rules: Rules, hubs: Sequence[Hub], at: datetime) -> dict[str, Fields]:
    """Hub id -> the rolled-up fields of each of these hub records, as they are on that day."""
    if not rules.rollups:
        return {}
    found: dict[tuple[str, RecordKind, str], list[Fields]] = defaultdict(list)
    if any(one.kind != "activity" for one in rules.rollups):
        for one in store.referrers(hub.id for hub in hubs):
            found[one.target_id, one.kind, one.field].append(one.fields)
    happened = _happened(store, rules, hubs, at)
    return {
        hub.id: {
            r.name: r.fold(
                [told for told in happened[hub.id, r.days] if not r.types or told["type"] in r.types]
                if r.kind == "activity"
                else found[hub.id, r.kind, r.via]
            )
            for r in rules.rollups
        }
        for hub in hubs
    }


def span(days: int | None, at: datetime) -> tuple[datetime, datetime]:
    """From when on, and until when, an activity counts: whole days of UTC, today and `days` before it."""
    end = datetime.combine(at.astimezone(UTC).date(), time.min, UTC) + timedelta(days=1)
    return (BEGINNING if days is None else end - timedelta(days=days + 1)), end


def _happened(
    store: Store, rules: Rules, hubs: Sequence[Hub], at: datetime
) -> dict[tuple[str, int | None], list[Fields]]:
    """One query for each length of time that is asked about, and month."""
    found: dict[tuple[str, int | None], list[Fields]] = defaultdict(list)
    ids = [hub.id for hub in hubs]
    for days in {one.days for one in rules.rollups if one.kind == "activity"}:
        for hub_id, type_, count, latest in store.told_activities(ids, *span(days, at)):
            found[hub_id, days].append({"type": type_, "count": count, "latest": latest.isoformat()})
    return found
