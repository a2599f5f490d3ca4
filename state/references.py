"""What hub records say of each other, asked from either end, and the records that wait for one they refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from mapping.fields import Fields, Kind
from state import tables as t
from state.bulk import Lookup, Query
from state.connection import Connected
from state.records import Waiting
from state.rows import loads


class Referrer(NamedTuple):
    """A hub record that refers to `target_id` in its `field`, and that some system still has."""

    target_id: str
    kind: Kind
    field: str
    fields: Fields


_LIVE = t.link.c.state == "live"
REFERRERS = Lookup(
    sa.select(t.reference.c.target_id, t.hub.c.kind, t.reference.c.field, t.hub.c.fields)
    .join_from(t.reference, t.hub, t.hub.c.id == t.reference.c.hub_id)
    .where(t.hub.c.merged_into.is_(None), sa.exists().where(t.link.c.hub_id == t.hub.c.id, _LIVE))
    .order_by(t.reference.c.target_id, t.reference.c.hub_id),
    t.reference.c.target_id,
)
LIVING = Lookup(sa.select(t.link.c.system, t.link.c.hub_id).where(_LIVE), t.link.c.hub_id)
NAMES = Lookup(
    sa.select(t.link.c.hub_id, t.link.c.remote_id).where(t.link.c.system == sa.bindparam("system"), _LIVE),
    t.link.c.hub_id,
)


HEIRS = Lookup(sa.select(t.hub.c.id, t.hub.c.merged_into).where(t.hub.c.merged_into.is_not(None)), t.hub.c.id)


ALL_NAMES = Lookup(sa.select(t.link.c.hub_id, t.link.c.system, t.link.c.remote_id), t.link.c.hub_id)


_waits, _link = t.waiting.c, t.link.c
RIPE = Query(
    sa.select(_waits.remote_id)
    .where(
        _waits.system == sa.bindparam("system"),
        _waits.kind == sa.bindparam("kind"),
        sa.exists().where(
            _link.system == _waits.system,
            _link.kind == _waits.target_kind,
            _link.remote_id == _waits.target_remote_id,
        ),
    )
    .distinct()
)

CLOSED = ("won", "lost")
"""Stages of a deal about which nothing is left to do."""


class References(Connected):
    """The verbs over `reference` and `waiting`."""

    def refer(self, hub_ids: Collection[str], rows: Sequence[tuple[str, str, str]]) -> None:
        """What these hub records refer to from now on, as (hub id, field, target id)."""
        self._some(t.reference.delete(), t.reference.c.hub_id, hub_ids)
        if rows:
            self._c.execute(
                t.reference.insert(), [{"hub_id": h, "field": f, "target_id": target} for h, f, target in rows]
            )

    def touch_targets(self, hub_ids: Collection[str], fields: Collection[str]) -> None:
        """Mark what these hub records refer to in these fields: what is summed up there may be another thing now."""
        c = t.reference.c
        targets = sa.select(c.target_id).where(c.hub_id.in_(self._values(hub_ids)), c.field.in_(sorted(fields)))
        self._c.execute(t.hub.update().where(t.hub.c.id.in_(targets)).values(touched=1))

    def flag_referrers(self, hub_ids: Collection[str]) -> None:
        """Some system may now be told of these hub records by those that refer to them."""
        if not hub_ids:
            return
        c = t.reference.c
        referrers = sa.select(c.hub_id).where(c.target_id.in_(self._values(hub_ids)))
        self._c.execute(t.hub.update().where(t.hub.c.id.in_(referrers)).values(dirty=1))

    def referrers(self, target_ids: Iterable[str]) -> Iterator[Referrer]:
        """Everything alive that refers to these hub records."""
        rows = REFERRERS.rows(self._c, set(target_ids))
        return (Referrer(target, kind, field, loads(fields)) for target, kind, field, fields in rows)

    def living(self, hub_ids: Iterable[str]) -> set[tuple[str, str]]:
        """(system, hub id) wherever one of these hub records has a live record."""
        return {(system, hub_id) for system, hub_id in LIVING.rows(self._c, set(hub_ids))}

    def known_by(self, hub_ids: Iterable[str]) -> dict[str, str]:
        """What each of these hub records is called outside of here: the first of its records, by system and id."""
        found: dict[str, str] = {}
        for hub_id, system, remote_id in ALL_NAMES.rows(self._c, set(hub_ids)):
            name = f"{system}:{remote_id}"
            found[hub_id] = min(name, found.get(hub_id, name))
        return found

    def depended_on(self, system: str, hub_ids: Collection[str]) -> set[str]:
        """Those of these hub records that others refer to which have a live record in this system."""
        c, link = t.reference.c, t.link.c
        live = sa.exists().where(link.hub_id == c.hub_id, link.system == system, link.state == "live")
        query = sa.select(c.target_id).where(c.target_id.in_(self._values(hub_ids)), live).distinct()
        return {row.target_id for row in self._c.execute(query)}

    def names_of(self, system: str, hub_ids: Iterable[str]) -> dict[str, str]:
        """Hub id -> the id of its live record in this system."""
        return dict(NAMES.rows(self._c, set(hub_ids), system=system))

    def referring(self, target_id: str) -> list[str]:
        """Everything that refers to this hub record."""
        c = t.reference.c
        return sorted({row.hub_id for row in self._c.execute(sa.select(c.hub_id).where(c.target_id == target_id))})

    def owned(self, target_id: str, fields: Collection[str], systems: Collection[str]) -> list[str]:
        """Ids of the hub records of this kind that name the target in one of these fields and have a live record in one
        of these systems. A deal that is won or lost is nobody's work any more, and left out."""
        c, hub, link = t.reference.c, t.hub.c, t.link.c
        there = sa.exists().where(link.hub_id == hub.id, link.system.in_(sorted(systems)), link.state == "live")
        query = (
            sa.select(hub.id)
            .join_from(t.reference, t.hub, hub.id == c.hub_id)
            .where(c.target_id == target_id, c.field.in_(sorted(fields)), hub.kind == self.kind)
            .where(hub.merged_into.is_(None), there)
        )
        if self.kind == "deal":
            query = query.where(sa.or_(hub.stage.is_(None), hub.stage.not_in(CLOSED)))
        return [row.id for row in self._c.execute(query.distinct().order_by(hub.id))]

    def adopt(self, loser_id: str, winner_id: str) -> None:
        """What was part of the loser is part of the winner now, without a step between."""
        c = t.hub.c
        self._c.execute(t.hub.update().where(c.merged_into == loser_id).values(merged_into=winner_id))

    def heirs(self, hub_ids: Iterable[str]) -> dict[str, str]:
        """Hub id -> the one that it has become part of, for those that have."""
        return dict(HEIRS.rows(self._c, set(hub_ids)))

    def wait(self, system: str, remote_ids: Collection[str], rows: Sequence[Waiting]) -> None:
        """What these records wait for from now on."""
        c = t.waiting.c
        self._some(t.waiting.delete().where(c.system == system, c.kind == self.kind), c.remote_id, remote_ids)
        if rows:
            self._c.execute(t.waiting.insert(), [row._asdict() for row in rows])

    def ripe(self, system: str) -> list[str]:
        """Ids of the records that wait no longer: what they refer to has a hub record now."""
        return sorted(row[0] for row in RIPE.rows(self._c, system=system, kind=self.kind))
