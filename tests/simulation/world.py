"""A world to simulate: three systems with lossy fields, people who edit at any moment, faults, and crashes.

Everything is drawn from one seeded `random.Random`; the clock is logical. The engine is the real one, over a real
SQLite file; only the vendors are in memory.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connectors.base import Capabilities, Kind
from connectors.errors import Misconfigured, Unavailable
from connectors.memory import LogicalClock, Memory, Vendor
from mapping.conditions import Condition, predicate
from mapping.fields import Fields, Policy, Value
from mapping.lifecycle import Lifecycle
from mapping.mapper import FieldMap, Mapper
from mapping.rules import Rules
from state import tables as t
from state.database import open_database
from state.records import Hub
from state.store import Store
from sync.acts import Act, record
from tests.simulation import happenings, kinds

SYSTEMS = ("crm", "mkt", "sup")
TEXTS = ("name", "phone", "title", "note")
NORMS: dict[str, dict[str, Callable[[str], str]]] = {
    "mkt": {},
    "crm": {"phone": str.upper, "title": lambda v: v[:3]},
    "sup": {"phone": str.lower},
}
STAGES = {
    "mkt": {"lead": "lead", "mql": "mql", "sal": "mql", "sql": "sql", "customer": "customer", "disqualified": "other"},
    "crm": {
        "lead": "new",
        "mql": "new",
        "sal": "accepted",
        "sql": "qualified",
        "customer": "won",
        "disqualified": "dead",
    },
    "sup": {"lead": "lead", "mql": "lead", "sal": "lead", "sql": "lead", "customer": "client", "disqualified": "no"},
}
SINCE = {stage: f"since_{stage}" for stage in ("lead", "mql", "sql", "customer")}
"""When mkt says that its stages were entered; not always by a clock."""
TAGS = ("a", "b", "c", "d")
CHANNELS = {"opted_out": "optout", "sms_opted_out": "nosms", "left": "left"}
"""What somebody opts out of, and how every system calls it; `left` holds the lists that they have left."""
LISTS = ("news", "fairs")


COMPILED: dict[Any, Any] = {}
DIALECTS: list[Any] = []
BULK: dict[str, dict[str, Any]] = {}
"""Statements compiled once for all worlds, which share a dialect for that: by it they are found again."""


class Crash(Exception):
    """The process died here."""


UNDECLARED: dict[str, dict[str, Callable[[str], str]]] = {"sup": {"note": str.lower}}
"""What a system does to values without telling: only its answers show it."""


async def _forbidden(point: str) -> None:
    raise Misconfigured(f"{point}: no right to")


def norm(system: str, name: str) -> Callable[[str], str]:
    return NORMS[system].get(name) or UNDECLARED.get(system, {}).get(name) or (lambda v: v)


def tellings(name: str, value: Any) -> set[Any]:
    """Everything that some system makes of a value."""
    return {value} if value is None else {value, *(norm(system, name)(value) for system in SYSTEMS)}


LIFECYCLE = Lifecycle(ladder=("lead", "mql", "sal", "sql", "customer"), side={"disqualified": ("lead", "customer")})
STAYS_IN = Condition.model_validate({"not": {"stage": "disqualified"}})
"""The rule of mkt in a world that archives what leaves."""


def rules(
    policies: Mapping[str, Policy] | None = None,
    *,
    around: bool = False,
    follow: bool = False,
    archives: bool = False,
    activities: bool = False,
) -> Rules:
    """`around`: with the companies and deals of `kinds`. `archives`: mkt archives whoever is disqualified. `activities`:
    those of `happenings` are read and counted."""
    return Rules(
        {system: _mapper(system, around, archives and system == "mkt") for system in SYSTEMS},
        policies={
            **{name: Policy("prefer", ("crm", "mkt", "sup")) for name in ("email", *TEXTS)},
            "stage": Policy("furthest", ("crm", "mkt", "sup")),
            "opted_out": Policy("opt_out_wins", ("crm", "mkt", "sup")),
            "sms_opted_out": Policy("opt_out_wins", ("crm", "mkt", "sup")),
            "left": Policy("opt_out_wins", ("crm", "mkt", "sup")),
            "tags": Policy("union", ("crm", "mkt", "sup")),
            "employer": Policy("prefer", ("crm", "mkt")),
            **(policies or {}),
        },
        lifecycle=LIFECYCLE,
        derive=_derive,
        hash="simulation",
        **({"others": kinds.others({}, follow=follow), "promote": kinds.promote} if around else {}),
        rollups=(*(kinds.ROLLUPS if around else ()), *(happenings.ROLLUPS if activities else ())),
        activities=frozenset(happenings.SYSTEMS) if activities else frozenset(),
        referred=around,
    )


def _derive(hub: Fields) -> Fields:
    return {"score": 10 * sum(hub.get(name) is not None for name in TEXTS)}


def _mapper(system: str, around: bool, archives: bool) -> Mapper:
    maps = [
        FieldMap(name, name, _text, _encode(NORMS[system].get(name) or (lambda v: v)), clears=name == "note", spec=name)
        for name in ("email", *TEXTS)
    ]
    words = STAGES[system]
    stages: dict[str, str] = {}
    for stage, word in words.items():
        stages.setdefault(word, stage)
    maps += [
        FieldMap("stage", "status", lambda v: stages[v] if v else None, lambda v: words[str(v)]),
        FieldMap("opted_out", "optout", lambda v: v, lambda v: v),
        FieldMap("sms_opted_out", "nosms", lambda v: v, lambda v: v),
        FieldMap("left", "left", lambda v: sorted(v) or None if v else None, lambda v: v),
        FieldMap("tags", "tags", lambda v: sorted(v) or None if v else None, lambda v: v),
        FieldMap("score", "score", lambda v: v, lambda v: v, pull=False),
    ]
    if around and system in kinds.SYSTEMS:
        maps.append(kinds.reference("employer", "company"))
    match = () if system == "sup" else (("email",),)  # sup shows no natural key: only our id finds its records again
    consent = {name: name for name in CHANNELS}
    dates = SINCE if system == "mkt" else {}
    if not archives:
        return Mapper(system, maps, match=match, id_field="ext", consent=consent, entered=dates)
    holds = predicate(STAYS_IN, LIFECYCLE)
    asks = {"sync_when": STAYS_IN}
    return Mapper(
        system, maps, match=match, id_field="ext", consent=consent, sync_when=holds, asks=asks, archives=b"the rule",
        entered=dates,
    )  # fmt: skip


def _text(value: Any) -> Value:
    return value or None


def _encode(change: Callable[[str], str]) -> Callable[[Value], Any]:
    return lambda value: change(str(value))


@dataclass
class Edit:
    """Somebody wrote this. `calm`: between runs, so that no push of ours could cross it unseen."""

    email: str
    name: str
    system: str
    value: Any
    calm: bool


@dataclass
class SimVendor(Vendor):
    """Knows which writes are ours, and never lets one undo an opt-out unnoticed, unless an act allows it: once."""

    undone: list[str] = field(default_factory=list)
    allowed: set[tuple[str, str]] = field(default_factory=set)
    """(record, opt-out) that people have taken back by an act, and that we have yet to be seen taking back"""
    on_delete: Callable[[str], None] = lambda id_: None
    on_erase: Callable[[str], None] = lambda id_: None
    """What else the system does when a record goes: nothing names it any more."""

    def delete(self, id_: str) -> None:
        super().delete(id_)
        self.on_delete(id_)

    def erase(self, id_: str) -> None:
        kept = self.follow(id_)
        mine = [other for other in self.rows if self.follow(other) == kept]
        super().erase(id_)
        for other in mine:
            self.on_erase(other)

    def convert(self, id_: str) -> str:
        heir = super().convert(id_)
        self.allowed |= {(heir, out) for row, out in self.allowed if row == id_}
        return heir

    def edit(self, id_: str, fields: Mapping[str, Any]) -> None:
        """Somebody types this."""
        super().update(id_, self.dated(fields))

    def create(self, fields: Mapping[str, Any]) -> str:
        return super().create(self.held(fields))

    def held(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What the system makes of values on its own account; the mapping knows nothing of it."""
        change = UNDECLARED.get(self.name, {})
        return self.dated({n: change[n](v) if n in change and isinstance(v, str) else v for n, v in fields.items()})

    def dated(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """mkt keeps the time at which each stage was set: most often the right one."""
        stage = fields.get("status")
        if self.name != "mkt" or not stage:
            return dict(fields)
        now = self.clock()
        told = (
            now.isoformat(), now.isoformat(), f"{now:%Y-%m-%d}", str(int(now.timestamp() * 1000)),
            (now - timedelta(hours=5)).isoformat(), "2099-01-01T00:00:00Z", "1970-01-01", "soon",
        )  # fmt: skip
        return {**fields, f"since_{stage}": told[int(now.timestamp()) % len(told)]}

    def update(self, id_: str, fields: Mapping[str, Any]) -> None:
        row = self.rows.get(id_)
        before = outs(row.fields) if row else set()
        super().update(id_, self.held(fields))
        for out in sorted(before - outs(self.rows[id_].fields)):
            if (id_, out) not in self.allowed:
                self.undone.append(f"{out} of {id_}")
            self.allowed.discard((id_, out))


def outs(fields: Mapping[str, Any]) -> set[str]:
    """All that somebody has opted out of, in the systems' words."""
    return {n for n in ("optout", "nosms") if fields.get(n) is True} | {f"left {m}" for m in fields.get("left") or ()}


@dataclass
class World:
    seed: int
    folder: Path
    template: Path
    page_size: int = 3
    rules: Rules = field(default_factory=rules)
    trouble: bool = True
    around: bool = False
    """With companies and deals."""
    archives: bool = False
    """mkt archives what leaves its rule."""
    activities: bool = False
    """With what happens to leads in crm and mkt."""
    erasures: bool = False
    """With people who ask to be forgotten."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.clock = LogicalClock()
        self.pace = self.random.choice((0.05, 0.3, 0.5))
        self.vendors: dict[str, SimVendor] = {}
        for name in SYSTEMS:
            vendor = SimVendor(name, unique=frozenset({"ext"}), clock=self.clock)
            self.vendors[name] = vendor
            siblings: list[Kind] = []
            siblings += ["company", "deal"] if self.around and name in kinds.SYSTEMS else []
            siblings += ["activity"] if self.activities and name in happenings.SYSTEMS else []
            vendor.siblings = {
                kind: SimVendor(name, unique=frozenset({"ext"}), clock=self.clock, kind=kind) for kind in siblings
            }
            vendor.on_delete = partial(self._deleted_by, name)
            vendor.on_erase = partial(self._forgotten_by, name)
        if self.archives or self.around or self.activities:
            self.rules = rules(
                around=self.around,
                follow=self.around and self.seed % 4 == 3,
                archives=self.archives,
                activities=self.activities,
            )
        if self.around:
            for name, kind in itertools.product(kinds.SYSTEMS, kinds.SHAPES):
                self.of(name, kind).refuse = kinds.dangling(self, name, kind)
        self.gone: set[tuple[str, str, str]] = set()
        self.path = self.folder / f"{self.seed}.sqlite"
        shutil.copy(self.template, self.path)
        engine = open_database(f"sqlite:///{self.path}", migrate=False)
        DIALECTS.append(engine.dialect)
        engine.dialect = engine.pool._dialect = DIALECTS[0]
        del DIALECTS[1:]
        self.engine = engine.execution_options(compiled_cache=COMPILED)
        sa.event.listen(self.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
        self.acts: set[tuple[str, str, str]] = set()
        """(e-mail, channel, list) that an act has opened since the world was last at rest"""
        self.ever_erased: set[str] = set()
        """The same, and those who have been let in again"""
        self.erased: set[str] = set()
        """E-mail addresses of those who were forgotten, or are about to be, and not let in again"""
        self.edits: list[Edit] = []
        self.steps = 0
        self.crash_at: int | None = None
        self.crash_on: str | None = None  # at the first step of this name, which chance alone seldom hits
        self.calm = True
        self.agitation = 0.0
        self.faults = 0.0
        self.log: list[str] = []
        self.broken: tuple[str, Kind] | None = None
        """Records of this kind in this system may not be read."""

    # --- what the engine sees -------------------------------------------------------------------------------------

    def connectors(self, systems: Collection[str] = SYSTEMS) -> dict[str, Memory]:
        can = Capabilities(
            tombstones=True,
            upsert_keys=frozenset({"*"}),
            answers_values=True,
            appends=True,
            write_batch=self.random.choice((1, 2, 50)),
            overlap=timedelta(seconds=2),
            archive=True,
            erase=True,
        )
        found = {
            s: Memory(self.vendors[s], page_size=self.page_size, can=can, hook=self.step)
            for s in SYSTEMS
            if s in systems
        }
        if self.broken:
            found[self.broken[0]].of(self.broken[1]).hook = _forbidden
        return found

    def store(self, *, dry: bool = False) -> Store:
        return SimStore(self, dry=dry)

    async def step(self, point: str) -> None:
        self.pause(point)
        if self.random.random() < self.faults:
            self.log.append(f"fault at {point}")
            raise Unavailable(f"{point} failed", sent="answer" in point)

    def pause(self, point: str) -> None:
        """One step: time passes, people edit, and perhaps the process dies."""
        self.steps += 1
        self.clock.tick(self.random.random() < self.pace)
        if self.random.random() < self.agitation:
            self.calm = False
            self.agitate()
        if self.crash_on and self.crash_on in point:
            self.crash_at, self.crash_on = self.steps, None
        if self.crash_at == self.steps:
            self.log.append(f"crash at {point}")
            raise Crash(point)

    def of(self, system: str, kind: Kind) -> SimVendor:
        vendor = self.vendors[system]
        return vendor if kind == "lead" else vendor.siblings[kind]  # type: ignore[return-value]

    # --- what people do -------------------------------------------------------------------------------------------

    def agitate(self) -> None:
        r = self.random
        if self.around and r.random() < 0.5:
            kinds.agitate(self)
            self.clock.tick(r.random() < self.pace)
            return
        if self.activities and r.random() < 0.3:
            happenings.agitate(self)
            self.clock.tick(r.random() < self.pace)
            return
        vendor = self.vendors[r.choice(SYSTEMS)]
        live = vendor.live()
        chance = r.random()
        if not live or chance < 0.15:
            self._create(vendor)
        elif chance < 0.18 and self.trouble:
            self._delete(vendor, r.choice(sorted(live)))
        elif chance < 0.22 and self.trouble:
            id_ = r.choice(sorted(live))
            heir = vendor.convert(id_)
            self.log.append(f"{vendor.name}: {id_} becomes {heir}")
            self.repoint(vendor.name, id_, heir)
        elif chance < 0.27 and self.trouble:
            self.restore(vendor)
        else:
            self.edit(vendor.name, r.choice(sorted(live)), *self._new_value(vendor))
        self.clock.tick(r.random() < self.pace)

    def edit(self, system: str, id_: str, name: str, value: Any) -> None:
        vendor = self.vendors[system]
        row = vendor.rows[id_]
        if row.fields.get(name) == value:
            return
        if any(of == id_ and out.split()[0] == name for of, out in vendor.allowed):
            return  # nobody can tell an opt-out that is taken back and made anew from one that stood all along
        Vendor.update(vendor, id_, vendor.held({name: value}))
        self.note(row.fields.get("email", ""), name, system, row.fields[name])

    def note(self, email: str, name: str, system: str, value: Any) -> None:
        self.edits.append(Edit(email, name, system, value, self.calm))
        self.log.append(f"{system}: {email}.{name} = {value!r}")

    def act(self) -> None:
        """Somebody tells a person that they opt in again, and the person records it."""
        leads = [hub for hub in hubs_of(self) if not hub.merged_into and hub.alive]
        open_ = [(hub, c, m) for hub in leads for c in CHANNELS for m in held_outs(hub.fields.get(c))]
        if not open_:
            return
        hub, channel, member = self.random.choice(sorted(open_, key=lambda one: (one[0].id, *one[1:])))
        store = Store(self.engine)
        act = Act(channel, False, "Ann", "on the phone", member)
        record(store, self.rules, hub, act, self.clock())
        store.commit()
        store.close()
        out = f"{CHANNELS[channel]} {member}".strip()
        self.log.append(f"act: {hub.fields.get('email')} {out}")
        self.acts.add((str(hub.fields.get("email")), channel, member))
        for vendor in self.vendors.values():  # also where a record was made of which no answer has been stored
            rows = [(i, row) for i, row in vendor.rows.items() if not row.became]  # what lies in the bin may be back
            mine = [i for i, row in rows if row.fields.get("email") == hub.fields.get("email")]
            vendor.allowed |= {(id_, out) for id_ in mine if out in outs(vendor.rows[id_].fields)}

    def text(self) -> str:
        return self.random.choice(("Al", "bO", "cArOl", "Dd", "eVe", "Fay", "gUs")) + str(self.random.randrange(1000))

    def _new_value(self, vendor: SimVendor) -> tuple[str, Any]:
        r = self.random
        name = r.choice((*TEXTS, "status", "optout", "tags", "nosms", "left"))
        if name == "status":
            return name, r.choice(sorted(set(STAGES[vendor.name].values())))
        if name in ("optout", "nosms"):
            return name, r.random() < 0.5
        if name == "left":
            return name, sorted(m for m in LISTS if r.random() < 0.5) or None
        if name == "tags":
            return name, sorted(t for t in TAGS if r.random() < 0.5) or None
        if r.random() < 0.08:
            return name, None
        return name, norm(vendor.name, name)(self.text())

    def populate(self) -> None:
        """The world before us: people whom both tools know already, and not by the same values."""
        for email in (f"u{n}@x" for n in range(4)):
            for name in ("crm", "mkt"):
                if self.random.random() < 0.4:
                    self._person(self.vendors[name], email)

    def _create(self, vendor: SimVendor) -> None:
        if vendor.name == "sup":
            return
        email = f"u{self.random.randrange(6)}@x"
        if email in self.erased:
            return
        if not any(row.fields.get("email") == email for v in self.vendors.values() for row in v.rows.values()):
            self._person(vendor, email)

    def _person(self, vendor: SimVendor, email: str) -> None:
        values = {"email": email, **{n: norm(vendor.name, n)(self.text()) for n in TEXTS if self.random.random() < 0.8}}
        if self.random.random() < 0.5:
            values["status"] = self.random.choice(sorted(set(STAGES[vendor.name].values())))
        vendor.create(values)
        for name, value in values.items():
            self.note(email, name, vendor.name, value)

    def _delete(self, vendor: SimVendor, id_: str) -> None:
        self.log.append(f"{vendor.name}: delete {id_}")
        self.edits.append(Edit(vendor.rows[id_].fields.get("email", ""), "*deleted", vendor.name, None, self.calm))
        vendor.delete(id_)

    def _deleted_by(self, system: str, id_: str) -> None:
        """By a person, or by us: then it lies in the bin, and nothing names it."""
        self.gone.add(("lead", str(self.vendors[system].rows[id_].fields.get("email")), system))
        if self.around and system in kinds.SYSTEMS:
            kinds.repoint(self, system, "lead", id_, None)

    def restore(self, vendor: SimVendor) -> None:
        """Somebody takes a record out of the bin: one that a person threw there, or we. A system that has another of the
        same person by now refuses."""
        held = {row.fields.get("email") for row in vendor.live().values()}
        bin_ = sorted(i for i, row in vendor.rows.items() if row.deleted and row.fields.get("email") not in held)
        if bin_:
            id_ = self.random.choice(bin_)
            row = vendor.rows[id_]
            row.deleted = False
            if self.around and vendor.name in kinds.SYSTEMS:  # what it referred to may be gone
                live = vendor.siblings["company"].live()  # type: ignore[attr-defined]
                if row.fields.get("employer") not in live:
                    row.fields["employer"] = None
            vendor._touch(row)
            self.log.append(f"{vendor.name}: {id_} ({row.fields.get('email')}) comes back out of the bin")

    def repoint(self, system: str, old: str, new: str | None) -> None:
        """Whatever names a lead that goes on under another id names that one."""
        if self.around and system in kinds.SYSTEMS:
            kinds.repoint(self, system, "lead", old, new)
        if self.activities and system in happenings.SYSTEMS:
            happenings.repoint(self, system, old, new)

    def _forgotten_by(self, system: str, id_: str) -> None:
        self.repoint(system, id_, None)

    # --- what can be asked of it ----------------------------------------------------------------------------------

    def writes(self) -> int:
        return sum(v.writes + sum(s.writes for s in v.siblings.values()) for v in self.vendors.values())

    def picture(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What every system holds, by e-mail; ids, versions and its own clock's stamps aside."""
        return {
            name: {
                row.fields.get("email", ""): {
                    k: v
                    for k, v in sorted(row.fields.items())
                    if k != "ext" and k not in SINCE.values() and v is not None
                }
                for _, row in sorted(vendor.live().items())
            }
            for name, vendor in self.vendors.items()
        }

    def close(self) -> None:
        self.engine.dispose()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


def held_outs(value: Any) -> list[str]:
    """What there is to opt in to again: lists by name, "" for a channel as a whole."""
    return list(value) if isinstance(value, list) else [""] if value is True else []


def hubs_of(world: World) -> list[Hub]:
    store = Store(world.engine)
    with world.engine.connect() as c:
        ids = [row.id for row in c.execute(sa.select(t.hub.c.id).where(t.hub.c.kind == "lead"))]
    hubs = list(store.hubs(ids).values())
    store.close()
    return hubs


class SimStore(Store):
    """A crash may hit before a commit (nothing of the batch stands) or after it (all of it does)."""

    def __init__(self, world: World, *, dry: bool) -> None:
        super().__init__(world.engine, dry=dry)
        self._bulk = BULK.setdefault(world.engine.dialect.name, {})
        self.world = world

    def commit(self) -> None:
        self.world.pause("before commit")
        super().commit()
        self.world.pause("after commit")
