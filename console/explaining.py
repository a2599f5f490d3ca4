"""`explain`: why a lead is what it is. From the history, put together for one person.

Not here: how it is drawn (`telling`). Invariant: whatever the hub holds or a system shows is told with its source; a
value without one is told as such, never left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from alignment.scoring.explain import Explanation
from console.names import name_of, names_in
from console.plans import Reasons
from console.score import explain_score
from console.screen import plain
from mapping.config import ProjectFile
from mapping.fields import ACTS, HIDDEN, Kind
from mapping.mapper import Mapper
from mapping.rules import Rules
from state.history import ChangeRow, Happened, History, ReviewRow, SentRow, StageRow
from state.records import RECORD, Hub, Link
from state.store import Store
from sync import references
from sync.archive import LEFT
from sync.inclusion import Standing, Waits, standing
from sync.owners import away
from sync.plan import news_for
from sync.project import Opened
from sync.reconcile import SMARKETING
from sync.references import ids_in

ACTIVITIES = 10
"""How many of the last ones are told."""


@dataclass(frozen=True)
class FieldStory:
    """`systems`: what each system shows; `waiting`: systems that have yet to be told, or that claim otherwise."""

    name: str
    value: Any
    source: str
    rule: str
    at: datetime | None
    run: str
    systems: dict[str, Any]
    behind: list[str]
    claims: dict[str, Any]


@dataclass(frozen=True)
class Lost:
    """A conflict: who claimed what, who won."""

    field: str
    claims: dict[str, Any]
    winner: str | None
    rule: str
    at: datetime
    run: str


@dataclass(frozen=True)
class Event:
    """One line of the timeline."""

    at: datetime | None
    run: str
    what: str
    told: str
    system: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    id: str
    who: str
    merged_into: str | None
    records: dict[str, dict[str, Any]]
    fields: list[FieldStory]
    conflicts: list[Lost]
    stages: list[dict[str, Any]]
    score: int | None
    score_parts: list[tuple[str, int]]
    score_misses: list[tuple[str, int]]
    scoring: Explanation | None
    absent: dict[str, str]
    """system -> why the lead is not in it, or no longer, or is not told there"""
    standing: dict[str, dict[str, Any]]
    """system -> how the lead stands with it: `sync.inclusion.Standing`"""
    reviews: list[dict[str, Any]]
    activities: list[Happened]
    """the last ones, newest first"""
    timeline: list[Event] = field(repr=False)
    kind: Kind = "lead"
    around: dict[Kind, list[dict[str, str]]] = field(default_factory=dict)
    """kind -> the records of that kind which refer to this one, by id and name"""
    names: dict[str, str] = field(default_factory=dict, repr=False)
    """What the hub records are called that values refer to, by their ids."""

    def value(self, name: str) -> Any:
        return next((told.value for told in self.fields if told.name == name), None)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def story(
    opened: Opened, history: History, store: Store, hub_id: str, most: int | None = None, activities: int = ACTIVITIES
) -> Story:
    """All that is known of a hub record, from a handful of queries, and one for each month of its last activities. `most`: of
    those who refer to it, how many are named; `activities`: how many of the last ones."""
    lead = store.hubs([hub_id])[hub_id]
    changes = history.changes([hub_id]).get(hub_id, [])
    stages = history.stages([hub_id]).get(hub_id, [])
    sent = history.sent(hub_id)
    reviews = history.reviews(hub_id=hub_id)
    standings = _standings(opened, store, lead, reviews, sent)
    scoring = explain_score(opened, store, lead) if lead.kind == "lead" else None
    lines = scoring.lines if scoring else ()
    around = _around(store, lead, most)
    told = _fields(opened, store, lead, Reasons(lead, changes, stages))
    conflicts = _conflicts(changes)
    return Story(
        id=lead.id,
        who=name_of(lead),
        merged_into=lead.merged_into,
        records={name: _record(link) for name, link in sorted(lead.links.items())},
        fields=told,
        conflicts=conflicts,
        stages=[asdict(stage) for stage in stages],
        score=scoring.total if scoring else None,
        score_parts=[(line.rule, line.counts) for line in lines if line.holds],
        score_misses=[(line.rule, line.points) for line in lines if not line.holds],
        scoring=scoring,
        absent=_absent(standings),
        standing={system: one._asdict() for system, one in standings.items()},
        reviews=[{"id": r.id, "kind": r.kind, "subject": r.subject, "opened_at": r.opened_at} for r in reviews],
        activities=history.activities(hub_id, activities) if activities else [],
        timeline=_timeline(changes, stages, sent),
        kind=lead.kind,
        around=around,
        names=names_in(store, [asdict(one) for one in told], [lost.claims for lost in conflicts]),
    )


def _around(store: Store, hub: Hub, most: int | None) -> dict[Kind, list[dict[str, str]]]:
    """What refers to it, and is still there. An owner's records are left out: there are too many."""
    if hub.kind == "owner":
        return {}
    referring = store.hubs(store.referring(hub.id)[:most]).values()
    found: dict[Kind, list[dict[str, str]]] = {}
    for other in sorted(referring, key=lambda other: (name_of(other).casefold(), other.id)):
        if other.alive and not other.merged_into:
            stage = other.fields.get("stage")
            entry = {"id": other.id, "name": name_of(other), **({"stage": str(stage)} if stage else {})}
            found.setdefault(other.kind, []).append(entry)
    return found


def _record(link: Link) -> dict[str, Any]:
    return {"id": link.remote_id, "state": link.state, "changed_at": link.side.seen_at}


def _fields(opened: Opened, store: Store, lead: Hub, reasons: Reasons) -> list[FieldStory]:
    rules = opened.rules.of(lead.kind)
    there = _there(store, rules, lead)
    names = [n for n in dict.fromkeys([*_order(opened.project.config, lead.kind), *lead.fields]) if n not in HIDDEN]
    told = []
    for name in names:
        shows = {system: _shows(link, name) for system, link in lead.links.items() if _knows(link, name)}
        claims = {s: link.side.seen[name] for s, link in lead.links.items() if name in link.side.seen}
        if lead.fields.get(name) is None and not any(value is not None for value in shows.values()):
            continue
        why, last = reasons(name), reasons.last(name)
        change = last[0] if last else reasons.first
        if lead.fields.get(name) is None and last is None:
            why, change = {"from": "", "rule": "a person decides" if claims else "no value yet"}, None
        behind = [
            system
            for system, link in sorted(lead.links.items())
            if link.state == "live"
            and system in rules.mappers
            and _sayable(rules.mappers[system], name, lead, there[system])
            and any(n == name for n, _ in news_for(rules.mappers[system], link.side, lead.fields))
        ]
        told.append(
            FieldStory(
                name, lead.fields.get(name), why["from"], why["rule"],
                change.at if change else None, change.run_id if change else "", shows, behind, claims,
            )
        )  # fmt: skip
    return told


def _there(store: Store, rules: Rules, hub: Hub) -> dict[str, Collection[str]]:
    """By system, which of the records that this one refers to it has."""
    wanted = {i for name in rules.references for i in ids_in(hub.fields.get(name))}
    return {system: store.names_of(system, wanted) if wanted else () for system in rules.mappers}


def _sayable(mapper: Mapper, name: str, hub: Hub, there: Collection[str]) -> bool:
    """A system is not told of a record that it does not have."""
    return name not in mapper.references or all(i in there for i in ids_in(hub.fields.get(name)))


def _order(config: ProjectFile, kind: Kind) -> list[str]:
    if kind != "lead":
        return ["name", "domain", *(config.fields_of(kind) or {})]
    return [
        "email",
        "first_name",
        "last_name",
        "company",
        "stage",
        "stage_reason",
        "score",
        "sales_qualified",
        *config.fields,
    ]


def _knows(link: Link, name: str) -> bool:
    return link.state == "live" and (name in link.side.base_remote or name in link.side.seen)


def _shows(link: Link, name: str) -> Any:
    return link.side.seen[name] if name in link.side.seen else link.side.base_remote[name]


def _conflicts(changes: Sequence[ChangeRow]) -> list[Lost]:
    return [
        Lost(name, entry["claims"], entry["winner"], entry["rule"], change.at, change.run_id)
        for change in changes
        for name, entry in change.detail.items()
        if isinstance(entry, dict) and "claims" in entry
    ]


# -- why not there ----------------------------------------------------------------------------------------------------


def _standings(
    opened: Opened, store: Store, lead: Hub, reviews: Sequence[ReviewRow], sent: Sequence[SentRow]
) -> dict[str, Standing]:
    """How the lead stands with every system."""
    rules = opened.rules.of(lead.kind)
    named_in = {
        review.system or "": review.id
        for review in store.naming(lead.id)
        for candidate in review.detail.get("candidates", ())
        if candidate["hub"] == lead.id
    }
    referred = {i for name in rules.references for i in ids_in(lead.fields.get(name))}
    gone = away(store, referred) if "owner" in opened.rules.kinds else {}
    waits = Waits(
        questions=named_in,
        letters={r.system or "": r.id for r in reviews if r.kind in ("dead_letter", "duplicate")},
        doubtful={row.write.system for row in sent if row.write.state in ("sent", "unknown")},
        parked=store.parked([lead.id]),
        there=references.there(store, rules, [lead], {}, gone),
        away=gone,
        needed=references.needed_there(store, rules, [lead]),
    )
    return {system: standing(lead, system, rules, waits) for system in rules.mappers}


def _absent(standings: Mapping[str, Standing]) -> dict[str, str]:
    return {system: plain(one.sentence, 600) for system, one in standings.items() if one.code not in THERE}


THERE = ("in_line", "update")
"""Codes of which there is nothing to explain."""


# -- timeline ---------------------------------------------------------------------------------------------------------


def _timeline(changes: Sequence[ChangeRow], stages: Sequence[StageRow], sent: Sequence[SentRow]) -> list[Event]:
    events = [
        Event(c.at, c.run_id, c.kind, _told_change(c), c.system, tuple(_typed(c)) if c.kind == "merged" else ())
        for c in changes
    ]
    events += [
        Event(s.at, s.run_id, "stage", f"{s.old or 'none'} → {s.new} by {s.system}: {s.reason or s.evidence}", s.system)
        for s in stages
    ]
    events += [_told_write(row) for row in sent if row.write.state != "planned"]
    return sorted(events, key=lambda e: (e.at is None, e.at.timestamp() if e.at else 0.0, e.run))


def _told_write(row: SentRow) -> Event:
    write = row.write
    what = {"done": "sent", "sent": "in doubt"}.get(write.state, write.state)
    told = f"{write.operation} in {write.system}: {', '.join(write.fields)}"
    if write.operation == "merge":
        told = f"merge in {write.system}: {' into '.join(str(i) for i in write.fields[RECORD])}"
    error = f" ({plain(write.error)})" if write.error else ""
    return Event(row.at, write.run_id, what, told + error, write.system, tuple(write.fields))


def _typed(change: ChangeRow) -> list[str]:
    """The fields that a system had a say in; what the hub computes is left out."""
    entries = ((name, entry) for name, entry in change.detail.items() if isinstance(entry, dict))
    return [name for name, entry in entries if entry.get("from") not in (None, SMARKETING)]


def _told_change(change: ChangeRow) -> str:
    if change.kind == "created":
        return f"first seen in {change.system}"
    if change.kind == "consent":
        names = (name for name, entry in change.detail.items() if isinstance(entry, dict) and name != ACTS)
        rule = next((e["rule"] for e in change.detail.values() if isinstance(e, dict)), "")
        return f"{rule}, recorded by a person: {', '.join(names)}"
    if change.kind == "united":
        union = change.detail.get("union")
        return f"took in {union['hub']}: they are one" if union else f"is part of {change.detail.get('into')} now"
    if change.kind == "split":
        return f"{change.detail.get('split')} is apart again"
    if change.kind == "reverted":
        return f"put back in {change.system}: {', '.join(change.detail)}"
    if change.kind in ("linked", "unlinked"):
        became = change.detail.get("became")
        if change.detail.get("rule") == LEFT:
            return f"{change.system} {change.detail.get('was')} was archived: {LEFT}"
        return f"{change.system} {change.detail.get('was')} " + (f"became {became}" if became else "is gone")
    return ", ".join(
        f"{name} from {entry['from']}" if "from" in entry else f"{name} in conflict"
        for name, entry in change.detail.items()
        if isinstance(entry, dict)
    )
