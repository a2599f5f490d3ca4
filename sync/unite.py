"""Two hub records that prove to be one become one, with their history; and a wrong union is taken apart again.

Effects: the store; the caller commits. Nothing is written to any system here: what follows from it is planned, judged
and shown like everything else. The records that move are heard as on first contact, so that every policy decides as it
always does: an opt-out on either side holds, the furthest stage stands, a list is joined, what lost is on record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mapping.fields import ACTS, REASON, STAGE, Fields, Value, blank
from mapping.rules import Rules
from state.ids import new_id
from state.records import Hub, Link, Review, Side
from sync import references
from sync.consent import newer
from sync.context import Context
from sync.match import match_keys

UNITED, SPLIT = "united", "split"
"""Kinds of change rows."""


@dataclass
class _Change:
    """What is noted of a union, so that it can be taken apart."""

    hub: str
    rule: str
    fields: Fields
    """of the one that gave way"""
    before: Fields
    """of the one that stays"""
    links: dict[str, str] = field(default_factory=dict)
    """system -> remote id of the records that moved"""
    kept: dict[str, str] = field(default_factory=dict)
    """system -> remote id of the records that have no place, since there is one already"""
    references: list[tuple[str, str, bool]] = field(default_factory=list)
    """(hub id, field, whether it named both) of what referred to the one that gave way"""


def unite(ctx: Context, winner_id: str, loser_id: str, at: datetime, *, by: str, rule: str) -> bool:
    """`loser_id` becomes part of `winner_id`; `by` is who says that they are one (a system, a person), `rule` how.
    False where they are one already, or are not of one kind. The winner is left touched: merge has yet to hear it."""
    hubs = ctx.store.hubs([winner_id, loser_id])
    winner, loser = hubs.get(winner_id), hubs.get(loser_id)
    if not winner or not loser or winner is loser or winner.merged_into or loser.merged_into:
        return False
    if {winner.kind, loser.kind} != {ctx.kind}:
        return False
    note = _Change(loser.id, rule, dict(loser.fields), dict(winner.fields))
    told = _take_values(winner, loser, ctx.rules)
    _move_links(ctx, winner, loser, note, at)
    _move_keys(ctx, winner, loser)
    note.references = _repoint(ctx, loser.id, winner.id, at)
    winner.touched = winner.dirty = True
    loser.merged_into, loser.touched, loser.dirty = winner.id, False, False
    ctx.store.update_hubs([winner, loser])
    ctx.store.adopt(loser.id, winner.id)
    ctx.store.hand_over_activities(loser.id, winner.id)
    ctx.store.refer([loser.id], [])
    ctx.store.close_reviews([(r.kind, r.subject) for r in ctx.store.reviews("conflict", hub_ids=[loser.id])], at)
    detail = {**told, "union": vars(note)}
    _log(ctx, winner, UNITED, by, detail, at)
    _log(ctx, loser, UNITED, by, {"into": winner.id}, at)
    if STAGE in told:
        move = {"old": told[STAGE]["old"], "new": told[STAGE]["new"], "system": told[STAGE]["from"]}
        row = {"hub_id": winner.id, "run_id": ctx.run_id, "at": at, "reason": winner.fields.get(REASON)}
        ctx.store.log_stages([{**row, **move, "evidence": f"united with {loser.id}"}])
    return True


def split(ctx: Context, winner_id: str, union: dict[str, Any], at: datetime, *, by: str) -> bool:
    """Take a union apart. Every value that came by it goes back; what somebody has said since stays; an opt-out is not
    undone. `union`: as `unite` has noted it. False where the one that gave way is part of another by now."""
    hubs = ctx.store.hubs([winner_id, union["hub"]])
    winner, loser = hubs[winner_id], hubs[union["hub"]]
    if loser.merged_into != winner.id:
        return False
    for system, remote_id in union["links"].items():
        link = winner.links.get(system)
        if link and link.remote_id == remote_id:
            _give(ctx, link, winner, loser)
    for system in union["kept"]:
        if system in loser.links and loser.links[system].state == "ignored":
            loser.links[system].state = "live"
    told = _give_back(winner, union, ctx.rules)
    loser.fields, loser.merged_into = dict(union["fields"]), None
    loser.touched = loser.dirty = winner.touched = winner.dirty = True
    ctx.store.update_hubs([winner, loser])
    ctx.store.update_links([*winner.links.values(), *loser.links.values()])
    keys = match_keys(loser.fields, ctx.entries, ctx.kind)
    mine = {key for _, key in match_keys(winner.fields, ctx.entries, ctx.kind)}
    ctx.store.drop_keys([(key, winner.id) for _, key in keys if key not in mine])
    ctx.store.add_keys([(key, loser.id) for _, key in keys])
    _point_back(ctx, union["references"], loser.id, winner.id, at)
    subjects = [("duplicate", ctx.subject(s, remote_id)) for s, remote_id in union["kept"].items()]
    ctx.store.close_reviews(subjects, at)
    _log(ctx, winner, SPLIT, by, {**told, "split": loser.id}, at)
    _log(ctx, loser, SPLIT, by, {"from": winner.id}, at)
    if STAGE in told and told[STAGE]["new"]:
        move = {"old": told[STAGE]["old"], "new": told[STAGE]["new"], "system": by, "reason": None}
        row = {"hub_id": winner.id, "run_id": ctx.run_id, "at": at, "evidence": f"split from {loser.id}"}
        ctx.store.log_stages([{**row, **move}])
    return True


def _take_values(winner: Hub, loser: Hub, rules: Rules) -> dict[str, dict[str, Any]]:
    """What the loser's hub record knows besides its records: by each field's policy, and else where the winner knows
    nothing. What the records that move say themselves is heard when they are merged."""
    told: dict[str, dict[str, Any]] = {}
    together = tuple(name for name, policy in rules.policies.items() if policy.kind == "consent")
    newest = newer(loser.fields, winner.fields, together)
    for name, value in {**dict.fromkeys(together if newest else ()), **loser.fields}.items():
        old = winner.fields.get(name)
        if name == ACTS or (name in together and not newest):
            continue  # an act was about one of the two; a basis is taken whole or not at all
        new = value if name in together else joined(rules, name, old, value)
        if new != old:
            source = loser.origin.get(name) or loser.origin.get("", "hub")
            winner.fields[name], winner.origin[name] = new, source
            told[name] = {"old": old, "new": new, "from": source, "rule": "united"}
    return told


def joined(rules: Rules, name: str, old: Value, new: Value) -> Value:
    policy = rules.policy(name).kind
    if blank(new) or old == new:
        return old
    if policy == "opt_out_wins":
        if isinstance(new, list):
            return sorted({*(old if isinstance(old, list) else []), *new})
        return True if new is True else old
    if policy == "furthest":
        cycle = rules.lifecycle
        further = cycle.allowed(old, new) and new not in cycle.side and cycle.rank(new) > cycle.rank(old)
        return new if old is None or further else old
    if policy == "union" and isinstance(new, list):
        return sorted({*(old if isinstance(old, list) else []), *new})
    return new if blank(old) else old


def _move_links(ctx: Context, winner: Hub, loser: Hub, note: _Change, at: datetime) -> None:
    reviews: list[Review] = []
    for system, link in sorted(loser.links.items()):
        mine = winner.links.get(system)
        if mine is None or (mine.state != "live" and link.state == "live"):
            link.side = Side(seen={**link.side.base_remote, **link.side.seen}, seen_at=link.side.seen_at)
            link.digest = None
            note.links[system] = link.remote_id
            _give(ctx, link, loser, winner)
        elif link.state == "live":
            link.state = "ignored"
            note.kept[system] = link.remote_id
            about: dict[str, Any] = {"why": "two records", "by": note.rule, "hub": winner.id, "candidates": []}
            about |= {"was": link.remote_id, "into": mine.remote_id}
            subject = ctx.subject(system, link.remote_id)
            reviews.append(Review("duplicate", subject, about, winner.id, system, link.remote_id, record_kind=ctx.kind))
    ctx.store.update_links([link for link in loser.links.values() if link.state == "ignored"])
    ctx.store.open_reviews(reviews, ctx.run_id, at)


def _give(ctx: Context, link: Link, of: Hub, to: Hub) -> None:
    """A link changes hands; one of the new owner's that is dead goes the other way."""
    dead = to.links.get(link.system)
    if dead:
        dead.hub_id = new_id()
        ctx.store.update_links([dead])
    link.hub_id = to.id
    ctx.store.update_links([link])
    del of.links[link.system]
    to.links[link.system] = link
    if dead:
        dead.hub_id = of.id
        ctx.store.update_links([dead])
        of.links[link.system] = dead


def _move_keys(ctx: Context, winner: Hub, loser: Hub) -> None:
    parts = [loser.fields, *(link.side.seen for hub in (winner, loser) for link in hub.links.values())]
    keys = sorted({key for part in parts for _, key in match_keys(part, ctx.entries, ctx.kind)})
    ctx.store.drop_keys([(key, loser.id) for key in keys])
    ctx.store.add_keys([(key, winner.id) for key in keys])


def _repoint(ctx: Context, old: str, new: str, at: datetime) -> list[tuple[str, str, bool]]:
    """Whatever referred to the old record refers to the new one, and has agreed on it with every system: the record
    that a system names is the same as before."""
    noted: list[tuple[str, str, bool]] = []
    for rules, hub in _referring(ctx, old):
        told: dict[str, Any] = {}
        for name in rules.references:
            before = hub.fields.get(name)
            held = references.ids_in(before)
            if old in held:
                noted.append((hub.id, name, new in held))
                told[name] = {"old": before, "new": _renamed(before, old, new), "from": "smarketing", "rule": "united"}
            for part in _parts(hub):
                if name in part:
                    part[name] = _renamed(part[name], old, new)
        _store(ctx, rules, hub)
        _log(ctx, hub, "merged", "smarketing", told, at)
    return noted


def _point_back(ctx: Context, noted: list[list[Any]], loser: str, winner: str, at: datetime) -> None:
    named = {(hub_id, name): both for hub_id, name, both in noted}
    for rules, hub in _referring(ctx, winner):
        told: dict[str, Any] = {}
        for name in rules.references:
            if (hub.id, name) not in named:
                continue
            before = hub.fields.get(name)
            held = references.ids_in(before)
            if winner in held:
                both = named[hub.id, name]
                ids = sorted({*held, loser} if both else {*held, loser} - {winner})
                hub.fields[name] = ids if isinstance(before, list) else loser
                told[name] = {"old": before, "new": hub.fields[name], "from": "person", "rule": "split"}
        hub.dirty = True
        _store(ctx, rules, hub)
        _log(ctx, hub, "merged", "person", told, at)


def _referring(ctx: Context, target: str) -> Iterator[tuple[Rules, Hub]]:
    for hub in ctx.store.hubs(ctx.store.referring(target)).values():
        if hub.kind in ctx.every:
            yield ctx.every[hub.kind], hub


def _store(ctx: Context, rules: Rules, hub: Hub) -> None:
    ctx.store.update_hubs([hub])
    ctx.store.update_links(list(hub.links.values()))
    ctx.store.refer(
        [hub.id], [(hub.id, name, i) for name in rules.references for i in references.ids_in(hub.fields.get(name))]
    )


def _parts(hub: Hub) -> Iterator[Fields]:
    yield hub.fields
    for link in hub.links.values():
        yield from (link.side.base_remote, link.side.base_hub, link.side.seen)


def _renamed(value: Value, old: str, new: str) -> Value:
    if isinstance(value, list):
        return sorted({new if i == old else i for i in value})
    return new if value == old else value


def _give_back(winner: Hub, union: dict[str, Any], rules: Rules) -> dict[str, dict[str, Any]]:
    """The winner's own values, where what it holds now is what came by the union."""
    told: dict[str, dict[str, Any]] = {}
    for name, came in union["fields"].items():
        now, before = winner.fields.get(name), union["before"].get(name)
        by_union = now == joined(rules, name, before, came) or now == came
        if now == before or not by_union or rules.policy(name).kind == "opt_out_wins":
            continue
        winner.fields[name] = before
        told[name] = {"old": now, "new": before, "from": "person", "rule": "split"}
    return told


def _log(ctx: Context, hub: Hub, kind: str, by: str, detail: dict[str, Any], at: datetime) -> None:
    ctx.store.log_changes(
        [{"hub_id": hub.id, "run_id": ctx.run_id, "at": at, "kind": kind, "system": by, "detail": detail}]
    )
