"""One question with all that a person needs to decide it: gathered, not drawn.

Reading only, a handful of queries a question. Not here: the words for it (the terminal's in `reviews`, the pages' in
`web.review_words`). Invariant: what is shown of a record is what its system showed last, and what is compared is compared by the
functions that matching uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from console.answering import Option, claimants, field_of, options
from console.candidates import Likely, likely
from console.leavers import address_of
from console.names import name_of, named, names_in
from mapping.compiler import default_conflict, policy_of
from mapping.config import OnConflict
from mapping.derived import shared_fields
from mapping.fields import STAGE, Policy, Value
from mapping.rules import Rules
from mapping.shared import HubField
from state.history import History, ReviewRow
from state.queue import Queue, Wanted
from state.records import Hub
from state.store import Store
from sync.merge import Verdict, decided
from sync.owners import left
from sync.project import Opened


@dataclass(frozen=True)
class Opinion:
    """What one system shows of the field. `take`: by which its word is taken; empty where it has no say in the question.
    `changed_at`: when the record last changed there, as far as the system says. `held`: it is the value of the hub, which came
    from this system."""

    system: str
    value: Value
    take: str = ""
    remote_id: str = ""
    state: str = ""
    changed_at: datetime | None = None
    held: bool = False


@dataclass(frozen=True)
class Past:
    """A change of the field, or a conflict over it that was decided."""

    at: datetime
    run: str
    source: str
    old: Value
    new: Value
    rule: str


@dataclass(frozen=True)
class Conflict:
    """`policy`: who wins by the configuration; `otherwise`: what the order of the systems' roles would do, were it not for
    a person. `like`: how many more wait about this field. `input`: the shared field, where a value can be typed."""

    field: str
    opinions: tuple[Opinion, ...]
    past: tuple[Past, ...]
    policy: Policy
    otherwise: Verdict
    like: int
    input: HubField | None


@dataclass(frozen=True)
class Letter:
    """What was refused. `fields`: (field, remote name, what it was, what was sent, what is wrong with it)."""

    operation: str
    fields: tuple[tuple[str, str, Value, Value, Mapping[str, Any] | None], ...]
    problems: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Owner:
    """`heirs`: (e-mail address, name) of those who are active in every system."""

    left: Mapping[str, str]
    counts: Mapping[str, int]
    heirs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Question:
    """`about`: the part that its kind of question has; the stops of a guard, the problems of a value. `names`: what the hub
    records are called that values refer to, by id. `run`: which carried the answer out."""

    review: ReviewRow
    who: str
    options: tuple[Option, ...]
    names: Mapping[str, str]
    about: Conflict | Likely | Letter | Owner | tuple[Mapping[str, Any], ...]
    run: str = ""
    others: tuple[ReviewRow, ...] = field(default=())


def question(opened: Opened, store: Store, review: ReviewRow) -> Question:
    """All of one question."""
    queue = Queue(store)
    mentioned = [review.hub_id, review.detail]
    about = _about(opened, store, queue, review)
    shown = [o.value for o in about.opinions] if isinstance(about, Conflict) else []
    past = [(p.old, p.new) for p in about.past] if isinstance(about, Conflict) else []
    names = names_in(store, mentioned, shown, past)
    return Question(
        review=review,
        who=who_of(review, names),
        options=tuple(_offered(opened, review)),
        names=names,
        about=about,
        run=queue.carried_out_by([review]).get(review.id, "") if review.resolution else "",
        others=_others(queue, review),
    )


def who_of(review: ReviewRow, names: Mapping[str, str]) -> str:
    """Whom or what it is about, as people would say it."""
    if review.hub_id and review.hub_id in names:
        return names[review.hub_id]
    if "record" in review.detail:
        return named(review.detail["record"], review.subject, review.record_kind)
    return named({}, review.subject, review.record_kind)


def _offered(opened: Opened, review: ReviewRow) -> list[Option]:
    """Without what cannot be typed: another record, or a field that is no more."""
    offered = options(review)
    if review.kind != "conflict" or _typed(opened, review):
        return offered
    return [one for one in offered if one.name != "value"]


def _typed(opened: Opened, review: ReviewRow) -> bool:
    field = field_of(review, opened.project)
    if field is None:
        return str(review.detail["field"]) == STAGE
    return field.type != "reference" and not field.many


def _others(queue: Queue, review: ReviewRow) -> tuple[ReviewRow, ...]:
    """What else waits about the same hub record."""
    if not review.hub_id:
        return ()
    return tuple(one for one in queue.reviews(hub_id=review.hub_id, limit=11) if one.id != review.id)[:10]


def _about(
    opened: Opened, store: Store, queue: Queue, review: ReviewRow
) -> Conflict | Likely | Letter | Owner | tuple[Mapping[str, Any], ...]:
    detail = review.detail
    match review.kind:
        case "conflict":
            return _conflict(opened, store, queue, review)
        case "match" | "duplicate":
            return likely(opened, store, review)
        case "dead_letter":
            return _letter(opened, review)
        case "owner":
            return Owner(detail["left"], detail["counts"], heirs(store, review.hub_id))
        case "guard":
            return tuple(detail["stops"])
    return tuple(detail["problems"])


# -- a conflict -------------------------------------------------------------------------------------------------------


def _conflict(opened: Opened, store: Store, queue: Queue, review: ReviewRow) -> Conflict:
    name, detail = str(review.detail["field"]), review.detail
    kind = review.of
    rules = opened.rules.of(kind)
    hub = store.hubs([review.hub_id or ""]).get(review.hub_id or "")
    shared = shared_fields(opened.project.config, kind).get(name)
    otherwise = OnConflict(prefer=()) if shared is None else default_conflict(kind, name, shared)
    policy = policy_of(otherwise, opened.project.config, rules.policy(name).systems)
    waits = queue.count(Wanted("conflict", record_kind=kind, field=name))
    return Conflict(
        field=name,
        opinions=_opinions(review, hub, rules, name),
        past=_past(queue, review.hub_id or "", name),
        policy=rules.policy(name),
        otherwise=decided(name, policy, detail["claims"], detail.get("hub"), rules, hub.links if hub else ()),
        like=max(waits - (review.resolution is None and review.closed_at is None), 0),
        input=field_of(review, opened.project) if _typed(opened, review) else None,
    )


def _opinions(review: ReviewRow, hub: Hub | None, rules: Rules, name: str) -> tuple[Opinion, ...]:
    """Those with a say first, as the question has them; then who else shows the field."""
    claims: Mapping[str, Value] = review.detail["claims"]
    links = hub.links if hub else {}
    told: list[Opinion] = []
    for system, label in claimants(review).items():
        link = links.get(system)
        told.append(
            Opinion(
                system, claims[label], system, link.remote_id if link else "", link.state if link else "",
                link.side.seen_at if link else None, label != system,
            )
        )  # fmt: skip
    for system, link in sorted(links.items()):
        side = link.side
        if system in {one.system for one in told} or system not in rules.mappers:
            continue
        if name in side.seen or name in side.base_remote:
            shown = side.seen[name] if name in side.seen else side.base_remote[name]
            told.append(Opinion(system, shown, "", link.remote_id, link.state, side.seen_at))
    return tuple(told)


def _past(history: History, hub_id: str, name: str) -> tuple[Past, ...]:
    """Newest first."""
    changes = history.changes([hub_id]).get(hub_id, [])
    found = [
        Past(
            change.at, change.run_id, str(entry["from"]), entry.get("old"), entry.get("new"), str(entry.get("rule", ""))
        )
        for change in changes
        for field, entry in change.detail.items()
        if field == name and isinstance(entry, dict) and "from" in entry
    ]
    return tuple(reversed(found))[:8]


# -- what was refused, who has left -----------------------------------------------------------------------------------


def _letter(opened: Opened, review: ReviewRow) -> Letter:
    detail = review.detail
    kind = review.of
    mapper = opened.rules.of(kind).mappers.get(review.system or "")
    problems: list[Mapping[str, Any]] = detail["problems"]
    remote = {name: m.remote for name, m in mapper.maps.items()} if mapper else {}
    shared = {there: name for name, there in remote.items()}
    by_field = {str(p.get("field") or shared.get(str(p.get("remote")), "")): p for p in problems}
    fields = tuple(
        (name, remote.get(name, ""), old, new, by_field.get(name))
        for name, (old, new) in detail.get("fields", {}).items()
    )
    return Letter(str(detail.get("operation", "")), fields, tuple(problems))


def heirs(store: Store, owner: str | None) -> tuple[tuple[str, str], ...]:
    """Those who may take over: active in every system, and known by an e-mail address."""
    owners = store.of("owner")
    there = [hub for hub in owners.hubs(owners.ids()).values() if hub.alive and hub.id != owner and not left(hub)]
    return tuple(
        sorted(((address_of(hub), name_of(hub)) for hub in there if address_of(hub)), key=lambda one: one[1].casefold())
    )
