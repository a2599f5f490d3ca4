"""Three-way merge, field by field, of one hub record with every system that holds it. Pure.

A side keeps two bases: what the remote showed and what the hub was when they last agreed. A remote value that
differs from the first is a claim; a hub value that differs from the second has yet to be told to that system. All
systems' claims on a field are resolved together, so the order in which systems were read cannot matter.

Invariants kept here: a one-sided edit survives; nothing appears that nobody wrote; a conflict is never silent; a
stage never goes back without an allowed move; an opt-out is never undone; a blank is no opinion unless the mapping
says that clears travel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mapping.fields import CONSENT_AT, STAGE, Fields, Policy, Value, blank
from mapping.mapper import Mapper
from mapping.rules import Rules
from state.records import Side
from sync.consent import Basis, opted_out, told_basis
from sync.match import folded

HUB = "hub"
PERSON = "person"
"""Origin of a value that somebody chose in a review: it outranks every system that has not been told of it yet."""


class Change(NamedTuple):
    """Why a hub value stands: it was `old`, became `new`, because `source` said so, by `rule`."""

    old: Value
    new: Value
    source: str
    rule: str


class Conflict(NamedTuple):
    """Who claimed what, and who won; `winner` is None where a person must decide."""

    claims: dict[str, Value]
    winner: str | None
    rule: str


@dataclass(slots=True)
class Merged:
    hub: Fields
    origin: dict[str, str]
    changes: dict[str, Change] = field(default_factory=dict)
    conflicts: dict[str, Conflict] = field(default_factory=dict)


class Verdict(NamedTuple):
    source: str | None
    value: Value
    rule: str


def unseen(base: Fields, read: Fields) -> Fields:
    """What a read says that its base does not."""
    if not base:
        return dict(read)
    return {name: value for name, value in read.items() if name not in base or base[name] != value}


def ahead(mapper: Mapper, side: Side, name: str, value: Value) -> bool:
    """Whether the hub's value is news to this system: it is not what they agreed on, nor what the system already
    shows of it."""
    if value == side.base_hub.get(name):
        return False
    return name not in side.base_remote or side.base_remote[name] != mapper.roundtrip(name, value)


def merge(hub: Fields, origin: Mapping[str, str], sides: Mapping[str, Side], rules: Rules) -> Merged:
    """Resolve every claim of every side. Advances the sides' bases in place; returns the new hub and why."""
    if not hub and not origin and len(sides) == 1:
        return _first_sight(*next(iter(sides.items())))
    merged = Merged(dict(hub), dict(origin))
    together = False
    for name in sorted({name for side in sides.values() for name in side.seen}):
        if rules.policy(name).kind == "consent":
            together = True
        else:
            _merge_field(name, merged, sides, rules)
    if together:
        _merge_consent(merged, sides, rules)
    return merged


def _first_sight(system: str, side: Side) -> Merged:
    """A new hub record that one system shows: what the general way gives, at a tenth of its cost; first loads are long. Of the
    changes only the stage's is told: that the others are the first value of their field goes without saying."""
    read, side.seen = side.seen, {}
    hub: Fields = {}
    for name, value in read.items():
        if value or value == 0:  # what is not blank
            hub[name] = value
        else:
            read[name] = None
    side.base_remote, side.base_hub = read, dict(read)
    changes = {STAGE: Change(None, hub[STAGE], system, "only change")} if STAGE in hub else {}
    return Merged(hub, {"": system}, changes)


def _merge_field(name: str, merged: Merged, sides: Mapping[str, Side], rules: Rules) -> None:
    current = merged.hub.get(name)
    claims = _claims(name, current, sides, rules)
    if not claims:
        return
    policy = rules.policy(name)
    origin = _origin(merged.origin, name)
    standing = origin not in claims and any(_stands(name, current, s, sides[s], rules) for s in claims)
    options = {HUB: current, **claims} if standing else claims
    verdict = _decide(name, policy, options, current, origin, sides, rules, merged.hub)
    if verdict.source is None:
        merged.conflicts[name] = Conflict(_named(options, origin), None, verdict.rule)
        return
    lost = [s for s, v in options.items() if not _same(s, name, v, verdict.value, rules)]
    winner = origin if verdict.source == HUB else verdict.source
    if lost:
        merged.conflicts[name] = Conflict(_named(options, origin), winner, verdict.rule)
    if verdict.value != current:
        merged.hub[name] = verdict.value
        merged.origin[name] = winner
        merged.changes[name] = Change(current, verdict.value, winner, verdict.rule)
    for system, value in claims.items():
        same = _same(system, name, value, verdict.value, rules)
        sides[system].absorb(name, value, verdict.value if same else value)


def _claims(name: str, current: Value, sides: Mapping[str, Side], rules: Rules) -> dict[str, Value]:
    """Every side's opinion on the field. What is no opinion is absorbed on the way: a blank that does not travel
    (the hub will fill it again), and a first sight of what the hub holds already."""
    claims: dict[str, Value] = {}
    for system in sorted(sides):
        side = sides[system]
        if name not in side.seen:
            continue
        value = side.seen[name]
        mapper = rules.mappers[system]
        first = name not in side.base_remote
        if blank(value) and (first or not (name in mapper.clears or _emptied(name, side, rules))):
            side.absorb(name, None, None)
        elif first and mapper.same(name, value, current) and not _raises(name, value, current, rules):
            side.absorb(name, value, current)
        else:
            claims[system] = value
    return claims


def _emptied(name: str, side: Side, rules: Rules) -> bool:
    """Who empties what said that somebody has opted out says something, though it is not heeded."""
    return rules.policy(name).kind == "opt_out_wins" and not blank(side.base_remote.get(name))


def _raises(name: str, value: Value, current: Value, rules: Rules) -> bool:
    """Whether there is more in a word than the hub knows though it may stand for the hub's value as well. A stage read
    as one beyond the hub's (sales has an open Lead of somebody who only subscribed) is an opinion on first contact,
    whether or not the hub has heard the other systems before."""
    rank = rules.lifecycle.rank
    return current is None or (rules.policy(name).kind == "furthest" and rank(value) > rank(current) >= 0)


def _stands(name: str, current: Value, system: str, side: Side, rules: Rules) -> bool:
    """Whether the hub's value is itself an opinion against this side's claim: the side has not been told of it."""
    if name not in side.base_remote:
        return not blank(current)
    return ahead(rules.mappers[system], side, name, current)


def _decide(
    name: str,
    policy: Policy,
    options: Mapping[str, Value],
    current: Value,
    origin: str,
    sides: Mapping[str, Side],
    rules: Rules,
    hub: Fields,
) -> Verdict:
    match policy.kind:
        case "furthest":
            return _furthest(options, current, origin, policy, rules)
        case "opt_out_wins":
            claims = {s: v for s, v in options.items() if s != HUB}
            return _opt_out(*opted_out(name, claims, sides, hub, policy.rank))
        case "union":
            return _union(name, options, current, sides)
        case "owner" if policy.systems[0] in sides and policy.systems[0] not in options and not blank(current):
            return Verdict(HUB, current, f"owner: {policy.systems[0]}")
        case "fill_blank" if not blank(current):
            return Verdict(HUB, current, "fill_blank")
    distinct = _distinct(name, policy, options, origin, rules)
    if len(distinct) == 1:
        [(source, value)] = distinct.items()
        return Verdict(source, value, "only change" if len(options) == 1 else "all agree")
    if policy.kind == "review":
        return Verdict(None, current, "review")
    if origin == PERSON and HUB in options:
        return Verdict(HUB, current, "a person decided")
    fuller = _fuller(distinct)
    if fuller:
        return Verdict(fuller, distinct[fuller], "fuller spelling")
    if policy.kind == "newest":
        dated = [(sides[s].seen_at, s) for s in distinct if s != HUB]
        times = [at for at, _ in dated if at is not None]
        if len(times) == len(distinct) and times.count(max(times)) == 1:
            source = next(s for at, s in dated if at == max(times))
            return Verdict(source, distinct[source], "newest")
    source = min(distinct, key=lambda s: _rank(policy, s, origin))
    return Verdict(source, distinct[source], f"{policy.kind}: {', '.join(policy.systems) or 'by name'}")


def decided(
    name: str, policy: Policy, claims: Mapping[str, Value], current: Value, rules: Rules, linked: Collection[str] = ()
) -> Verdict:
    """How a policy would decide a question that waits: `claims` and the hub's `current` value as its review keeps them,
    `linked` the systems that hold the record. The source is a system, also of the hub's own value. What systems say that do
    not share the field any more is not heard. `newest` goes by times that a review does not keep, and so as `prefer`."""
    options: dict[str, Value] = {}
    origin = HUB
    for label, value in claims.items():
        if label.startswith(f"{HUB} (from "):
            options[HUB], origin = value, label.removeprefix(f"{HUB} (from ").removesuffix(")")
        elif label in rules.mappers and name in rules.mappers[label].maps:
            options[label] = value
    if not options:
        return Verdict(None, current, policy.kind)
    sides = {system: Side() for system in (*options, *linked) if system != HUB}
    verdict = _decide(name, policy, options, current, origin, sides, rules, {})
    return verdict._replace(source=origin) if verdict.source == HUB else verdict


def _distinct(name: str, policy: Policy, options: Mapping[str, Value], origin: str, rules: Rules) -> dict[str, Value]:
    """The opinions that really differ. One that is only a poorer telling of another (a shortened title, a phone
    without its country) supports it."""
    kept: dict[str, Value] = {}
    for source in sorted(options, key=lambda s: _rank(policy, s, origin)):
        value = options[source]
        if any(_same(source, name, value, other, rules) for other in kept.values()):
            continue
        kept = {s: v for s, v in kept.items() if not _same(s, name, v, value, rules)}
        kept[source] = value
    return kept


def _fuller(distinct: Mapping[str, Value]) -> str | None:
    """Where the opinions differ in case and accents alone: who spells it out. Nobody means to turn Jürgen into
    JURGEN; it is what an import made of him."""
    texts = {s: v for s, v in distinct.items() if isinstance(v, str)}
    if len(texts) < len(distinct) or len({folded(v) for v in texts.values()}) > 1:
        return None
    worth = {s: (sum(not c.isascii() for c in v), not (v.isupper() or v.islower())) for s, v in texts.items()}
    best = [s for s, w in worth.items() if w == max(worth.values())]
    return best[0] if len(best) == 1 else None


def _furthest(options: Mapping[str, Value], current: Value, origin: str, policy: Policy, rules: Rules) -> Verdict:
    """The furthest allowed move; a side state, which somebody chose, beats a step of the ladder."""
    cycle = rules.lifecycle
    moves = [s for s, stage in options.items() if s != HUB and stage is not None and cycle.allowed(current, stage)]
    if not moves:
        return Verdict(HUB, current, f"furthest: {current} stands, no move back without a rule")
    best = max(moves, key=lambda s: (cycle.weight(options[s]), -_rank(policy, s, origin)[0], s))
    return Verdict(best, options[best], "furthest")


def _opt_out(source: str | None, value: Value) -> Verdict:
    return Verdict(source or HUB, value, "only change" if source and value is False else "opt_out_wins")


def _merge_consent(merged: Merged, sides: Mapping[str, Side], rules: Rules) -> None:
    """Basis, date and source of a consent, all from the system that tells the newest; the hub's own stand as one
    telling among the others."""
    names = tuple(sorted(name for name, policy in rules.policies.items() if policy.kind == "consent"))
    policy = rules.policy(names[0])
    origin = _origin(merged.origin, names[0])
    held = {name: value for name in names if not blank(value := merged.hub.get(name))}
    best = Basis(str(held.get(CONSENT_AT) or ""), False, (-_rank(policy, HUB, origin)[0],), HUB, held)
    told = {
        system: basis
        for system, side in sorted(sides.items())
        if (basis := told_basis(system, side, rules.mappers[system], names, policy.rank(system)))
    }
    for basis in told.values():
        if not held or basis[:4] > best[:4]:
            best, held = basis, basis.fields
    for name in names:
        current = merged.hub.get(name)
        value = best.fields.get(name)
        kept = best.system != HUB and name in best.fields and name in rules.mappers[best.system].maps
        if kept and _same(best.system, name, value, current, rules):
            value = current  # the poorer spelling of what is known
        claims = {s: sides[s].seen[name] for s in told if not blank(sides[s].seen.get(name))}
        lost = {s: v for s, v in claims.items() if not _same(s, name, v, value, rules)}
        winner = origin if best.system == HUB else best.system
        if lost:
            options = claims if current is None else {HUB: current, **claims}
            merged.conflicts[name] = Conflict(_named(options, origin), winner, "consent: the newest")
        if value != current:
            merged.hub[name], merged.origin[name] = value, winner
            merged.changes[name] = Change(current, value, winner, "consent: the newest")
        for system, side in sides.items():
            if name in side.seen:
                shown = None if blank(side.seen[name]) else side.seen[name]
                agrees = shown is not None and _same(system, name, shown, value, rules)
                side.absorb(name, shown, value if agrees else shown)


def _union(name: str, options: Mapping[str, Value], current: Value, sides: Mapping[str, Side]) -> Verdict:
    members = set(current if isinstance(current, list) else [])
    removed: set[str] = set()
    first = HUB
    for system, value in sorted(options.items()):
        if system == HUB:
            continue
        first = system if first == HUB else first
        base = sides[system].base_remote.get(name)
        now, before = set(value if isinstance(value, list) else []), set(base if isinstance(base, list) else [])
        members |= now - before
        removed |= before - now
    result: Value = sorted(members - removed) or None
    return Verdict(HUB if result == current else first, result, "union")


def _rank(policy: Policy, source: str, origin: str) -> tuple[int, str]:
    system = origin if source == HUB else source
    return (-1 if system == PERSON else policy.rank(system), system)


def _origin(origin: Mapping[str, str], name: str) -> str:
    return origin.get(name) or origin.get("", HUB)


def _named(options: Mapping[str, Value], origin: str) -> dict[str, Value]:
    return {(f"{HUB} (from {origin})" if s == HUB else s): v for s, v in options.items()}


def _same(source: str, name: str, value: Value, other: Value, rules: Rules) -> bool:
    return value == other if source == HUB else rules.mappers[source].same(name, value, other)
