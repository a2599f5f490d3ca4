"""What a hub record's neighbours add up to: the open deals of a lead, the leads of a company.

Effects: reads the store. A number here is computed from what refers to the record, never typed and never read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mapping.fields import Fields, Kind
from mapping.rules import Rules
from state.records import Hub
from state.store import Store


def roll_up(store: Store, rules: Rules, hubs: Sequence[Hub]) -> dict[str, Fields]:
    """Hub id -> the rolled-up fields of each of these hub records."""
    if not rules.rollups:
        return {}
    found: dict[tuple[str, Kind, str], list[Fields]] = defaultdict(list)
    for one in store.referrers(hub.id for hub in hubs):
        found[one.target_id, one.kind, one.field].append(one.fields)
    return {hub.id: {r.name: r.fold(found[hub.id, r.kind, r.via]) for r in rules.rollups} for hub in hubs}
