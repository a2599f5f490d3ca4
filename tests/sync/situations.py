"""Leads in any situation, for hypothesis: some systems agreed with the hub once, some are met for the first time, and
any of them shows something new. Systems and lossy fields are those of the simulation."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from mapping.fields import Fields, Policy, PolicyKind, Value, blank
from mapping.rules import Rules
from state.records import Hub, Link, Side
from sync.merge import Merged, merge, unseen
from tests.simulation.world import LISTS, STAGES, SYSTEMS, TAGS, norm, rules
from tests.state.made import AT

LADDER = rules().lifecycle.ladder
STAGE_NAMES = rules().lifecycle.stages
TEXT_FIELDS = ("name", "phone", "title", "note")
KINDS: tuple[PolicyKind, ...] = ("prefer", "owner", "fill_blank", "newest", "review")
ORDERS = st.permutations(SYSTEMS).map(tuple)

texts = st.sampled_from(["Al", "al", "Bob", "bobby", "Chief", "CHIEF", "Chiefs", "Élan", "ELAN", "zoë", ""])
tags = st.lists(st.sampled_from(TAGS), unique=True).map(sorted)


def hub_value(name: str) -> st.SearchStrategy[Any]:
    if name == "stage":
        return st.sampled_from(STAGE_NAMES)
    if name in ("opted_out", "sms_opted_out"):
        return st.booleans()
    if name == "left":
        return st.lists(st.sampled_from(LISTS), unique=True).map(lambda v: sorted(v) or None)
    return tags.map(lambda v: v or None) if name == "tags" else texts.map(lambda v: v or None)


def shown_value(system: str, name: str) -> st.SearchStrategy[Any]:
    """What the system can show, as the mapper reads it."""
    if name == "stage":
        m = rules().mappers[system].maps["stage"]
        words = sorted(set(STAGES[system].values()))
        return st.none() | st.sampled_from(words).map(m.decode)
    if name in TEXT_FIELDS:
        return texts.map(lambda v: norm(system, name)(v) or None)
    return hub_value(name)


@dataclass
class Situation:
    """`agreed`: what each system and the hub last agreed on."""

    rules: Rules
    hub: Fields
    origin: dict[str, str]
    sides: dict[str, Side]

    def merge(self, order: tuple[str, ...] = ()) -> tuple[Merged, dict[str, Side]]:
        """On a copy, the sides in this order; with what became of the sides."""
        sides = {name: deepcopy(self.sides[name]) for name in (order or tuple(self.sides)) if name in self.sides}
        return merge(dict(self.hub), dict(self.origin), sides, self.rules), sides

    def lead(self) -> Hub:
        links = {
            s: Link("1" * 32, s, f"{s}-1", deepcopy(side), n=n) for n, (s, side) in enumerate(self.sides.items(), 1)
        }
        return Hub("1" * 32, dict(self.hub), dict(self.origin), links=links)

    def same(self, system: str, name: str, remote: Value, hub: Value) -> bool:
        return self.rules.mappers[system].same(name, remote, hub)


FIELDS = (*TEXT_FIELDS, "stage", "opted_out", "sms_opted_out", "left", "tags")


@st.composite
def situations(draw: st.DrawFn, kinds: tuple[PolicyKind, ...] = KINDS, known: bool | None = None) -> Situation:
    """`known`: whether the hub knows the lead already; None for either."""
    order = draw(ORDERS)
    policies = {name: Policy(draw(st.sampled_from(kinds)), order) for name in TEXT_FIELDS}
    rules_ = rules({**policies, **{n: replace(rules().policies[n], systems=order) for n in FIELDS[4:]}})
    hub: Fields = {}
    if known or (known is None and draw(st.booleans())):
        told = draw(st.sets(st.sampled_from(FIELDS)))
        hub = {name: draw(hub_value(name)) for name in FIELDS if name in told}
    origin = {name: draw(st.sampled_from((*SYSTEMS, "person"))) for name in hub}
    sides: dict[str, Side] = {}
    for system in draw(st.sets(st.sampled_from(SYSTEMS), min_size=1).map(sorted)):
        side = Side()
        for name in FIELDS:
            if bool(hub) and draw(st.booleans()):
                # They agreed once: on what the hub is now, or on something older.
                old = hub.get(name) if draw(st.booleans()) else draw(hub_value(name))
                side.absorb(name, rules_.mappers[system].roundtrip(name, old), old)
        read = {name: draw(shown_value(system, name)) for name in FIELDS if draw(st.booleans())}
        side.seen = unseen(side.base_remote, read)
        side.seen_at = draw(st.none() | st.integers(0, 2).map(lambda n: AT + timedelta(hours=n)))
        sides[system] = side
    return Situation(rules_, hub, origin, sides)


@st.composite
def at_rest(draw: st.DrawFn, kinds: tuple[PolicyKind, ...] = KINDS) -> Situation:
    """All three systems agree with the hub on everything."""
    situation = draw(situations(kinds, known=True))
    hub = {name: draw(hub_value(name)) for name in FIELDS}
    sides = {}
    for system in SYSTEMS:
        side = sides[system] = Side()
        for name, value in hub.items():
            side.absorb(name, situation.rules.mappers[system].roundtrip(name, value), value)
    return Situation(situation.rules, hub, {"": draw(st.sampled_from(SYSTEMS))}, sides)


def said(sides: Mapping[str, Side], name: str) -> dict[str, Value]:
    """What each system newly says of a field, blanks left out."""
    return {s: side.seen[name] for s, side in sides.items() if not blank(side.seen.get(name))}
