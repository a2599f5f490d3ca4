"""Consent in the merge and in the plan: who has opted out of what, and on which legal basis anybody is written to. Pure.

A channel is a yes-or-no field (yes: opted out of it), or a list of the lists that a person has left. Invariants: once
opted out, no sync opts anybody back in; "not opted out" is sent only where a person has recorded the act that says so
(`sync.acts`), only to a system that shows the opt-out which the act is about, and once. Basis, date and source of a
consent come from one telling, never from two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mapping.fields import ACTS, CONSENT_AT, Fields, Value, blank
from mapping.mapper import Mapper
from state.records import Side

WHOLE = ""
"""What is opened again of a channel that is yes or no."""


def members(value: Value) -> set[str]:
    """Of a list; nothing for anything else."""
    return set(value) if isinstance(value, list) else set()


def act_of(name: str, member: str = WHOLE) -> str:
    """How the act by which a person opened a channel again, or joined a list again, is noted with the hub record."""
    return f"{name}:{member}" if member else name


def opened(hub: Fields, name: str) -> set[str]:
    """What of a channel a person has opened again by an act that still holds: `WHOLE`, or lists by name. An act holds
    until somebody opts out again."""
    acts = members(hub.get(ACTS))
    if not acts:
        return set()
    value = hub.get(name)
    found = {act.partition(":")[2] for act in acts if act.partition(":")[0] == name}
    return found - (members(value) if isinstance(value, list) else {WHOLE} if value is True else set())


def withdraws(value: Value, shown: Value) -> bool:
    """Whether the value opts out of more than what the system shows."""
    return bool(members(value) - members(shown)) if isinstance(value, list) else value is True


def may_send(mapper: Mapper, name: str, value: Value, shown: Value, hub: Fields) -> bool:
    """Whether a system that shows `shown` may be told. Between our reading and our writing the person may have opted
    out: so nothing but an opt-out is sent, save where an act says otherwise of what the system shows."""
    free = opened(hub, mapper.consent[name])
    if isinstance(value, list) or isinstance(shown, list):
        return members(shown) - members(value) <= free and members(shown) != members(value)
    return value is True or (value is False and shown is True and WHOLE in free)


def takes_back(old: Value, new: Value) -> bool:
    """Whether a write from the one to the other opts somebody back in."""
    return new is False or bool(members(old) - members(new))


def opted_out(
    name: str, claims: Mapping[str, Value], sides: Mapping[str, Side], hub: Fields, rank: Callable[[str], int]
) -> tuple[str | None, Value]:
    """Who opted out, and what the hub is then; None where nobody did it who had not before."""
    current = hub.get(name)
    if isinstance(current, list) or any(isinstance(value, list) for value in claims.values()):
        free, joined = opened(hub, name), members(current)
        first: str | None = None
        for system in sorted(claims, key=lambda s: (rank(s), s)):
            # What it showed already when the person joined again is not said anew.
            left = members(claims[system]) - (members(sides[system].base_remote.get(name)) & free)
            first = first if first or left <= joined else system
            joined |= left
        return first, sorted(joined) or None
    if current is True:
        return None, True
    told = sorted((s for s, value in claims.items() if value is not None), key=lambda s: (rank(s), s))
    out = next((s for s in told if claims[s] is True), None)
    if out is not None or current is not None or not told:
        return out, True if out is not None else current
    return told[0], claims[told[0]]


# -- the legal basis --------------------------------------------------------------------------------------------------


class Basis(NamedTuple):
    """One telling of the basis. Compares as: the newer; among equals what was changed since it was agreed on; the
    preferred system."""

    at: str
    changed: bool
    rank: tuple[int, ...]
    system: str
    fields: Fields


def told_basis(system: str, side: Side, mapper: Mapper, names: tuple[str, ...], rank: int) -> Basis | None:
    """What a system says of the basis as a whole, where it says anything new. One that keeps no date of it changed it
    no later than the record; on first sight nothing is known of when."""
    news = [name for name in names if not blank(side.seen.get(name))]
    if not news:
        return None
    fields: Fields = {
        name: value
        for name in names
        if not blank(value := side.seen[name] if name in side.seen else side.base_remote.get(name))
    }
    changed = any(name in side.base_remote for name in news)
    if CONSENT_AT not in mapper.pulled and CONSENT_AT in names and changed and side.seen_at is not None:
        fields[CONSENT_AT] = side.seen_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Basis(str(fields.get(CONSENT_AT) or ""), changed, (-rank,), system, fields)


def newer(one: Fields, other: Fields, names: tuple[str, ...]) -> bool:
    """Whether the first has the newer basis; one at all, where the other has none."""
    if all(blank(other.get(name)) for name in names):
        return not all(blank(one.get(name)) for name in names)
    return str(one.get(CONSENT_AT) or "") > str(other.get(CONSENT_AT) or "")
