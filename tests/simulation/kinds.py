"""Companies and deals in the simulated world: what people do with them, and what must be true of them at rest.

A company is known by its domain, a deal by its code; leads are employed by companies, deals have a company and
contacts. The ids of the three kinds overlap in every system, as they do in some real ones.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.base import Kind, Members
from mapping.fields import Fields, Policy, Value
from mapping.lifecycle import Lifecycle
from mapping.mapper import FieldMap, Mapper
from mapping.rules import Rollup, Rules
from state.records import Hub

SYSTEMS = ("crm", "mkt")
"""The systems that have companies and deals."""


@dataclass(frozen=True)
class Shape:
    """How one kind looks: its natural key, its plain fields, and what it refers to (field -> kind)."""

    key: str
    texts: tuple[str, ...]
    refers: dict[str, Kind]
    many: frozenset[str] = frozenset()


SHAPES: dict[Kind, Shape] = {
    "company": Shape("domain", ("label", "city"), {}),
    "lead": Shape("email", (), {"employer": "company"}),
    "deal": Shape("code", ("status",), {"company": "company", "contacts": "lead"}, frozenset({"contacts"})),
}
DOMAINS = ("a.x", "b.x", "c.x")
CODES = ("d1", "d2", "d3")
STATUS = ("open", "won", "lost")


def reference(name: str, kind: Kind, *, many: bool = False) -> FieldMap:
    return FieldMap(name, name, _listed if many else _text, lambda v: v, refers=kind, many=many, clears=many, spec=name)


def others(policies: dict[str, Policy], *, follow: bool) -> dict[Kind, Rules]:
    """The rules of companies and deals."""
    prefer = Policy("prefer", SYSTEMS)
    found: dict[Kind, Rules] = {}
    for kind in ("company", "deal"):
        shape = SHAPES[kind]
        maps = [FieldMap(name, name, _text, lambda v: v, spec=name) for name in (shape.key, *shape.texts)]
        maps += [reference(name, target, many=name in shape.many) for name, target in shape.refers.items()]
        found[kind] = Rules(
            {s: Mapper(s, maps, match=((shape.key,),), id_field="ext") for s in SYSTEMS},
            policies={m.hub: Policy("union", SYSTEMS) if m.many else prefer for m in maps} | policies,
            lifecycle=Lifecycle(),
            hash="simulation",
            kind=kind,
            referred=kind == "company",
            follow_merges=follow,
            summed=frozenset({"contacts"}) if kind == "deal" else frozenset(),
        )
    return found


ROLLUPS = tuple(
    Rollup(f"{status}_deals", "deal", "contacts", lambda deals, s=status: sum(d.get("status") == s for d in deals))  # type: ignore[misc]
    for status in ("open", "won")
)


def promote(hub: Fields) -> tuple[str, str] | None:
    return (
        ("customer", "a deal is won") if hub.get("won_deals") and hub.get("stage") not in ("customer", None) else None
    )


def _text(value: Any) -> Value:
    return value or None


def _listed(value: Any) -> Value:
    return sorted(value) or None if value else None


def dangling(world: Any, system: str, kind: Kind) -> Callable[[Mapping[str, Any]], str | None]:
    """A system refuses a reference to a record that it does not have."""

    def refuse(fields: Mapping[str, Any]) -> str | None:
        for name, target in SHAPES[kind].refers.items():
            value = fields.get(name)
            ids = value.add if isinstance(value, Members) else value if isinstance(value, list) else [value]
            live = world.of(system, target).live()
            for i in ids:
                if i and i not in live:
                    return f"{system} has no {target} {i}"
        return None

    return refuse


# --- what people do ---------------------------------------------------------------------------------------------------


def agitate(world: Any) -> None:
    """Somebody does something with a company or a deal, or says where a lead works."""
    r: random.Random = world.random
    system = r.choice(SYSTEMS)
    kind: Kind = r.choice(("company", "deal", "lead"))
    vendor = world.of(system, kind)
    live = sorted(vendor.live())
    chance = r.random()
    if kind != "lead" and (not live or chance < 0.3):
        _create(world, system, kind)
    elif not live:
        return
    elif kind != "lead" and chance < 0.36 and world.trouble:
        remove(world, system, kind, r.choice(live), None)
    elif kind == "company" and chance < 0.42 and world.trouble and len(live) > 1:
        winner, loser = r.sample(live, 2)
        remove(world, system, kind, loser, winner)
    else:
        _edit(world, system, kind, r.choice(live))


def _create(world: Any, system: str, kind: Kind) -> None:
    r: random.Random = world.random
    shape = SHAPES[kind]
    key = r.choice(DOMAINS if kind == "company" else CODES)
    everywhere = [row for s in SYSTEMS for row in world.of(s, kind).rows.values()]
    if any(row.fields.get(shape.key) == key for row in everywhere):
        return
    vendor = world.of(system, kind)
    id_ = vendor.create({shape.key: key})
    for name in (*shape.texts, *shape.refers):
        if r.random() < 0.7:
            _set(world, system, kind, id_, name)


def _edit(world: Any, system: str, kind: Kind, id_: str) -> None:
    shape = SHAPES[kind]
    _set(world, system, kind, id_, world.random.choice((*shape.texts, *shape.refers)))


def _set(world: Any, system: str, kind: Kind, id_: str, name: str) -> None:
    r: random.Random = world.random
    shape, vendor = SHAPES[kind], world.of(system, kind)
    value: Any
    if name in shape.refers:
        live = sorted(world.of(system, shape.refers[name]).live())
        if name in shape.many:
            value = sorted(one for one in live if r.random() < 0.4)
        elif not live:
            return
        else:
            value = r.choice(live)
    else:
        value = r.choice(STATUS) if name == "status" else world.text()
    if (vendor.rows[id_].fields.get(name) or None) == (value or None):
        return
    vendor.edit(id_, {name: value})
    told = named(world, system, shape.refers[name], value) if name in shape.refers else value
    world.note(f"{kind}:{vendor.rows[id_].fields.get(shape.key)}", name, system, told)


def named(world: Any, system: str, kind: Kind, value: Any) -> Any:
    """The natural keys of what a field refers to."""
    rows, key = world.of(system, kind).rows, SHAPES[kind].key
    if isinstance(value, list):
        return sorted(str(rows[i].fields.get(key)) for i in value)
    return rows[value].fields.get(key) if value else None


def remove(world: Any, system: str, kind: Kind, id_: str, winner: str | None) -> None:
    """A record is deleted, or merged into another of its kind. What referred to it refers to the other, or to nothing."""
    vendor = world.of(system, kind)
    key = vendor.rows[id_].fields.get(SHAPES[kind].key)
    world.log.append(f"{system}: {kind} {key} {'is deleted' if winner is None else f'goes into {winner}'}")
    if winner is None:
        vendor.delete(id_)
    else:
        vendor.rows[id_].became = winner
        vendor._touch(vendor.rows[id_])
    world.gone.add((kind, key, system))
    repoint(world, system, kind, id_, winner)


def repoint(world: Any, system: str, kind: Kind, old: str, new: str | None) -> None:
    for other, shape in SHAPES.items():
        for name, target in shape.refers.items():
            if target != kind:
                continue
            vendor = world.of(system, other)
            for id_, row in vendor.live().items():
                held = row.fields.get(name)
                if name in shape.many and old in (held or ()):
                    vendor.edit(id_, {name: sorted({*held, *([new] if new else [])} - {old})})
                elif held == old:
                    vendor.edit(id_, {name: new})


# --- what must be true ------------------------------------------------------------------------------------------------


class Rest:
    """Companies, deals and what refers to them, at rest; to tell afterwards who changed what since."""

    def __init__(self, world: Any) -> None:
        self.since = len(world.edits)
        self.held = {
            (f"{kind}:{row.fields.get(shape.key)}", name, system): (
                named(world, system, shape.refers[name], row.fields.get(name))
                if name in shape.refers
                else row.fields.get(name)
            )
            for kind, shape in SHAPES.items()
            for system in SYSTEMS
            for row in world.of(system, kind).live().values()
            for name in (*shape.texts, *shape.refers)
        }

    def problems(self, world: Any, hubs: Sequence[Hub], outside: Collection[str]) -> list[str]:
        """`outside`: leads that have been outside the rule of mkt."""
        found: list[str] = []
        by_id = {hub.id: hub for hub in hubs}
        lone = self._lone_edits(world)
        for kind, shape in SHAPES.items():
            mine = [hub for hub in hubs if hub.kind == kind]
            keys = [hub.fields.get(shape.key) for hub in mine if hub.alive]
            found += [f"5: two hub records of {kind} {key}" for key in set(keys) if keys.count(key) > 1]
            for system in SYSTEMS:
                placed = {hub.links[system].remote_id for hub in mine if system in hub.links}
                live = world.of(system, kind).live()
                nobody = {i for i, row in live.items() if kind == "lead" and row.fields["email"] in world.erased}
                found += [f"1: nobody knows {kind} {i} of {system}" for i in live.keys() - placed - nobody]
            for hub in mine:
                found += self._of_one(world, kind, hub, by_id, lone, outside)
        found += _sums(hubs)
        return found

    def _lone_edits(self, world: Any) -> dict[tuple[str, str], tuple[str, Any]]:
        """(record, field) -> (system, last value) where one system alone changed it since, at rest."""
        by: dict[tuple[str, str], dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for edit in world.edits[self.since :]:
            if ":" in edit.email:
                by[edit.email, edit.name][edit.system].append(edit)
        return {
            where: (system, edits[-1].value)
            for where, systems in by.items()
            for system, edits in systems.items()
            if len(systems) == 1
            and all(edit.calm for edit in edits)
            and self.held.get((*where, system)) != edits[-1].value
        }

    def _of_one(
        self,
        world: Any,
        kind: Kind,
        hub: Hub,
        by_id: dict[str, Hub],
        lone: dict[Any, Any],
        outside: Collection[str],
    ) -> list[str]:
        shape = SHAPES[kind]
        key = hub.fields.get(shape.key)
        found: list[str] = []
        for system in SYSTEMS:
            rows = [row for row in world.of(system, kind).live().values() if row.fields.get(shape.key) == key]
            if len(rows) > 1:
                found.append(f"5: {len(rows)} records of {kind} {key} in {system}")
            if kind != "lead" and not rows and hub.alive and (kind, key, system) not in world.gone:
                found.append(f"1: {kind} {key} is missing in {system}")
            for row in rows if system in hub.links and hub.links[system].state == "live" else ():
                for name in shape.texts:
                    if row.fields.get(name) != hub.fields.get(name):
                        found.append(f"1: {system} has {row.fields.get(name)!r} as {name} of {kind} {key}")
                inside = kind != "lead" or world.rules.mappers[system].sync_when(hub.fields)
                for name in shape.refers if inside else ():  # else it is told nothing
                    held = _without_the_forgotten(world, system, shape.refers[name], row.fields.get(name))
                    found += self._reference(system, kind, name, hub, held, by_id)
        for name in (*shape.texts, *shape.refers):
            told = lone.get((f"{kind}:{key}", name))
            if kind == "lead" and told and told[0] == "mkt" and hub.id in outside:
                continue  # it was typed over an old value, and is a conflict with the newer one
            if told and (kind, key, told[0]) not in world.gone:  # else whether it was read first is anybody's guess
                found += self._survives(world, kind, name, hub, *told, by_id)
        return found

    def _reference(self, system: str, kind: Kind, name: str, hub: Hub, held: Any, by_id: dict[str, Hub]) -> list[str]:
        value = hub.fields.get(name)
        ids = value if isinstance(value, list) else [value] if value else []
        links = {i: by_id[str(i)].links.get(system) for i in ids}
        expected = sorted(str(i) for i, link in links.items() if link and link.state == "live")
        target = SHAPES[kind].refers[name]
        known = {
            one.links[system].remote_id: one.merged_into or one.id
            for one in by_id.values()
            if one.kind == target and system in one.links
        }
        now = sorted({known.get(i, i) for i in (held if isinstance(held, list) else [held] if held else [])})
        if not isinstance(value, list) and value and not expected:
            return []  # what it refers to is not in this system
        if now != expected:
            return [f"1: {system} has {now} as {name} of {kind} {hub.fields.get(SHAPES[kind].key)}, not {expected}"]
        return []

    def _survives(
        self, world: Any, kind: Kind, name: str, hub: Hub, system: str, value: Any, by_id: dict[str, Hub]
    ) -> list[str]:
        shape = SHAPES[kind]
        target = shape.refers.get(name)
        now: Any = hub.fields.get(name)
        if target:
            ids = now if isinstance(now, list) else [now] if now else []
            keys = sorted(str(by_id[str(i)].fields.get(SHAPES[target].key)) for i in ids)
            wanted = value if isinstance(value, list) else [value] if value else []
            lost = {k for k in (*keys, *wanted) if any((target, k, s) in world.gone for s in SYSTEMS)}
            if lost or any(("lead", k, s) in world.gone for k in wanted for s in SYSTEMS):
                return []
            if not isinstance(value, list) and value is None:
                return []  # a blank is no opinion
            now, value = keys, wanted
        if now != value and not hub.merged_into:
            return [f"3: {system} set {name} of {kind} {hub.fields.get(shape.key)} to {value!r}, the hub has {now!r}"]
        return []


def _without_the_forgotten(world: Any, system: str, target: Kind, held: Any) -> Any:
    """What a record refers to, as far as we may know of it: whom nobody has let in again is no one."""
    if target != "lead":
        return held
    rows = world.of(system, "lead").rows
    if isinstance(held, list):
        return [i for i in held if i not in rows or rows[i].fields["email"] not in world.erased]
    return None if held in rows and rows[held].fields["email"] in world.erased else held


def _sums(hubs: Sequence[Hub]) -> list[str]:
    found = []
    deals = [hub for hub in hubs if hub.kind == "deal" and hub.alive]
    for lead in hubs:
        if lead.kind != "lead" or not lead.alive:
            continue
        for rollup in ROLLUPS:
            mine = [deal.fields for deal in deals if lead.id in (deal.fields.get(rollup.via) or ())]  # type: ignore[operator]
            if (lead.fields.get(rollup.name) or 0) != rollup.fold(mine):
                found.append(
                    f"15: {rollup.name} of {lead.fields.get('email')} is {lead.fields.get(rollup.name)!r}, "
                    f"and its deals come to {rollup.fold(mine)!r}"
                )
    return found
