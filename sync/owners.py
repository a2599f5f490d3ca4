"""Owners who have left, and what becomes of the records that are still theirs.

Effects: the store; the caller commits. Where a user is inactive in a system, or gone from it, and owns live records
there, one question is asked for him and not one for each record. Nothing is given to anybody without a person's word; what
a person hands over is the hub's value from then on and goes the way of every value: plan, guard, push. Invariant: no
system is told to give a record to somebody who has left it.

Salesforce refuses such a write (INACTIVE_OWNER_OR_USER), a dead letter for each record; HubSpot shows the record as that
of a deactivated user.
https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mapping.fields import Kind
from mapping.rules import Rules
from state.records import Hub, Review
from state.store import Store
from sync.context import Context
from sync.merge import PERSON

ACTIVE = "active"
"""The field of an owner that says whether the account may be used."""
OWNER: Kind = "owner"

INACTIVE, GONE = "inactive", "gone"
"""How somebody has left a system."""


def left(hub: Hub) -> dict[str, str]:
    """System -> how this owner has left it, for each that he has left."""
    found: dict[str, str] = {}
    for system, link in sorted(hub.links.items()):
        if link.state == "deleted":
            found[system] = GONE
        elif link.state == "live" and link.side.seen.get(ACTIVE, link.side.base_remote.get(ACTIVE)) is False:
            found[system] = INACTIVE
    return found


def away(store: Store, among: Iterable[str] | None = None) -> dict[str, set[str]]:
    """System -> the owners who have left it. `among`: of these hub records alone."""
    found: dict[str, set[str]] = {}
    owners = store.of(OWNER)
    for hub in owners.hubs(owners.ids() if among is None else among).values():
        for system in left(hub) if hub.kind == OWNER else ():
            found.setdefault(system, set()).add(hub.id)
    return found


def owner_fields(rules: Rules) -> frozenset[str]:
    """The fields by which a record of this kind belongs to one owner."""
    maps = (field for mapper in rules.mappers.values() for field in mapper.references.values())
    return frozenset(field.hub for field in maps if field.refers == OWNER and not field.many)


def hand_over(kinds: Sequence[Context]) -> bool:
    """Carry out what people have answered. True where anything was handed over: it has yet to be settled."""
    store, at = kinds[0].store, kinds[0].clock()
    done = False
    for review in store.reviews("owner", resolved=True):
        target = (review.resolution or {}).get("hub")
        if target and review.hub_id:
            target = store.heirs([target]).get(target, target)
            for ctx in kinds:
                done |= _give(ctx, review, str(target), at)
        store.close_reviews([(review.kind, review.subject)], at)
    kinds[0].commit()
    return done


def _give(ctx: Context, review: Review, target: str, at: datetime) -> bool:
    """The records of one kind, as the question named them: those in the systems that the old owner has left."""
    old, fields = str(review.hub_id), owner_fields(ctx.rules)
    ids = ctx.store.owned(old, fields, review.detail["left"]) if fields else []
    for start in range(0, len(ids), ctx.batch):
        hubs = list(ctx.store.hubs(ids[start : start + ctx.batch]).values())
        changes: list[dict[str, Any]] = []
        for hub in hubs:
            told: dict[str, Any] = {}
            for name in fields:
                if hub.fields.get(name) == old:
                    rule = f"review {review.id}"
                    told[name] = {"old": old, "new": target, "from": PERSON, "rule": rule, "by": review.resolved_by}
                    hub.fields[name], hub.origin[name] = target, PERSON
            hub.touched = hub.dirty = True
            row = {"hub_id": hub.id, "run_id": ctx.run_id, "at": at}
            changes.append({**row, "kind": "resolved", "system": PERSON, "detail": told})
        ctx.store.update_hubs(hubs)
        ctx.store.log_changes(changes)
    return bool(ids)


def look(kinds: Sequence[Context]) -> None:
    """Ask for each owner who has left and still owns something, and stop asking where that is no longer so. Notes who has
    left which system, for the plan."""
    first, at = kinds[0], kinds[0].clock()
    owners = first.store.of(OWNER)
    asked = owners.newest_reviews("owner")
    there = owners.hubs(owners.ids())
    over = [("owner", subject) for subject, review in asked.items() if review.open and subject not in there]
    owners.close_reviews(over, at)  # of one who is part of another by now
    for hub in there.values():
        gone = left(hub)
        for system in gone:
            first.away.setdefault(system, set()).add(hub.id)
        before = asked.get(hub.id)
        if not gone and before is None:
            continue
        now = {"left": gone, "counts": _counts(kinds, hub.id, gone)}
        if before and before.detail["left"].keys() - gone.keys():
            owners.flag_referrers([hub.id])  # he is back there: that system may be told again of what is his
        _ask(first, hub, before, now, at)
    first.commit()


def _counts(kinds: Sequence[Context], owner: str, systems: Collection[str]) -> dict[str, int]:
    """How many records of each kind are his, in the systems that he has left."""
    found: dict[str, int] = {}
    for ctx in kinds if systems else ():
        fields = owner_fields(ctx.rules)
        if fields and (ids := ctx.store.owned(owner, fields, systems)):
            found[ctx.kind] = len(ids)
    return found


def _ask(ctx: Context, hub: Hub, before: Review | None, now: dict[str, Any], at: datetime) -> None:
    store = ctx.store.of(OWNER)
    known = before.detail if before else None
    if now["counts"] and (before is None or (not before.open and _is_news(before, now))):
        store.open_reviews([Review("owner", hub.id, now, hub.id, record_kind=OWNER)], ctx.run_id, at)
        return
    if before and known != now:
        # Of a closed one as well: of fewer records than then, fewer are needed to be more.
        store.note_in_review(before.id, now)
    if before and before.open and not now["counts"]:
        store.close_reviews([("owner", hub.id)], at)


def _is_news(before: Review, now: Mapping[str, Any]) -> bool:
    """Whether there is more to ask than when a person said to leave it as it is."""
    if not (before.resolution or {}).get("ignore"):
        return True
    counts: Mapping[str, int] = before.detail["counts"]
    more = any(number > counts.get(kind, 0) for kind, number in now["counts"].items())
    return more or bool(now["left"].keys() - before.detail["left"].keys())
