"""What a person records about consent: somebody opts in again, or out, and said so to a person. Kept with who, when, on
which basis and why; the next run tells it to every system that may be told.

Effects: the store; the caller holds the lease of the runs and commits. Nothing is read from or written to any system
here. Invariant: nobody is ever opted in by anything but a call of this; an opt-out that is heard after it counts more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mapping.fields import ACTS, CONSENT_AT, CONSENT_BASIS, CONSENT_SOURCE, Value
from mapping.rules import Rules
from state.records import Hub
from state.store import Store
from sync.consent import WHOLE, act_of, members
from sync.merge import PERSON

RECORDED = "consent"
"""Kind of the change row."""


@dataclass(frozen=True)
class Act:
    """`channel`: a field that says what somebody has opted out of. `member`: a list, where the field is one of lists.
    `basis`: the value of `consent_basis`, as the field holds it; it is noted with an act that opts somebody in."""

    channel: str
    out: bool
    by: str
    note: str = ""
    member: str = WHOLE
    basis: Value = None


def record(store: Store, rules: Rules, hub: Hub, act: Act, at: datetime) -> dict[str, dict[str, Any]]:
    """Returns what is noted in the history: field -> what changed, who says so, and why."""
    told: dict[str, Any] = {
        "from": PERSON,
        "rule": "opted out" if act.out else "opted in",
        "by": act.by,
        "note": act.note,
    }
    if act.basis:
        told["basis"] = act.basis
    wanted: dict[str, Value] = {act.channel: _after(hub, act)}
    if not act.out:
        wanted[ACTS] = sorted({*members(hub.fields.get(ACTS)), act_of(act.channel, act.member)})
        wanted |= _basis(rules, act, at)
    detail: dict[str, dict[str, Any]] = {}
    for name, value in wanted.items():
        old = hub.fields.get(name)
        if value != old or name == act.channel:
            detail[name] = {"old": old, "new": value, **told}
        hub.fields[name] = value
        hub.origin[name] = PERSON
    if act.member:
        detail[act.channel]["list"] = act.member
    hub.touched = hub.dirty = True  # copies and score follow from it, and every system hears of it, in the next run
    store.update_hubs([hub])
    row = {"hub_id": hub.id, "run_id": "", "at": at, "kind": RECORDED, "system": PERSON, "detail": detail}
    store.log_changes([row])
    return detail


def _after(hub: Hub, act: Act) -> Value:
    if not act.member:
        return act.out
    joined = members(hub.fields.get(act.channel))
    return sorted(joined | {act.member} if act.out else joined - {act.member}) or None


def _basis(rules: Rules, act: Act, at: datetime) -> dict[str, Value]:
    """The basis as shared fields, as far as the project has them."""
    policies = {name for name, policy in rules.policies.items() if policy.kind == "consent"}
    found: dict[str, Value] = {
        CONSENT_BASIS: act.basis or None,
        CONSENT_AT: at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        CONSENT_SOURCE: f"told to {act.by}",
    }
    return {name: value for name, value in found.items() if name in policies} if act.basis else {}


def by_hand(rules: Rules, hub: Hub, act: Act) -> list[str]:
    """The systems that show the opt-out and whose field of it cannot be written: there a person has to change it."""
    found = []
    for system, link in sorted(hub.links.items()):
        mapper = rules.mappers.get(system)
        shown = link.side.base_remote.get(act.channel)
        out = act.member in members(shown) if act.member else shown is True
        if mapper and link.state == "live" and out and act.channel not in mapper.pushed:
            found.append(system)
    return found
