"""From a hub record with unread claims to one that is settled, with the reason for every value that moved. Pure.

Merge decides between the systems; after it the hub computes what nobody types (score, sales status, templates), and
the hub may climb to the stage that its score has earned.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mapping.fields import EVIDENCE, REASON, STAGE, Fields, Kind, Value
from mapping.rules import Rules
from state.records import Hub
from sync.match import match_keys
from sync.merge import Change, Conflict, merge
from sync.plan import has_left, is_behind, may_create

SMARKETING = "smarketing"
"""Origin of what the hub computes by itself."""


@dataclass(frozen=True, slots=True)
class StageMove:
    old: Value
    new: str
    source: str
    reason: Value
    evidence: str


@dataclass(slots=True)
class Settled:
    """What happened to one hub. `opened` and `closed` name the fields whose conflict waits for a person, or no
    longer does; `keys` are the match keys that it gained and lost. `stages`: the moves along which the stage came to what
    it is, one or two: what the systems said, and what the hub made of it."""

    hub: Hub
    created: bool
    changes: dict[str, Change] = field(default_factory=dict)
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    stages: tuple[StageMove, ...] = ()
    closed: list[str] = field(default_factory=list)
    gained: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


def reconcile(hub: Hub, rules: Rules, entries: tuple[tuple[str, ...], ...], sums: Fields | None = None) -> Settled:
    """Merge every claim on the hub, derive, promote. Changes the hub in place. `entries`: the match entries by
    which hub records are found; `sums`: what its neighbours add up to, where that was asked for."""
    created = not hub.fields and not hub.origin
    before = hub.fields
    sides = hub.sides()
    waiting: set[str] = set()
    seen_keys: set[int] = set()
    shown = any(side.seen for side in sides.values())
    if shown and (hub.touched or not created):  # else nothing was noted of it
        waiting = {name for side in sides.values() for name in side.seen if rules.policy(name).kind == "review"}
        seen_keys = _keys([side.seen for side in sides.values()], entries, rules.kind)
    merged = merge(before, hub.origin, sides, rules)
    hub.fields, hub.origin = merged.hub, merged.origin
    settled = Settled(hub, created, merged.changes, merged.conflicts)
    for name, value in (sums or {}).items():
        if value != hub.fields.get(name):
            _set(settled, name, value, "derived", hub.fields.get(name))
    heard = settled.changes.get(STAGE)
    _compute(settled, rules)
    if created:
        _compact(hub)
    settled.stages = _moves(heard, settled.changes.get(STAGE), hub.fields.get(REASON))
    if waiting:
        settled.closed = sorted(waiting - {name for name, c in merged.conflicts.items() if c.winner is None})
    if shown or created or any(before.get(name) != hub.fields.get(name) for entry in entries for name in entry):
        stored = _keys([before], entries, rules.kind)
        new_keys = _keys([hub.fields], entries, rules.kind)
        settled.gained = list(new_keys - stored)  # those of what was seen may be stored, where it was noted; or not
        settled.lost = list((stored | seen_keys) - new_keys)
    hub.touched = False
    _note_who_is_in(hub, rules)
    hub.dirty = has_news(hub, rules)
    return settled


def _moves(heard: Change | None, last: Change | None, reason: Value) -> tuple[StageMove, ...]:
    """`heard`: what the systems made of the stage; `last`: what it is now, since when it was before both."""
    if last is None or not isinstance(last.new, str):
        return ()
    if heard is None or heard is last or not isinstance(heard.new, str) or heard.new == heard.old:
        return (StageMove(last.old, last.new, last.source, reason, last.rule),)
    return (
        StageMove(heard.old, heard.new, heard.source, None, heard.rule),
        StageMove(heard.new, last.new, last.source, reason, last.rule),
    )


def has_news(hub: Hub, rules: Rules) -> bool:
    """Whether some system may have to be told something. May say yes too often; the plan looks closer."""
    for system, mapper in rules.mappers.items():
        link = hub.links.get(system)
        if link is None or link.state == "archived":
            if may_create(mapper, hub.fields):
                return True
        elif link.state == "live" and (is_behind(mapper, link.side, hub.fields) or has_left(mapper, link, hub.fields)):
            return True
    return False


def _note_who_is_in(hub: Hub, rules: Rules) -> None:
    """Only what was in can leave."""
    for system, mapper in rules.mappers.items():
        if mapper.archives is not None:
            link = hub.links.get(system)
            if link and link.state == "live" and mapper.sync_when(hub.fields):
                link.within = mapper.archives


def computed(fields: Fields, rules: Rules) -> Fields:
    """What the hub makes of these fields of a lead by itself: derived fields, and the stage that they earn. Nothing is merged,
    and what is given stays as it is."""
    settled = Settled(Hub("", dict(fields)), created=False)
    _compute(settled, rules)
    return settled.hub.fields


def _compute(settled: Settled, rules: Rules) -> None:
    """What nobody types: derived fields, and the stage that they earn, which may change them once more."""
    hub = settled.hub.fields
    derived = rules.derive(hub)
    promoted = _promote(settled, derived, rules)
    if _leave(settled, derived, rules) or promoted:
        derived = rules.derive(hub)
    for name, value in derived.items():
        old = hub.get(name)
        if value != old:
            _set(settled, name, value, "derived", old)


def _promote(settled: Settled, derived: Fields, rules: Rules) -> bool:
    earned = rules.promote({**settled.hub.fields, **derived})
    old = settled.hub.fields.get(STAGE)
    if earned and old not in rules.lifecycle.side:  # who was turned down by a person is not raised by points
        stage, evidence = earned
        if rules.lifecycle.rank(stage) > rules.lifecycle.rank(old):
            first = settled.changes.get(STAGE)
            _set(settled, STAGE, stage, evidence, first.old if first else old)
            return True
    return False


def _leave(settled: Settled, derived: Fields, rules: Rules) -> bool:
    """Off the ladder, where a new reason for it is known. What is known is noted whether or not the lead moves: who
    opens it again, or had closed it before, has decided in the light of it."""
    hub = settled.hub.fields
    old = hub.get(STAGE)
    leaves = rules.leave({**hub, **derived})
    if leaves.seen != hub.get(EVIDENCE):
        _set(settled, EVIDENCE, leaves.seen, "derived", hub.get(EVIDENCE))
    first = settled.changes.get(STAGE)
    reopened = first is not None and first.old in rules.lifecycle.side
    if leaves.stage is None or rules.lifecycle.rank(old) < 0 or reopened:
        return False
    _set(settled, STAGE, leaves.stage, leaves.evidence, first.old if first else old)
    if leaves.reason is not None and leaves.reason != hub.get(REASON):
        _set(settled, REASON, leaves.reason, leaves.evidence, hub.get(REASON))
    return True


def _set(settled: Settled, name: str, value: Value, rule: str, old: Value) -> None:
    settled.hub.fields[name] = value
    settled.hub.origin[name] = SMARKETING
    if name == STAGE or not settled.created:  # the first value of a field goes without saying
        settled.changes[name] = Change(old, value, SMARKETING, rule)


def _compact(hub: Hub) -> None:
    """Name the commonest origin once, under ""."""
    if "" in hub.origin:
        return
    counts: dict[str, int] = {}
    for system in hub.origin.values():
        counts[system] = counts.get(system, 0) + 1
    if counts:
        usual = max(sorted(counts), key=lambda s: counts[s])
        hub.origin = {"": usual, **{name: s for name, s in hub.origin.items() if s != usual}}


def _keys(parts: list[Fields], entries: tuple[tuple[str, ...], ...], kind: Kind) -> set[int]:
    return {key for part in parts if part for _, key in match_keys(part, entries, kind)}
