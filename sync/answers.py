"""Carry out what people have answered to reviews, at the start of the next run.

Effects: the store; and for questions of identity one look at the record in its system.
"""

from __future__ import annotations

from typing import Any

from mapping.fields import REASON, STAGE, Value
from state.records import Review
from sync.context import Context
from sync.identify import Forced
from sync.match import match_keys
from sync.merge import PERSON
from sync.pull import reread
from sync.unite import unite


async def carry_out_for(ctx: Context, system: str) -> None:
    """Answers about a record of this system: which hub record it is, one of its own, or to read it once more."""
    answered = [
        r
        for r in ctx.store.reviews("match", "duplicate", "bad_value", resolved=True)
        if r.system == system and r.record_kind == ctx.kind
    ]
    for review in answered:
        if (review.resolution or {}).get("merge") and review.hub_id and review.detail.get("hub"):
            rule = f"review {review.id}"
            unite(ctx, str(review.detail["hub"]), review.hub_id, ctx.clock(), by=PERSON, rule=rule)
    forced: Forced = {
        review.remote_id: review.resolution
        for review in answered
        if review.remote_id and review.resolution and not review.resolution.keys() & {"ignore", "merge"}
    }
    if forced:
        await reread(ctx, system, sorted(forced), forced=forced)
    ctx.store.close_reviews([(r.kind, r.subject) for r in answered], ctx.clock())
    ctx.ignored |= {r.subject for r in answered if r.resolution and r.resolution.get("ignore")}
    ctx.commit()


def carry_out(ctx: Context) -> None:
    """Answers about hub records of this kind, and refused writes of them."""
    for review in ctx.store.reviews("conflict", "dead_letter", resolved=True):
        answer = review.resolution or {}
        if review.record_kind != ctx.kind:
            continue
        if review.kind == "conflict":
            _settle_conflict(ctx, review, answer)
        elif review.hub_id and answer.get("retry"):
            ctx.store.flag([review.hub_id], dirty=True)
        ctx.store.close_reviews([(review.kind, review.subject)], ctx.clock())
    ctx.commit()


def carry_out_guard(ctx: Context) -> None:
    """Answers to what the guard has stopped."""
    for review in ctx.store.reviews("guard", resolved=True):
        if (review.resolution or {}).get("confirm"):
            ctx.approved |= {(stop["code"], stop["system"]) for stop in review.detail["stops"]}
        ctx.store.close_reviews([(review.kind, review.subject)], ctx.clock())
    ctx.commit()


def _settle_conflict(ctx: Context, review: Review, answer: dict[str, Any]) -> None:
    """The value that a person chose becomes the hub's, and every system's claim on the field counts as read."""
    hub = ctx.store.hubs([review.hub_id or ""])[review.hub_id or ""]
    name = str(review.detail["field"])
    old = hub.fields.get(name)
    value = _chosen(review, answer, old)
    for side in hub.sides().values():
        if name in side.seen:
            side.absorb(name, side.seen[name], side.seen[name])
    keys = {key for _, key in match_keys(hub.fields, ctx.entries, ctx.kind)}
    hub.fields[name] = value
    hub.origin[name] = PERSON
    hub.touched = hub.dirty = True  # score and stage follow from it, and every system hears of it, in this run
    found_by = {key for _, key in match_keys(hub.fields, ctx.entries, ctx.kind)}
    ctx.store.drop_keys([(key, hub.id) for key in sorted(keys - found_by)])
    ctx.store.add_keys([(key, hub.id) for key in sorted(found_by - keys)])
    ctx.store.update_hubs([hub])
    ctx.store.update_links(list(hub.links.values()))
    rule = f"review {review.id}"
    row = {"hub_id": hub.id, "run_id": ctx.run_id, "at": ctx.clock()}
    detail = {name: {"old": old, "new": value, "from": PERSON, "rule": rule}}
    ctx.store.log_changes([{**row, "kind": "resolved", "system": PERSON, "detail": detail}])
    if name == STAGE and value != old:
        move = {"old": old, "new": value, "system": PERSON, "reason": hub.fields.get(REASON), "evidence": rule}
        ctx.store.log_stages([{**row, **move}])


def _chosen(review: Review, answer: dict[str, Any], old: Value) -> Value:
    if "value" in answer:
        said: Value = answer["value"]
        return said
    take = str(answer.get("take", "hub"))
    claims: dict[str, Value] = review.detail["claims"]
    return claims.get(take, old)
