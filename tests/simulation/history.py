"""One random history: edits, disturbed runs, then quiet; and everything that must be true of it."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from connectors.memory import Vendor
from mapping.fields import Fields
from state import tables as t
from state.records import Hub
from state.store import Store
from sync.run import Options, preview, sync
from tests.simulation import erasing, happenings, kinds
from tests.simulation.world import CHANNELS, SYSTEMS, TEXTS, Crash, Edit, World, held_outs, norm, outs, tellings

CONFIRMED = Options(confirmed=True, batch=4)


class Broken(AssertionError):
    """An invariant does not hold. The message begins with its number in the design."""


def run(world: World, *, full: bool = False) -> None:
    store = world.store()
    try:
        asyncio.run(sync(world.rules, world.connectors(), store, clock=world.clock, options=Options(
            confirmed=True, batch=4, full=full, forget_key=erasing.KEY)))  # fmt: skip
    finally:
        store.close()


def history(seed: int, folder: Path, template: Path) -> None:
    """Raises Broken, with the seed and what happened."""
    some = random.Random(f"features {seed}")
    world = World(
        seed, folder, template, page_size=1 + seed % 5, around=seed % 2 == 1,
        archives=seed % 4 == 2 or (seed % 2 == 1 and some.random() < 0.3),
        activities=some.random() < 0.25, erasures=some.random() < 0.2,
    )  # fmt: skip
    try:
        _live(world)
    except AssertionError as broken:
        raise Broken(f"seed {seed}: {broken}\n" + "\n".join(world.log[-60:])) from None
    finally:
        world.close()


def _live(world: World) -> None:
    r = world.random
    before = _Quiet(world)
    world.populate()
    world.clock.tick(r.choice((0, 60)))  # old records are not read again by the overlap
    for _ in range(r.randrange(1, 4)):
        for vendor in world.vendors.values():  # seldom by chance alone: first somebody has to throw it there
            if any(row.deleted for row in vendor.rows.values()) and r.random() < 0.4:
                world.restore(vendor)
        for _ in range(r.randrange(0, 3)):
            for _ in range(r.randrange(0, 4)):
                world.agitate()
            _disturbed_run(world)
        for _ in range(r.randrange(0, 3)):
            world.agitate()
        if r.random() < 0.4:
            world.act()
            if r.random() < 0.5:
                _disturbed_run(world)
        if r.random() < 0.15:
            _dry_run(world)
        if world.erasures and r.random() < 0.5:
            erasing.erase(world, _disturbed_run)
        elif world.erased and r.random() < 0.8:
            erasing.let_in(world, r.choice(sorted(world.erased)))
            run(world, full=True)
        _settle(world)
        before.check(world)
        before = _Quiet(world)


def _disturbed_run(world: World) -> None:
    r = world.random
    world.steps, world.crash_at = 0, r.randrange(1, 60) if r.random() < 0.7 else None
    if r.random() < 0.3:
        world.crash_on = r.choice(("crm: answer", "mkt: answer", "sup: answer", "after commit"))
    world.agitation = r.choice((0, 0.05, 0.15))
    world.faults = r.choice((0, 0, 0.05))
    world.log.append("run")
    try:
        run(world, full=r.random() < 0.15)
    except Crash:
        pass
    finally:
        world.crash_at = world.crash_on = None
        world.agitation, world.faults, world.calm = 0, 0, True


def _settle(world: World) -> None:
    """Two quiet runs; the third moves nothing."""
    world.log.append("quiet")
    for _ in range(2):
        world.clock.tick(10)
        run(world)
    writes, hub = world.writes(), _hub(world)
    world.clock.tick(10)
    run(world)
    if world.writes() != writes:
        raise Broken("2: a quiet run still writes")
    if _hub(world) != hub:
        raise Broken("2: a quiet run still moves the hub")


def _dry_run(world: World) -> None:
    rows = {n: orjson.dumps({i: [x.fields, x.version] for i, x in v.rows.items()}) for n, v in world.vendors.items()}
    dump = _dump(world)
    store = world.store(dry=True)
    options = Options(dry=True, batch=4, forget_key=erasing.KEY)
    asyncio.run(preview(world.rules, world.connectors(), store, clock=world.clock, options=options))
    store.close()
    after = {n: orjson.dumps({i: [x.fields, x.version] for i, x in v.rows.items()}) for n, v in world.vendors.items()}
    if rows != after or _dump(world) != dump:
        raise Broken("12: a dry run wrote something")


class _Quiet:
    """The world at rest, to tell afterwards what people changed since."""

    def __init__(self, world: World) -> None:
        self.held = {
            (row.fields.get("email"), name, system): row.fields.get(name)
            for system, vendor in world.vendors.items()
            for row in vendor.live().values()
            for name in ("email", *TEXTS)
        }
        self.since = len(world.edits)
        self.outside: set[str] = set()
        self.changes = _last_change(world)
        self.hub = {lead.id: dict(lead.fields) for lead in _leads(world)}
        self.around = kinds.Rest(world) if world.around else None
        self.optouts = _opted_out(world)
        world.acts.clear()
        for vendor in world.vendors.values():
            outside = _outside(world, vendor.name, _leads(world))  # of an act these hear only once they are back
            late = outside | {id_ for id_, row in vendor.rows.items() if row.deleted}  # or out of the bin
            vendor.allowed = {(id_, out) for id_, out in vendor.allowed if id_ in late}

    def check(self, world: World) -> None:
        leads = _leads(world)
        for email in sorted(world.erased & {str(lead.fields.get("email")) for lead in leads}):
            raise Broken(f"18: {email} came back")
        by_email = {str(lead.fields.get("email")): lead for lead in leads}
        for email in sorted(world.ever_erased - world.erased - by_email.keys()):
            if any(_rows(vendor, email) for vendor in world.vendors.values()):
                raise Broken(f"18: {email} was let in again, and is not known")
        if len(by_email) != len(leads):
            raise Broken("5: two hub records for one person")
        edits = self._edits(world)
        gone = {(e.email, e.system) for e in world.edits if e.name == "*deleted"}
        self.outside = _ever_outside(world)
        for lead in leads:
            self._check_lead(world, lead, edits, gone)
        self._check_conflicts(world, edits, by_email)
        self._check_record(world, leads)
        _check_stages(world)
        for problem in self.around.problems(world, _hubs(world), self.outside) if self.around else ():
            raise Broken(problem)
        for problem in happenings.problems(world, _hubs(world)) if world.activities else ():
            raise Broken(problem)
        for vendor in world.vendors.values():
            if vendor.undone:
                raise Broken(f"13: an opt-out was undone in {vendor.name}")
        known = {out for out in self.optouts if out[0] in by_email and out[0] not in world.ever_erased}
        for email, channel, member in sorted(known - _opted_out(world) - world.acts):
            raise Broken(f"13: the hub forgot that {email} opted out of {channel} {member}")
        for lead in leads:
            self._check_consent(world, lead)

    def _check_consent(self, world: World, lead: Hub) -> None:
        """At rest every system shows what the hub has of it: an act has arrived, and nothing but an act. One whose rule
        the lead has left hears of opt-outs, and not of acts."""
        for name, vendor in world.vendors.items():
            for row in _rows(vendor, str(lead.fields.get("email"))):
                ours = {f"{CHANNELS[c]} {m}".strip() for c in CHANNELS for m in held_outs(lead.fields.get(c))}
                outside = not world.rules.mappers[name].sync_when(lead.fields)
                if outs(row) != ours and not (outside and outs(row) > ours):
                    raise Broken(f"1: {name} shows {outs(row)} of {lead.fields.get('email')}, the hub {ours}")

    def _edits(self, world: World) -> dict[tuple[str, str], dict[str, list[Edit]]]:
        """Per field, who left which value; back to the old value is no edit."""
        found: dict[tuple[str, str], dict[str, list[Edit]]] = defaultdict(lambda: defaultdict(list))
        gone = {(e.email, e.system) for e in world.edits if e.name == "*deleted"}
        for edit in world.edits[self.since :]:
            if edit.name in TEXTS:
                found[edit.email, edit.name][edit.system].append(edit)
        for (email, name), systems in found.items():
            if any((email, system) in gone for system in systems):
                systems.clear()  # whether it was read before it was deleted is anybody's guess
            for system, edits in list(systems.items()):
                if self.held.get((email, name, system)) == edits[-1].value:
                    systems.clear()
                    break
        return found

    def _check_lead(self, world: World, lead: Hub, edits: Any, gone: set[tuple[str, str]]) -> None:
        email = str(lead.fields.get("email"))
        for system, vendor in world.vendors.items():
            rows = _rows(vendor, email)
            link = lead.links.get(system)
            if link and link.state == "deleted" and link.remote_id in vendor.live():
                raise Broken(f"8: {link.remote_id} is there, and taken for deleted")
            if len(rows) > 1:
                raise Broken(f"5: {len(rows)} records of {email} in {system}")
            if not world.rules.mappers[system].sync_when(lead.fields):
                _check_outside(world, lead, system, gone)
                continue
            if not rows and (email, system) not in gone and lead.alive:
                raise Broken(f"1: {email} is missing in {system}")
            for row in rows:
                self._check_row(lead, system, row, edits)
        for name in TEXTS:
            value = lead.fields.get(name)
            written = {e.value for e in world.edits if e.email == email and e.name == name}
            if value is not None and not any(value in tellings(name, w) for w in written):
                raise Broken(f"4: nobody wrote {value!r} as {name} of {email}")
        _check_origin(world, lead)

    def _check_record(self, world: World, leads: list[Hub]) -> None:
        """Whatever moved in the hub since is on record, with its new value."""
        with world.engine.connect() as c:
            rows = c.execute(sa.select(t.change).where(t.change.c.id > self._after(world))).all()
        told = {
            (row.hub_id, name): change["new"]
            for row in rows
            for name, change in orjson.loads(row.detail or "{}").items()
            if isinstance(change, dict) and "new" in change
        }
        for lead in leads:
            for name, old in self.hub.get(lead.id, {}).items():
                now = lead.fields.get(name)
                if now != old and told.get((lead.id, name), old) != now:
                    raise Broken(f"14: {name} went from {old!r} to {now!r}, and nothing says why")

    def _after(self, world: World) -> int:
        """SQLite gives the numbers of rows that went with somebody who was forgotten to others."""
        return 0 if world.ever_erased else self.changes

    def _check_row(self, lead: Hub, system: str, row: dict[str, Any], edits: Any) -> None:
        email = str(lead.fields.get("email"))
        for name in TEXTS:
            hub, held = lead.fields.get(name), row.get(name)
            expected = None if hub is None else norm(system, name)(str(hub))
            if held not in (hub, expected):
                raise Broken(f"1: {system} has {held!r} as {name} of {email}, the hub {hub!r}")
            editors = edits.get((email, name))
            if editors and len(editors) == 1 and not (lead.id in self.outside and "mkt" in editors):
                [(editor, all_)] = editors.items()
                last = all_[-1].value
                if not all_[-1].calm and (name == "note" or any(e.value is None for e in all_)):
                    continue  # a write of ours crossed the edit: sup's echo of a note, or a blank filled again
                if last is None and name != "note":
                    continue  # a blank is no opinion here
                if held not in tellings(name, last):
                    raise Broken(f"3: {editor} set {name} of {email} to {last!r}, {system} has {held!r}")

    def _check_conflicts(self, world: World, edits: Any, by_email: dict[str, Hub]) -> None:
        """Two systems set a field to different things at rest: what lost is on record."""
        told = _told(world, self._after(world))
        for (email, name), editors in edits.items():
            lead = by_email.get(email)
            if lead is None or len(editors) < 2 or not all(e.calm for all_ in editors.values() for e in all_):
                continue
            hub = lead.fields.get(name)
            for system, all_ in editors.items():
                value = all_[-1].value
                if value is None or hub is None or value in (hub, norm(system, name)(str(hub))):
                    continue
                if system not in lead.links or lead.links[system].state != "live":
                    continue
                if not any(value in tellings(name, v) for v in told[lead.id, name]):
                    raise Broken(f"7: {system} said {value!r} as {name} of {email}, which nobody will ever hear of")


def _opted_out(world: World) -> set[tuple[str, str, str]]:
    """(e-mail, channel, list) of all that anybody has opted out of."""
    leads = _leads(world)
    return {(str(x.fields.get("email")), c, m) for x in leads for c in CHANNELS for m in held_outs(x.fields.get(c))}


def _outside(world: World, system: str, leads: list[Hub]) -> set[str]:
    """The records of leads that have left the rule of a system."""
    holds = world.rules.mappers[system].sync_when
    return {lead.links[system].remote_id for lead in leads if system in lead.links and not holds(lead.fields)}


def _ever_outside(world: World) -> set[str]:
    """Leads whom mkt was not told about for a while: what somebody typed there meanwhile was typed over an old value, so
    that it is a conflict with the newer one, and no lone edit."""
    with world.engine.connect() as c:
        rows = c.execute(sa.select(t.stage_event.c.hub_id).where(t.stage_event.c.new == "disqualified")).all()
    return {row.hub_id for row in rows} if world.archives else set()


def _check_outside(world: World, lead: Hub, system: str, gone: set[tuple[str, str]]) -> None:
    """What has left the rule of a system that archives is not there any more; and nobody is nowhere because of it."""
    link, mapper = lead.links.get(system), world.rules.mappers[system]
    others = [other for of, other in lead.links.items() if of != system and other.state == "live"]
    needed = any(  # what others there refer to stays
        lead.id in (hub.fields.get("contacts") or ()) and system in hub.links and hub.links[system].state == "live"  # type: ignore[operator]
        for hub in (_hubs(world) if world.around else ())
    )
    undecided = any(name in one.side.seen for one in lead.links.values() for name in mapper.ruled_by)
    if link and link.state == "live" and link.within == mapper.archives and others and not undecided and not needed:
        raise Broken(f"16: {lead.fields.get('email')} has left {system}, and is still there")
    if link and link.state == "archived" and link.remote_id in world.vendors[system].live():
        raise Broken(f"8: {link.remote_id} is there, and taken for archived")
    if not lead.alive and not any((str(lead.fields.get("email")), of) in gone for of in lead.links):
        raise Broken(f"16: {lead.fields.get('email')} was archived, and is nowhere now")


def _check_origin(world: World, lead: Hub) -> None:
    """Replay the record of changes: it must lead to what the hub holds."""
    with world.engine.connect() as c:
        rows = c.execute(sa.select(t.change).where(t.change.c.hub_id == lead.id).order_by(t.change.c.id)).all()
    if not any(row.kind == "created" for row in rows):
        raise Broken(f"14: no record of where {lead.id} came from")
    latest: Fields = {}
    for row in rows:
        for name, change in orjson.loads(row.detail or "{}").items():
            if isinstance(change, dict) and "new" in change:
                latest[name] = change["new"]
    for name, value in latest.items():
        if lead.fields.get(name) != value:
            raise Broken(f"14: {name} is {lead.fields.get(name)!r}, the record of changes says {value!r}")
    if not lead.origin.get("") and not all(name in lead.origin for name in lead.fields):
        raise Broken("14: a value without an origin")


def _check_stages(world: World) -> None:
    cycle = world.rules.lifecycle
    with world.engine.connect() as c:
        rows = c.execute(sa.select(t.stage_event).order_by(t.stage_event.c.id)).all()
    for row in rows:
        if not cycle.allowed(row.old, row.new):
            raise Broken(f"11: a lead went from {row.old} to {row.new}")
    newest = {row.hub_id: row.new for row in rows}
    last: dict[str, Any] = {}
    for row in rows:
        if row.at > world.clock() or (row.hub_id in last and row.at < last[row.hub_id]):
            raise Broken(f"11: {row.old} -> {row.new} at {row.at}, after {last.get(row.hub_id)}, now {world.clock()}")
        if (row.dated == "run") != (row.noted is None) or (row.noted is not None and row.noted < row.at):
            raise Broken(f"11: a {row.dated} event of {row.at} was noted at {row.noted}")
        last[row.hub_id] = row.at
    for lead in _leads(world):
        if lead.fields.get("stage") != newest.get(lead.id):
            raise Broken(f"11: stage {lead.fields.get('stage')} without an event")


def _told(world: World, after: int) -> dict[tuple[str, str], set[Any]]:
    """Every value that the record of changes mentions since, by lead and field."""
    told: dict[tuple[str, str], set[Any]] = defaultdict(set)
    with world.engine.connect() as c:
        rows = c.execute(sa.select(t.change).where(t.change.c.id > after)).all()
    for row in rows:
        for name, change in orjson.loads(row.detail or "{}").items():
            if isinstance(change, dict):
                values = [change.get("old"), change.get("new"), *change.get("claims", {}).values()]
                told[row.hub_id, name] |= {v for v in values if not isinstance(v, list)}
    return told


def _rows(vendor: Vendor, email: str) -> list[dict[str, Any]]:
    return [row.fields for row in vendor.live().values() if row.fields.get("email") == email]


def _last_change(world: World) -> int:
    with world.engine.connect() as c:
        return int(c.execute(sa.select(sa.func.coalesce(sa.func.max(t.change.c.id), 0))).scalar_one())


def _leads(world: World) -> list[Hub]:
    return [hub for hub in _hubs(world) if hub.kind == "lead"]


def _hubs(world: World) -> list[Hub]:
    """Of every kind."""
    store = Store(world.engine)
    with world.engine.connect() as c:
        ids = [row.id for row in c.execute(sa.select(t.hub.c.id))]
    hubs = list(store.hubs(ids).values())
    store.close()
    return hubs


def _hub(world: World) -> Any:
    return sorted(
        (
            lead.id,
            sorted(lead.fields.items()),
            [(s, link.remote_id, link.state) for s, link in sorted(lead.links.items())],
        )
        for lead in _hubs(world)
    )


def hub_values(world: World) -> Any:
    """What the hub holds, by e-mail, ids aside."""
    return {str(lead.fields.get("email")): dict(sorted(lead.fields.items())) for lead in _leads(world)}


def _dump(world: World) -> Any:
    with world.engine.connect() as c:
        return {table.name: c.execute(sa.select(table)).all() for table in t.metadata.sorted_tables}


__all__ = ["SYSTEMS", "Broken", "history", "hub_values", "run"]
