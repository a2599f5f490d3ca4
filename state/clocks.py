"""The clocks of the pact, the messages about them, and what of the history they are read from.

Not here: what a clock shows (`alignment.sla`), when a message is sent (`delivery`). Invariant: a message has one row by
its key, and moves to `sending` once: whoever moves it there, alone, may send it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from mapping.fields import Fields
from state import tables as t
from state.activities import month_of
from state.bulk import Lookup
from state.connection import Connected
from state.ids import new_id
from state.rows import dumps, loads

PLACE = {"system": "", "stream": "sla"}
"""Where the position of the last tick is kept, among the cursors."""

REPORT = "report"
"""The kind of a message that carries a report to one recipient: noted beside the alerts, sent by `delivery.reports`."""

OVERLAP = 200
"""Stage events that are looked at again: on PostgreSQL, one with a lower number may be committed later."""


@dataclass(slots=True)
class ClockRow:
    """One clock. Lengths are microseconds of business time."""

    hub_id: str
    clause: str
    started: datetime
    version: int
    segment: str
    owner: str
    team: str
    state: str
    allowed: int | None
    elapsed: int
    due: datetime | None
    look: datetime | None
    reminded: int
    breached_at: datetime | None
    stopped: datetime | None
    note: str

    @property
    def open(self) -> bool:
        return self.stopped is None and self.state != "cancelled"


@dataclass(slots=True)
class AlertRow:
    """One message. `state`: due, sending, sent, failed (will be tried again), dropped (will not), unknown (the process
    died while it was being sent)."""

    key: str
    kind: str
    hub_id: str | None
    clause: str | None
    started: datetime | None
    recipient: str
    channel: str
    at: datetime
    state: str = "due"
    tries: int = 0
    next_at: datetime | None = None
    sent_at: datetime | None = None
    error: str | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the last tick has seen: the number of a stage event, the id of a run; when it was, and by which rules."""

    event: int = 0
    run: str = ""
    at: datetime | None = None
    rules: str = ""


class MoveRow(NamedTuple):
    hub_id: str
    at: datetime
    new: str
    reason: str | None


class TouchRow(NamedTuple):
    hub_id: str
    at: datetime
    type: str
    system: str
    owner_id: str | None


_CLOCK = tuple(t.sla_clock.c[name] for name in ClockRow.__dataclass_fields__)
_ALERT = tuple(t.alert.c[name] for name in AlertRow.__dataclass_fields__)
_e, _l, _a, _h = t.stage_event.c, t.activity_lead.c, t.activity.c, t.hub.c
KEYS = Lookup(sa.select(t.alert.c.key), t.alert.c.key)
CLOCKS = Lookup(sa.select(*_CLOCK), t.sla_clock.c.hub_id)
MOVES = Lookup(sa.select(_e.id, _e.hub_id, _e.at, _e.new, _e.reason), _e.hub_id)
_same = sa.and_(_a.month == _l.month, _a.system == _l.system, _a.remote_id == _l.remote_id)
TOUCHED = Lookup(
    sa.select(_l.hub_id, _l.at, _l.type, _l.system, _a.owner_id)
    .join_from(t.activity_lead, t.activity, _same)
    .where(
        _l.month == sa.bindparam("month", type_=sa.Integer),
        _a.month == sa.bindparam("month", type_=sa.Integer),
        sa.text(f"activity_lead.type IN {t.TOUCHES}"),
    ),
    _l.hub_id,
)
MERGED = Lookup(sa.select(_h.id, _h.merged_into).where(_h.merged_into.is_not(None)), _h.merged_into)
LEADS = Lookup(sa.select(_h.id, _h.fields, _h.merged_into), _h.id)


class Clocks(Connected):
    """The verbs over `sla_version`, `sla_clock` and `alert`. `with` it, or close it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the pact ---------------------------------------------------------------------------------------------------

    def versions(self) -> dict[int, tuple[str, dict[str, Any]]]:
        """Version -> its hash and its text."""
        rows = self._c.execute(sa.select(t.sla_version).order_by(t.sla_version.c.version))
        return {row.version: (row.hash, loads(row.document)) for row in rows}

    def keep_version(self, version: int, hash_: str, document: Mapping[str, Any], at: datetime) -> None:
        row = {"version": version, "hash": hash_, "seen_at": at, "document": dumps(document)}
        self._c.execute(t.sla_version.insert(), [row])

    # --- what has happened since ------------------------------------------------------------------------------------

    def position(self) -> Position:
        c = t.cursor.c
        query = sa.select(c.value, c.saved_at).where(c.system == "", c.stream == PLACE["stream"])
        row = self._c.execute(query).first()
        if row is None:
            return Position()
        told = loads(row.value)
        return Position(told["event"], told["run"], row.saved_at, told["rules"])

    def save_position(self, position: Position) -> None:
        told = {"event": position.event, "run": position.run, "rules": position.rules}
        row = {**PLACE, "value": dumps(told), "saved_at": position.at}
        insert = self._insert(t.cursor)
        changed = {"value": insert.excluded.value, "saved_at": insert.excluded.saved_at}
        self._c.execute(insert.on_conflict_do_update(index_elements=["system", "stream"], set_=changed), [row])

    def touched(self, position: Position, since: datetime) -> tuple[set[str], int, str]:
        """Leads that have been moved or seen to after the position, by what happened at `since` or later; and the
        position's next event and run."""
        events = sa.select(_e.id, _e.hub_id).where(_e.id > position.event - OVERLAP, _e.at >= since)
        if position.event == 0:
            events = sa.select(_e.id, _e.hub_id).where(_e.at >= since)
        found, last = set(), position.event
        for number, hub_id in self._c.execute(events):
            found.add(hub_id)
            last = max(last, number)
        r = t.run.c
        run = self._c.execute(sa.select(r.id, r.ended).order_by(r.id.desc()).limit(2)).all()
        done = next((row.id for row in run if row.ended is not None or row is not run[0]), "")
        text = sa.text(f"type IN {t.TOUCHES}")  # as the index says it
        about = sa.select(_a.leads).where(_a.run_id > position.run, text, _a.at >= since)
        for (leads,) in self._c.execute(about):
            found.update(leads.split())
        return found, last, max(done, position.run)

    def due(self, now: datetime) -> set[str]:
        """Leads of whom some clock has something to say by now."""
        c = t.sla_clock.c
        return set(self._c.execute(sa.select(c.hub_id).where(c.look.is_not(None), c.look <= now)).scalars())

    def open_leads(self) -> set[str]:
        """Leads of whom some clock has not stopped."""
        c = t.sla_clock.c
        return set(self._c.execute(sa.select(c.hub_id).where(c.stopped.is_(None), c.state != "cancelled")).scalars())

    # --- what there is to know of some leads ------------------------------------------------------------------------

    def become(self, hub_ids: Iterable[str]) -> dict[str, Fields]:
        """The fields of these leads; of one that was merged into another, those of the other. Whoever is no lead any more
        is left out."""
        found: dict[str, Fields] = {}
        ids = set(hub_ids)
        while ids:
            rows = list(LEADS.rows(self._c, ids))
            found.update((id_, loads(fields)) for id_, fields, into in rows if into is None)
            ids = {into for _, _, into in rows if into is not None} - found.keys()
        return found

    def merged(self, hub_ids: Iterable[str]) -> dict[str, str]:
        """Hub records that were merged into one of these -> into which."""
        return dict(MERGED.rows(self._c, hub_ids))

    def moves(self, hub_ids: Collection[str]) -> list[MoveRow]:
        """In the order of their coming."""
        rows = sorted(MOVES.rows(self._c, hub_ids))
        return [MoveRow(hub, self._at(at), new, reason) for _, hub, at, new, reason in rows]

    def touches(self, hub_ids: Collection[str], since: datetime) -> list[TouchRow]:
        """What was done for these leads from the month of `since` on. One query a month."""
        c = t.activity_month.c
        months = self._c.execute(sa.select(c.month).distinct().where(c.month >= month_of(since))).scalars().all()
        found: list[TouchRow] = []
        for month in sorted(months):
            for hub, at, type_, system, owner in TOUCHED.rows(self._c, hub_ids, month=month):
                found.append(TouchRow(hub, self._at(at), type_, system, owner))
        return found

    def owners(self) -> dict[str, str]:
        """Hub id of each of the systems' users -> e-mail address, in small letters."""
        rows = self._c.execute(sa.select(_h.id, _h.fields).where(_h.kind == "owner", _h.merged_into.is_(None)))
        told = ((row.id, loads(row.fields).get("email")) for row in rows)
        return {id_: email.casefold() for id_, email in told if isinstance(email, str)}

    # --- clocks -----------------------------------------------------------------------------------------------------

    def clocks_of(self, hub_ids: Collection[str]) -> dict[str, list[ClockRow]]:
        found: dict[str, list[ClockRow]] = defaultdict(list)
        for row in CLOCKS.rows(self._c, hub_ids):
            found[row[0]].append(self._clock(row))
        return found

    def all_clocks(self, since: datetime | None = None, *, open_only: bool = False) -> list[ClockRow]:
        """Those that started at `since` or later; or those that have not stopped, the most urgent first."""
        c = t.sla_clock.c
        query = sa.select(*_CLOCK).order_by(c.due.is_(None), c.due, c.hub_id, c.clause)
        if since is not None:
            query = query.where(c.started >= since)
        if open_only:
            query = query.where(c.stopped.is_(None), c.state != "cancelled")
        return [ClockRow(*row) for row in self._c.execute(query)]

    def soonest(self, limit: int) -> list[ClockRow]:
        """Those that have not stopped and whose time is known, the most urgent first."""
        c = t.sla_clock.c
        query = sa.select(*_CLOCK).where(c.stopped.is_(None), c.due.is_not(None), c.state != "cancelled")
        return [ClockRow(*row) for row in self._c.execute(query.order_by(c.due).limit(limit))]

    def counted_open(self) -> dict[str, int]:
        """State (running, paused, breached) -> how many clocks have not stopped."""
        c = t.sla_clock.c
        query = sa.select(c.state, sa.func.count()).where(c.stopped.is_(None), c.state != "cancelled")
        return {state: int(count) for state, count in self._c.execute(query.group_by(c.state))}

    def save_clocks(self, rows: Sequence[ClockRow]) -> None:
        names = tuple(ClockRow.__dataclass_fields__)
        key, rest = names[:3], names[3:]

        def statement() -> Any:
            insert = self._insert(t.sla_clock)
            return insert.on_conflict_do_update(index_elements=key, set_={n: insert.excluded[n] for n in rest})

        times = {"started", "due", "look", "breached_at", "stopped"}
        told = [tuple(self._stored(getattr(r, n)) if n in times else getattr(r, n) for n in names) for r in rows]
        self._rows("save_clocks", statement, names, told)

    def _clock(self, row: Sequence[Any]) -> ClockRow:
        hub, clause, started, version, segment, owner, team, state, allowed, elapsed, due, look, told, broke, end, n = (
            row
        )
        read = self._read
        return ClockRow(
            hub, clause, self._at(started), version, segment, owner, team, state, allowed, elapsed, read(due),
            read(look), told, read(broke), read(end), n,
        )  # fmt: skip

    def _at(self, stored: Any) -> datetime:
        at = self._read(stored)
        assert at is not None
        return at

    # --- messages ---------------------------------------------------------------------------------------------------

    def intend(self, alerts: Sequence[AlertRow]) -> int:
        """Note messages to be sent, those that are not noted yet. Returns how many were new."""
        noted = {row[0] for row in KEYS.rows(self._c, [one.key for one in alerts])}
        names = tuple(AlertRow.__dataclass_fields__)
        fresh = {one.key: one for one in alerts if one.key not in noted}.values()
        rows = [{name: getattr(one, name) for name in names} | {"id": new_id()} for one in fresh]
        self._many(self._insert(t.alert).on_conflict_do_nothing(index_elements=["key"]), rows)
        return len(rows)

    def to_send(self, now: datetime) -> list[AlertRow]:
        """Oldest first."""
        c = t.alert.c
        ready = sa.and_(c.state.in_(("due", "failed")), c.next_at.is_not(None), c.next_at <= now)
        return [AlertRow(*row) for row in self._c.execute(sa.select(*_ALERT).where(ready).order_by(c.id))]

    def begin(self, alert: AlertRow) -> bool:
        """Move a message to `sending`. False where somebody else has."""
        c = t.alert.c
        mine = t.alert.update().where(c.id == alert.id, c.state == alert.state, c.tries == alert.tries)
        return self._c.execute(mine.values(state="sending", tries=alert.tries + 1)).rowcount == 1

    def settle(
        self, id_: str, state: str, *, error: str = "", at: datetime | None = None, next_at: datetime | None = None
    ) -> None:
        values = {"state": state, "error": error or None, "sent_at": at, "next_at": next_at}
        self._c.execute(t.alert.update().where(t.alert.c.id == id_).values(**values))

    def abandoned(self) -> int:
        """Messages that were being sent when the process died: nobody knows whether they went out, and they are not sent
        again. Returns how many."""
        c = t.alert.c
        lost = t.alert.update().where(c.state == "sending").values(state="unknown", next_at=None)
        return self._c.execute(lost).rowcount

    def alerts(self, *states: str, limit: int | None = None) -> list[AlertRow]:
        """Newest first."""
        c = t.alert.c
        query = sa.select(*_ALERT).where(c.kind != REPORT).order_by(c.id.desc()).limit(limit)
        return [AlertRow(*row) for row in self._c.execute(query.where(c.state.in_(states)) if states else query)]

    def keyed(self, keys: Iterable[str]) -> list[AlertRow]:
        """Those that are noted with these keys."""
        c = t.alert.c
        return [AlertRow(*row) for row in self._c.execute(sa.select(*_ALERT).where(c.key.in_(sorted(keys))))]

    def alerts_about(self, hub_ids: Collection[str]) -> list[AlertRow]:
        """Oldest first."""
        query = sa.select(*_ALERT).where(t.alert.c.hub_id.in_(sorted(hub_ids))).order_by(t.alert.c.id)
        return [AlertRow(*row) for row in self._c.execute(query)]

    def counted_alerts(self) -> dict[str, int]:
        """State -> how many; without those that carry a report."""
        c = t.alert.c
        mine = sa.select(c.state, sa.func.count()).where(c.kind != REPORT)
        rows = self._c.execute(mine.group_by(c.state))
        return {state: int(count) for state, count in rows}
