"""The hub record of a record that no link knows: found, made, or a question for a person.

Effects: reads the store. `match` decides; here is what it has to know, from two queries a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Record
from mapping.mapper import Mapper, Problem
from state.records import Hub, Link, Review, Side
from sync.batch import Batch
from sync.context import Context
from sync.match import OUR_ID, Match, contradicts, likeness, match, match_keys

TABLE = "the table of owners"

Forced = Mapping[str, dict[str, Any]]
"""Remote id -> what a person said it is: {"hub": id}, {"new": true} or {"ignore": true}."""


class Finder:
    """Everything that `match` needs to know of a batch of strangers, from two queries."""

    def __init__(self, ctx: Context, system: str, records: Sequence[Record], values: Mapping[str, Any]) -> None:
        self.system, self.kind = system, ctx.kind
        self.id_field = ctx.rules.mappers[system].id_field
        mapper = ctx.rules.mappers[system]
        self.entries, propose = mapper.match, mapper.propose
        self.keys = {r.id: match_keys(values[r.id], self.entries, self.kind) for r in records}
        self.likely = {r.id: match_keys(values[r.id], propose, self.kind) for r in records} if propose else {}
        asked = (key for keys in (*self.keys.values(), *self.likely.values()) for _, key in keys)
        self.found = ctx.store.candidates(set(asked))
        own = {own for r in records if (own := self.own_id(r))}
        self.same = _same(ctx, mapper, records) if mapper.known_as else {}
        hubs = ctx.store.hubs(own.union(*self.found.values(), self.same.values()))
        self.hubs = {i: hub for i, hub in hubs.items() if hub.kind == ctx.kind}
        self.hubs |= ctx.store.hubs(hub.merged_into for hub in self.hubs.values() if hub.merged_into)

    def own_id(self, record: Record) -> str | None:
        value = record.fields.get(self.id_field) if self.id_field else None
        if value is None:
            return None
        ours = isinstance(value, str) and len(value) == 32 and value.isascii() and value.isalnum()
        return str(value) if ours else None  # what else people type there is not even asked for

    def _now(self, hub_id: str | None) -> str | None:
        """What a hub record has become part of, if it has."""
        hub = self.hubs.get(hub_id or "")
        return hub.merged_into if hub and hub.merged_into else hub_id

    def match(self, record: Record) -> Match:
        if (same := self._now(self.same.get(record.id))) in self.hubs:
            return Match("duplicate" if self.taken(str(same)) else "found", (str(same),), TABLE)
        answer = self._by_keys(record)
        return self._proposed(record, answer) if self.likely and answer.answer in ("new", "unmatchable") else answer

    def _proposed(self, record: Record, answer: Match) -> Match:
        """Nobody is this record for certain: who is likely to be, and neither told apart by anything better nor known to
        be another record of this system?"""
        keys = self.keys[record.id]
        for rule, key in self.likely[record.id]:
            near = sorted(
                hub_id
                for hub_id in self.found.get(key, ())
                if hub_id in self.hubs and not self.taken(hub_id) and not contradicts(keys, self._keys_of(hub_id))
            )
            if near:
                return Match("ambiguous", tuple(near), rule)
        return Match("new") if self.likely[record.id] else answer

    def _by_keys(self, record: Record) -> Match:
        keys, own = self.keys[record.id], self._now(self.own_id(record))
        answer = match(own, keys, self.hubs.__contains__, self.found, self.taken)
        if len(keys) < 2 or not answer.candidates or answer.by in (OUR_ID, keys[0][0]):
            return answer
        # Found by a weaker rule. Whom a stronger one tells apart is another person where this system has both, and a
        # question where it has not.
        near = {hub_id for _, key in keys for hub_id in self.found.get(key, ())}
        apart = {hub_id for hub_id in near if contradicts(keys, self._keys_of(hub_id))}
        others = {hub_id for hub_id in apart if self.taken(hub_id)}
        found = {key: set(self.found.get(key, ())) - others for _, key in keys}
        answer = match(own, keys, self.hubs.__contains__, found, self.taken)
        doubtful = answer.answer == "found" and answer.candidates[0] in apart
        return answer._replace(answer="ambiguous") if doubtful else answer

    def _keys_of(self, hub_id: str) -> list[tuple[str, int]]:
        hub = self.hubs[hub_id]
        parts = [hub.fields, *(link.side.seen for link in hub.links.values())]
        return [key for part in parts for key in match_keys(part, self.entries, self.kind)]

    def taken(self, hub_id: str) -> bool:
        link = self.hubs[hub_id].links.get(self.system)
        return link is not None and link.state == "live"

    def add(self, hub: Hub, record: Record) -> None:
        """Later records of the same batch must find it."""
        self.hubs[hub.id] = hub
        for _, key in (*self.keys[record.id], *self.likely.get(record.id, ())):
            self.found.setdefault(key, set()).add(hub.id)


def _same(ctx: Context, mapper: Mapper, records: Sequence[Record]) -> dict[str, str]:
    """Record id -> the hub record of what the admin's table says is the same in another system."""
    rows = {r.id: mapper.known_as[r.id] for r in records if r.id in mapper.known_as}
    systems = {system for others in rows.values() for system, _ in others}
    known = {s: ctx.store.known(s, {i for others in rows.values() for of, i in others if of == s}) for s in systems}
    found: dict[str, str] = {}
    for record_id, others in rows.items():
        for system, remote_id in others:
            if remote_id in known[system]:
                found.setdefault(record_id, known[system][remote_id].hub_id)
    return found


def _undecided(mapper: Mapper, record: Record, values: Mapping[str, Any]) -> bool:
    """Whether it is matched by a reference to a record that has no hub record yet: without it, it would be anybody."""
    names = {name for entry in mapper.match for name in entry if name in mapper.references}
    return any(name not in values and record.fields.get(mapper.references[name].remote) for name in names)


def identify(
    ctx: Context,
    system: str,
    record: Record,
    values: dict[str, Any],
    problems: Sequence[Problem],
    finder: Finder,
    forced: Forced,
    batch: Batch,
) -> tuple[Hub, Link] | None:
    """The hub record of a record that no link knows, found or made; None where that is a question for a person."""
    mapper, counts = ctx.rules.mappers[system], ctx.counts(system)
    if problems and {p.field for p in problems} & {name for entry in mapper.match for name in entry}:
        return None  # who it is cannot be read: the review on the bad value is the way out
    if mapper.references and _undecided(mapper, record, values):
        return None  # it is read again once what it refers to is known
    said = forced.get(record.id, {})
    found = finder.match(record)
    if "hub" in said:
        found = Match("found", (said["hub"],), "a person")
        finder.hubs.update(ctx.store.hubs([said["hub"]]))
    elif said.get("new"):
        found = Match("new", by="a person")
    if found.answer in ("ambiguous", "duplicate", "unmatchable"):
        if ctx.subject(system, record.id) not in ctx.ignored:
            batch.reviews.append(_question(ctx, system, record, values, found, finder))
            counts.reviews += 1
        return None
    if ctx.open_questions:
        batch.close(ctx, ctx.subject(system, record.id), "match", "duplicate")
    if found.answer == "new":
        hub = Hub(ctx.make_id(), kind=ctx.kind)
        batch.new_hubs[hub.id] = hub
        counts.new += 1
    else:
        hub = finder.hubs[found.candidates[0]]
        counts.matched += 1
    link = hub.links.get(system)
    if link:  # the record it was linked to is gone: this one takes its place
        link.remote_id, link.state, link.within = record.id, "live", None
        batch.moved.append(hub.id)
        if found.by != OUR_ID:  # with our id on it, it is the same record under another id, and its bases stand
            link.side, link.mapping = Side(), ctx.mapping
    else:
        link = Link(hub.id, system, record.id, mapping=ctx.mapping, kind=ctx.kind)
        hub.links[system] = link
        batch.new_links.append(link)
    finder.add(hub, record)
    return hub, link


def _question(
    ctx: Context, system: str, record: Record, values: dict[str, Any], found: Match, finder: Finder
) -> Review:
    candidates: list[dict[str, Any]] = []
    for hub_id in found.candidates:
        hub = finder.hubs[hub_id]
        shown = hub.fields or {n: v for link in hub.links.values() for n, v in link.side.seen.items()}
        score, reasons = likeness(values, shown)
        links = {s: link.remote_id for s, link in hub.links.items()}
        candidates.append({"hub": hub_id, "fields": shown, "links": links, "score": score, "reasons": reasons})
    candidates.sort(key=lambda c: (-c["score"], c["hub"]))
    kind: Any = "match" if found.answer in ("ambiguous", "unmatchable") else "duplicate"
    detail = {"why": found.answer, "by": found.by, "record": values, "candidates": candidates}
    return Review(kind, ctx.subject(system, record.id), detail, None, system, record.id, record_kind=ctx.kind)
