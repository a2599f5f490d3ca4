"""What happened: kept once, and given to those it is about once they are known. By lead: `lead_activities.py`.

The keys begin with the month, and on PostgreSQL every month is a partition: whatever is there already, a batch writes to
the pages of its own few months. Invariant: one row for each (system, remote id), that of its latest
version, in whatever order and however often activities come. Times are UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from state import tables as t
from state.bulk import Lookup, Row
from state.connection import Connected
from state.records import Activity

ACTIVITY = (
    "month", "system", "remote_id", "type", "at", "changed", "leads", "company_id", "deal_id", "owner_id", "rest",
    "run_id",
)  # fmt: skip
OF_LEAD = ("month", "hub_id", "at", "system", "remote_id", "type")
WAITING = ("system", "remote_id", "target", "ref", "hash", "month", "since")
"""Columns, in the order of the rows made here."""

_COLUMNS = {"company": "company_id", "deal": "deal_id", "owner": "owner_id"}
"""Kind -> where its hub id stands."""


class Ripe(NamedTuple):
    """What an activity waits for is known now."""

    remote_id: str
    month: int
    target: str
    ref: str
    hub_id: str


class Held(NamedTuple):
    """What is stored of an activity, as far as it must be known to change it. Times as the database has them."""

    remote_id: str
    month: int
    at: Any
    type: str
    leads: str


def month_of(at: datetime) -> int:
    return at.year * 100 + at.month


_c = t.activity.c
_month, _system = sa.bindparam("month", type_=sa.Integer), sa.bindparam("system", type_=sa.Text)
_version = sa.func.coalesce(_c.changed, _c.at)
HERE = Lookup(sa.select(_c.remote_id, _c.month, _version).where(_c.month == _month, _c.system == _system), _c.remote_id)
MOVED = Lookup(
    sa.select(_c.remote_id, _c.month, _version).where(
        _c.system == _system, sa.text(f"type IN {t.MOVABLE}")
    ),  # as the index says it
    _c.remote_id,
)
HELD = Lookup(
    sa.select(_c.remote_id, _c.month, _c.at, _c.type, _c.leads).where(_c.month == _month, _c.system == _system),
    _c.remote_id,
)


TOLD = Lookup(
    sa.select(_c.remote_id, _c.at, _c.type, _c.rest).where(_c.month == _month, _c.system == _system), _c.remote_id
)


class Activities(Connected):
    """The verbs over `activity` and its companions."""

    # --- keeping ----------------------------------------------------------------------------------------------------

    def keep_activities(
        self, system: str, activities: Sequence[Activity], run_id: str, at: datetime, *, anew: bool = False
    ) -> list[Activity]:
        """Store what is not known yet, or known in an earlier version only, or told otherwise in the same; `anew`: in the
        same version in any case, since what it refers to is told otherwise now. Returns what was stored."""
        newest: dict[str, tuple[Any, Activity]] = {}
        stored = self._stored
        for one in activities:
            version = stored(one.changed or one.at)
            other = newest.get(one.remote_id)
            if other is None or version >= other[0]:
                newest[one.remote_id] = version, one
        known = self._known_activities(system, [one for _, one in newest.values()])
        same = [one for version, one in newest.values() if (known.get(one.remote_id) or (0, None))[1] == version]
        otherwise = {one.remote_id for one in same} if anew else self._told_otherwise(system, known, same)
        fresh = [
            one
            for version, one in newest.values()
            if (was := known.get(one.remote_id)) is None or version > was[1] or one.remote_id in otherwise
        ]
        replaced = defaultdict(list)
        for one in fresh:
            if one.remote_id in known:
                replaced[known[one.remote_id][0]].append(one.remote_id)
        for month, ids in replaced.items():
            self._remove(system, month, list(self._held_of(system, month, ids)))
        self._insert_activities(system, fresh, run_id, at)
        return fresh

    def remove_activities(self, system: str, ids: Collection[str]) -> set[str]:
        """Erase what the system says was deleted there. Returns the leads to whom it had happened."""
        leads: set[str] = set()
        left = set(ids)
        for month in self._months():
            held = list(self._held_of(system, month, left)) if left else []
            self._remove(system, month, held)
            leads.update(lead for one in held for lead in one.leads.split())
            left.difference_update(one.remote_id for one in held)
        return leads

    def _insert_activities(self, system: str, fresh: Sequence[Activity], run_id: str, at: datetime) -> None:
        rows: list[Row] = []
        of_leads: list[Row] = []
        waiting: list[Row] = []
        stored, since = self._stored, self._stored(at)
        for remote_id, type_, when, changed, leads, company, deal, owner, rest, waits in fresh:
            month, happened = when.year * 100 + when.month, stored(when)
            later = stored(changed) if changed != when else None
            ids = leads[0] if len(leads) == 1 else " ".join(leads)
            rows.append((month, system, remote_id, type_, happened, later, ids, company, deal, owner, rest, run_id))
            for lead in leads:
                of_leads.append((month, lead, happened, system, remote_id, type_))
            for target, ref, hash_ in waits:
                waiting.append((system, remote_id, target, ref, hash_, month, since))
        rows.sort()  # in the order of the key: neighbours on a page are written together
        of_leads.sort()
        self._count_months(system, Counter(row[0] for row in rows))
        self._rows("insert_activities", t.activity.insert, ACTIVITY, rows)
        self._rows("insert_activity_leads", self._insert(t.activity_lead).on_conflict_do_nothing, OF_LEAD, of_leads)
        self._rows("insert_activity_waiting", t.activity_waiting.insert, WAITING, waiting)

    def _known_activities(self, system: str, activities: Sequence[Activity]) -> dict[str, tuple[int, Any]]:
        """Remote id -> the month that it lies in, and its version."""
        months: dict[int, list[str]] = defaultdict(list)
        for one in activities:
            months[one.at.year * 100 + one.at.month].append(one.remote_id)
        there = set(self._months())
        known: dict[str, tuple[int, Any]] = {}
        for month, ids in months.items():
            if month in there:
                for id_, _, version in HERE.rows(self._c, ids, month=month, system=system):
                    known[id_] = month, version
        movable = [one.remote_id for one in activities if one.type in t.MOVABLE and one.remote_id not in known]
        for id_, month, version in MOVED.rows(self._c, movable, system=system):
            known[id_] = month, version
        return known

    def _told_otherwise(self, system: str, known: Mapping[str, tuple[int, Any]], same: Sequence[Activity]) -> set[str]:
        """Those that have been edited twice within the second, or whatever the system's clock can tell apart, and were
        read in between. Only of what people enter by hand."""
        told = {one.remote_id: (self._stored(one.at), one.type, one.rest) for one in same if one.type in t.MOVABLE}
        months: dict[int, list[str]] = defaultdict(list)
        for id_ in told:
            months[known[id_][0]].append(id_)
        return {
            id_
            for month, ids in months.items()
            for id_, *content in TOLD.rows(self._c, ids, month=month, system=system)
            if tuple(content) != told[id_]
        }

    def _held_of(self, system: str, month: int, ids: Iterable[str]) -> Iterable[Held]:
        return (Held(*row) for row in HELD.rows(self._c, ids, month=month, system=system))

    def _remove(self, system: str, month: int, held: Sequence[Held]) -> None:
        if not held:
            return
        w = t.activity_waiting.c
        ids = [one.remote_id for one in held]
        self._drop_of_leads(system, [(month, lead, one) for one in held for lead in one.leads.split()])
        self._rows(
            "delete_activities",
            lambda: t.activity.delete().where(
                t.activity.c.month == sa.bindparam("_month"),
                t.activity.c.system == sa.bindparam("_system"),
                t.activity.c.remote_id == sa.bindparam("_id"),
            ),
            ("_month", "_system", "_id"),
            [(month, system, id_) for id_ in ids],
        )
        self._some(t.activity_waiting.delete().where(w.system == system), w.remote_id, ids)
        self._count_months(system, {month: -len(ids)})

    def _drop_of_leads(self, system: str, rows: Sequence[tuple[int, str, Held]]) -> None:
        c = t.activity_lead.c
        names = ("_month", "_hub", "_at", "_system", "_id")
        self._rows(
            "delete_activity_leads",
            lambda: t.activity_lead.delete().where(
                c.month == sa.bindparam("_month"),
                c.hub_id == sa.bindparam("_hub"),
                c.at == sa.bindparam("_at"),
                c.system == sa.bindparam("_system"),
                c.remote_id == sa.bindparam("_id"),
            ),
            names,
            [(month, lead, one.at, system, one.remote_id) for month, lead, one in rows],
        )

    # --- months -----------------------------------------------------------------------------------------------------

    def _months(self) -> list[int]:
        """Those that there are, newest first."""
        c = t.activity_month.c
        return [row[0] for row in self._c.execute(sa.select(c.month).distinct().order_by(c.month.desc()))]

    def _count_months(self, system: str, counts: Mapping[int, int]) -> None:
        """Make the months that are new, and note how many activities came or went."""
        if self.engine.dialect.name == "postgresql":
            there = set(self._months())
            for month in sorted(counts.keys() - there):
                self._make_partitions(month)
        insert = self._insert(t.activity_month)
        more = t.activity_month.c.count + insert.excluded.count
        statement = insert.on_conflict_do_update(index_elements=["month", "system"], set_={"count": more})
        self._many(statement, [{"month": m, "system": system, "count": n} for m, n in sorted(counts.items())])

    def _make_partitions(self, month: int) -> None:
        """Made beside the table and then attached: so nobody who reads or writes other months has to wait."""
        end = month + 1 if month % 100 < 12 else month + 89
        for table in (t.activity.name, t.activity_lead.name):
            name = f"{table}_{month:06}"
            self._c.exec_driver_sql(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
            self._c.exec_driver_sql(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({month}) TO ({end})")

    # --- what waits -------------------------------------------------------------------------------------------------

    def ripe_activities(self, system: str, limit: int) -> list[Ripe]:
        """Activities of which something that they wait for is known now. An address that several leads have is none."""
        w, link, key = t.activity_waiting.c, t.link.c, t.match_key.c
        ours = sa.and_(link.system == w.system, link.kind == w.target, link.remote_id == w.ref)
        by_id = (
            sa.select(w.remote_id, w.month, w.target, w.ref, link.hub_id)
            .join_from(t.activity_waiting, t.link, ours)
            .where(w.system == system)
            .limit(limit)
        )
        found = [Ripe(*row) for row in self._c.execute(by_id)]
        if len(found) < limit:
            columns = (w.remote_id, w.month, w.target, w.ref)
            by_address = (
                sa.select(*columns, sa.func.min(key.hub_id))
                .join_from(t.activity_waiting, t.match_key, key.hash == w.hash)
                .where(w.system == system)
                .group_by(*columns)
                .having(sa.func.count() == 1)
                .limit(limit - len(found))
            )
            found += [Ripe(*row) for row in self._c.execute(by_address)]
        return found

    def place_activities(self, system: str, ripe: Sequence[Ripe]) -> None:
        """Store whom these activities are about."""
        by_month: dict[int, dict[str, list[Ripe]]] = defaultdict(lambda: defaultdict(list))
        for one in ripe:
            by_month[one.month][one.remote_id].append(one)
        of_leads: list[Row] = []
        for month, found in by_month.items():
            changes: list[dict[str, Any]] = []
            for held in self._held_of(system, month, found):
                leads = list(dict.fromkeys(held.leads.split()))
                row: dict[str, Any] = {}
                for one in found[held.remote_id]:
                    if one.target in _COLUMNS:
                        row[_COLUMNS[one.target]] = one.hub_id
                    elif one.hub_id not in leads:
                        leads.append(one.hub_id)
                        of_leads.append((month, one.hub_id, held.at, system, held.remote_id, held.type))
                changes.append({"_id": held.remote_id, "leads": " ".join(leads), **row})
            self._change(system, month, changes)
        self._rows("insert_activity_leads", self._insert(t.activity_lead).on_conflict_do_nothing, OF_LEAD, of_leads)
        w = t.activity_waiting.c
        done = t.activity_waiting.delete().where(
            w.system == system, w.remote_id == sa.bindparam("_id"), w.target == sa.bindparam("_target"),
            w.ref == sa.bindparam("_ref"),
        )  # fmt: skip
        self._many(done, [{"_id": one.remote_id, "_target": one.target, "_ref": one.ref} for one in ripe])

    def _change(self, system: str, month: int, changes: Sequence[Mapping[str, Any]]) -> None:
        """One statement for all rows that change in the same columns."""
        c = t.activity.c
        one = t.activity.update().where(c.month == month, c.system == system, c.remote_id == sa.bindparam("_id"))
        alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
        for change in changes:
            alike[tuple(change)].append(change)
        for rows in alike.values():
            self._many(one, rows)

    def stop_waiting(self, before: datetime) -> int:
        """Activities that have waited since before then wait no longer; one that is about nobody we know goes. Returns
        how many wait no longer."""
        w, c = t.activity_waiting.c, t.activity.c
        old = self._c.execute(sa.select(w.system, w.month, w.remote_id).where(w.since < before).distinct()).all()
        places: dict[tuple[str, int], list[str]] = defaultdict(list)
        for system, month, remote_id in old:
            places[system, month].append(remote_id)
        self._c.execute(t.activity_waiting.delete().where(w.since < before))
        for (system, month), ids in places.items():
            nobody = sa.and_(c.leads == "", c.company_id.is_(None), c.deal_id.is_(None))
            query = sa.select(c.remote_id).where(c.month == month, c.system == system, nobody)
            found = {row[0] for row in self._c.execute(query.where(c.remote_id.in_(self._values(ids))))}
            self._remove(system, month, list(self._held_of(system, month, found)))
        return len(old)
