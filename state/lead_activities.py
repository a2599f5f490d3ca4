"""The activities of a lead: counted, handed over, forgotten; and all of them dropped once their time is over.

Every query names its months, so that it looks at the pages, on PostgreSQL the partitions, of these alone. Invariant: a
lead has an activity here exactly where the activity names the lead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from state import tables as t
from state.activities import OF_LEAD, Activities, Held, month_of
from state.bulk import Lookup
from state.records import Told

_c = t.activity_lead.c
COUNTED = Lookup(
    sa.select(_c.hub_id, _c.type, sa.func.count(), sa.func.max(_c.at))
    .where(_c.month == sa.bindparam("month"), _c.at >= sa.bindparam("since"), _c.at < sa.bindparam("until"))
    .group_by(_c.hub_id, _c.type),
    _c.hub_id,
)


class LeadActivities(Activities):
    """The verbs that ask by lead, and those that drop."""

    # --- by lead ----------------------------------------------------------------------------------------------------

    def told_activities(self, hub_ids: Collection[str], since: datetime, until: datetime) -> list[Told]:
        """How often what happened to each of these leads, from `since` on and before `until`: one row a type. One query
        a month."""
        found: dict[tuple[str, str], tuple[int, Any]] = {}
        span = {"since": self._stored(since), "until": self._stored(until)}
        for month in self._months():
            if month_of(since) <= month <= month_of(until):
                for hub_id, type_, count, latest in COUNTED.rows(self._c, hub_ids, month=month, **span):
                    more, last = found.get((hub_id, type_), (0, latest))
                    found[hub_id, type_] = more + count, max(last, latest)
        return [
            Told(hub_id, type_, count, at)
            for (hub_id, type_), (count, latest) in sorted(found.items())
            if (at := self._read(latest))
        ]

    def touch_leads_between(self, start: datetime, end: datetime) -> None:
        """Mark the leads to which something happened in this stretch of time: it counts no longer."""
        c = t.activity_lead.c
        months = [month for month in self._months() if month_of(start) <= month <= month_of(end)]
        some = sa.select(c.hub_id).where(c.month.in_(months), c.at >= start, c.at < end)
        self._c.execute(t.hub.update().where(t.hub.c.id.in_(some)).values(touched=1))

    def touch(self, hub_ids: Collection[str]) -> None:
        """Mark these hub records, those that are not yet."""
        if hub_ids:
            some = t.hub.c.id.in_(self._values(hub_ids))
            self._c.execute(t.hub.update().where(some, t.hub.c.touched == 0).values(touched=1))

    def hand_over_activities(self, old: str, new: str) -> None:
        """What happened to a hub record that was merged into another happened to that one."""
        for month, system, held in self._of_lead(old):
            self._drop_of_leads(system, [(month, old, one) for one in held])
            changes = [(one, list(dict.fromkeys(new if i == old else i for i in one.leads.split()))) for one in held]
            self._change(system, month, [{"_id": one.remote_id, "leads": " ".join(ids)} for one, ids in changes])
            rows = [(month, new, one.at, system, one.remote_id, one.type) for one in held]
            self._rows("insert_activity_leads", self._insert(t.activity_lead).on_conflict_do_nothing, OF_LEAD, rows)

    def forget_activities(self, hub_id: str) -> int:
        """Erase what happened to this lead. What happened to others as well stays theirs, without its words. Returns
        how many activities there were."""
        count = 0
        for month, system, held in self._of_lead(hub_id):
            count += len(held)
            shared = [one for one in held if one.leads != hub_id]
            self._drop_of_leads(system, [(month, hub_id, one) for one in shared])
            rows = []
            for one in shared:
                others = " ".join(i for i in one.leads.split() if i != hub_id)
                rows.append({"_id": one.remote_id, "leads": others, "rest": "{}"})
            self._change(system, month, rows)
            self._remove(system, month, [one for one in held if one.leads == hub_id])
        return count

    def activities_held(self, hub_ids: Collection[str], addresses: Collection[str]) -> int:
        """How many there are of these leads, and of addresses that no lead is known by."""
        known = sum(len(held) for hub_id in hub_ids for _, _, held in self._of_lead(hub_id))
        return known + len(self._unplaced(addresses))

    def forget_unplaced(self, addresses: Collection[str]) -> int:
        """Erase what happened to whoever has these addresses, where no lead was known by then."""
        found = self._unplaced(addresses)
        c = t.activity_waiting.c
        for month, system, remote_id in found:
            self._remove(system, month, [one for one in self._held_of(system, month, [remote_id]) if not one.leads])
            self._c.execute(
                t.activity_waiting.delete().where(
                    c.system == system, c.remote_id == remote_id, sa.func.lower(c.ref).in_(_lower(addresses))
                )
            )
        return len(found)

    def _unplaced(self, addresses: Collection[str]) -> list[tuple[int, str, str]]:
        c = t.activity_waiting.c
        query = sa.select(c.month, c.system, c.remote_id).where(sa.func.lower(c.ref).in_(_lower(addresses)))
        return sorted({(row.month, row.system, row.remote_id) for row in self._c.execute(query)})

    def _of_lead(self, hub_id: str) -> Iterable[tuple[int, str, list[Held]]]:
        c = t.activity_lead.c
        for month in self._months():
            ids: dict[str, list[str]] = defaultdict(list)
            query = sa.select(c.system, c.remote_id).where(c.month == month, c.hub_id == hub_id)
            for system, remote_id in self._c.execute(query):
                ids[system].append(remote_id)
            for system, some in sorted(ids.items()):
                yield month, system, list(self._held_of(system, month, some))

    # --- retention --------------------------------------------------------------------------------------------------

    def drop_activities(self, before: datetime) -> int:
        """Erase what happened before then: whole months at once, and of the month it falls in what is older. Returns
        how many there were."""
        month, m, w = month_of(before), t.activity_month.c, t.activity_waiting.c
        gone = [one for one in self._months() if one < month]
        count = int(
            self._c.execute(sa.select(sa.func.coalesce(sa.func.sum(m.count), 0)).where(m.month < month)).scalar_one()
        )
        for table in (t.activity, t.activity_lead):
            if self.engine.dialect.name == "postgresql":
                for one in gone:
                    self._c.exec_driver_sql(f"DROP TABLE {table.name}_{one:06}")
            else:
                self._c.execute(table.delete().where(table.c.month < month))
        self._c.execute(t.activity_waiting.delete().where(w.month < month))
        self._c.execute(t.activity_month.delete().where(m.month < month))
        c = t.activity.c
        older = sa.select(c.system, c.remote_id).where(c.month == month, c.at < before)
        systems: dict[str, list[str]] = defaultdict(list)
        for system, remote_id in self._c.execute(older):
            systems[system].append(remote_id)
        for system, ids in systems.items():
            self._remove(system, month, list(self._held_of(system, month, ids)))
            count += len(ids)
        return count


def _lower(addresses: Collection[str]) -> list[str]:
    return sorted({address.lower() for address in addresses})
