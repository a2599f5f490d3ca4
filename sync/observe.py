"""Store what a batch of records says: whose it is, what it claims, and why every value is what it is.

Effects: the store alone; the caller commits. All systems' claims on a lead are settled together: while a system is
read that others may still contradict, its claims are only noted (`seen`) and the lead is marked as touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from connectors.base import Record
from mapping.mapper import Mapper, Problem
from state.records import Known, Lead, Link, Review, Side
from sync.context import Context
from sync.match import OUR_ID, Match, contradicts, likeness, match, match_keys
from sync.merge import unseen
from sync.reconcile import Settled, reconcile

_ABSENT = "\0absent"

Forced = Mapping[str, dict[str, Any]]
"""Remote id -> what a person said it is: {"lead": id}, {"new": true} or {"ignore": true}."""


@dataclass
class Batch:
    """What one commit will hold."""

    leads: dict[str, Lead] = field(default_factory=dict)
    new_leads: dict[str, Lead] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    new_links: list[Link] = field(default_factory=list)
    keys: set[tuple[int, str]] = field(default_factory=set)
    lost_keys: set[tuple[int, str]] = field(default_factory=set)
    changes: list[dict[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    closed: list[tuple[str, str]] = field(default_factory=list)

    def touch(self, link: Link) -> None:
        """The link must be stored again."""
        if link.n:
            self.links[link.n] = link

    def flush(self, ctx: Context, at: datetime) -> None:
        store = ctx.store
        store.insert_leads(list(self.new_leads.values()))
        store.update_leads([lead for lead in self.leads.values() if lead.id not in self.new_leads])
        store.insert_links(self.new_links)
        store.update_links(list(self.links.values()))
        store.drop_keys(sorted(self.lost_keys - self.keys))
        store.add_keys(sorted(self.keys))
        store.log_changes(self.changes)
        store.log_stages(self.stages)
        store.open_reviews(self.reviews, ctx.run_id, at)
        store.close_reviews(self.closed, at)


def observe(
    ctx: Context,
    system: str,
    records: Sequence[Record],
    at: datetime,
    *,
    settle: bool,
    present: bytearray | None = None,
    forced: Forced | None = None,
) -> None:
    """Store what a batch of records says. Commits nothing. `present`: the links met in this scan, a bit each."""
    mapper = ctx.rules.mappers[system]
    known = ctx.store.known(system, [r.id for r in records])
    fresh: dict[str, tuple[Record, bytes]] = {}
    gone: list[Record] = []
    met: list[int] = []
    for record in records:
        id_, fields, _, _, deleted, became = record
        if deleted or became:
            fresh.pop(id_, None)
            gone.append(record)
            continue
        link, mark = known.get(id_), digest(mapper, fields)
        if link is not None:
            met.append(link.n)
        if link is None or link.digest != mark or forced:
            fresh[id_] = (record, mark)
    if gone:
        let_go(ctx, system, gone, at)
        known = ctx.store.known(system, [r.id for r in records])
        # One that took another's place is met only now that its link says so.
        living = (r.id for r in records if not r.deleted and not r.became)
        met += [known[id_].n for id_ in living if id_ in known]
    _mark(met, present)
    if system in ctx.look_again:
        ctx.look_again[system] -= fresh.keys()
    if fresh:
        ctx.counts(system).fresh += len(fresh)
        batch = Batch()
        _absorb(ctx, system, list(fresh.values()), known, batch, forced or {}, at, settle)
        _mark(batch.links, present)  # among them links that were free and have just taken a record of this scan
        batch.flush(ctx, at)


def _mark(links: Iterable[int], present: bytearray | None) -> None:
    """Note that these links were met. `present` has no bits for links that were made since the scan began."""
    if present is not None:
        end = 8 * len(present)
        for n in links:
            if n < end:
                present[n >> 3] |= 1 << (n & 7)


def settle_leads(ctx: Context, leads: Sequence[Lead], at: datetime) -> None:
    """Merge what was noted of these leads."""
    batch = Batch()
    for lead in leads:
        batch.leads[lead.id] = lead
        _settle(ctx, lead, batch, at)
    batch.flush(ctx, at)


def digest(mapper: Mapper, fields: Mapping[str, Any]) -> bytes:
    """Eight bytes that change when a mapped value, or the mapping, does."""
    try:
        values = mapper.pick(fields)
    except KeyError:
        values = [fields.get(name, _ABSENT) for name in mapper.remote_fields]
    try:
        text = orjson.dumps(values)
    except TypeError:  # lone surrogates, integers past 64 bits
        text = repr(values).encode("utf-8", "surrogatepass")
    mark = mapper.hasher.copy()
    mark.update(text)
    return mark.digest()


def _absorb(
    ctx: Context,
    system: str,
    fresh: Sequence[tuple[Record, bytes]],
    known: Mapping[str, Known],
    batch: Batch,
    forced: Forced,
    at: datetime,
    settle: bool,
) -> None:
    mapper = ctx.rules.mappers[system]
    read = {record.id: mapper.to_hub(record.fields) for record, _ in fresh}
    leads = ctx.store.leads([known[r.id].lead_id for r, _ in fresh if r.id in known])
    strangers = [record for record, _ in fresh if record.id not in known]
    finder = _Finder(ctx, system, strangers, {r.id: read[r.id][0] for r in strangers}) if strangers else None
    if finder:
        leads.update((i, lead) for i, lead in finder.leads.items() if i not in leads)
    for record, mark in fresh:
        values, problems = read[record.id]
        if problems:
            _report_problems(ctx, system, record, problems, batch)
        elif ctx.open_questions:
            _close(ctx, batch, f"{system}:{record.id}", "bad_value")
        link = known.get(record.id)
        if link:
            lead = leads[link.lead_id]
            side_link = lead.links[system]
            rebased = _reopen(ctx, system, side_link)
        else:
            assert finder is not None
            found = _identify(ctx, system, record, values, problems, finder, forced, batch)
            if found is None:
                continue
            lead, side_link = found
            leads[lead.id] = lead
            rebased = True
        side_link.digest = mark
        side_link.side.seen_at = record.changed_at
        news = unseen(side_link.side.base_remote, values)
        if side_link.side.seen:
            news |= {name: value for name, value in side_link.side.seen.items() if name not in values}
        changed = news != side_link.side.seen
        side_link.side.seen = news
        batch.touch(side_link)
        if not changed and not rebased:
            continue
        if lead.id not in batch.new_leads:
            batch.leads[lead.id] = lead
        if settle:
            _settle(ctx, lead, batch, at)
        else:
            lead.touched = True
            batch.keys.update((key, lead.id) for _, key in match_keys({**lead.fields, **news}, ctx.entries))


def _settle(ctx: Context, lead: Lead, batch: Batch, at: datetime) -> None:
    settled = reconcile(lead, ctx.rules, ctx.entries)
    for link in lead.links.values():
        batch.touch(link)
    for key in settled.gained:
        batch.keys.add((key, lead.id))
    for key in settled.lost:
        batch.lost_keys.add((key, lead.id))
    _record(ctx, settled, batch, at)


def _record(ctx: Context, settled: Settled, batch: Batch, at: datetime) -> None:
    """Write down why every value is what it is."""
    lead = settled.lead
    row = {"lead_id": lead.id, "run_id": ctx.run_id, "at": at}
    if settled.created:
        batch.changes.append({**row, "kind": "created", "system": lead.origin.get("", ""), "detail": None})
    fields = {} if settled.created else settled.changes
    if fields or settled.conflicts:
        detail: dict[str, dict[str, Any]] = {
            name: {"old": c.old, "new": c.new, "from": c.source, "rule": c.rule} for name, c in fields.items()
        }
        for name, conflict in settled.conflicts.items():
            entry = detail.setdefault(name, {"rule": conflict.rule})
            entry |= {"claims": conflict.claims, "winner": conflict.winner}
        source = next((c.source for c in fields.values()), "hub")
        batch.changes.append({**row, "kind": "merged", "system": source, "detail": detail})
    move = settled.stage
    if move:
        stage = {"old": move.old, "new": move.new, "system": move.source, "reason": move.reason}
        batch.stages.append({**row, **stage, "evidence": move.evidence})
    if not settled.conflicts and not settled.closed:
        return
    for name, conflict in settled.conflicts.items():
        for system in conflict.claims:
            if system in ctx.rules.mappers:
                ctx.counts(system).conflicts += 1
        if conflict.winner is None:
            about = {"field": name, "claims": conflict.claims, "hub": lead.fields.get(name), "rule": conflict.rule}
            batch.reviews.append(Review("conflict", f"{lead.id}:{name}", about, lead.id))
    batch.closed += [("conflict", f"{lead.id}:{name}") for name in settled.closed]


class _Finder:
    """Everything that `match` needs to know of a batch of strangers, from two queries."""

    def __init__(self, ctx: Context, system: str, records: Sequence[Record], values: Mapping[str, Any]) -> None:
        self.system = system
        self.id_field = ctx.rules.mappers[system].id_field
        self.entries = ctx.rules.mappers[system].match
        self.keys = {r.id: match_keys(values[r.id], self.entries) for r in records}
        self.found = ctx.store.candidates({key for keys in self.keys.values() for _, key in keys})
        own = {own for r in records if (own := self.own_id(r))}
        self.leads = ctx.store.leads(own.union(*self.found.values()))

    def own_id(self, record: Record) -> str | None:
        value = record.fields.get(self.id_field) if self.id_field else None
        if value is None:
            return None
        ours = isinstance(value, str) and len(value) == 32 and value.isascii() and value.isalnum()
        return str(value) if ours else None  # what else people type there is not even asked for

    def match(self, record: Record) -> Match:
        keys, own = self.keys[record.id], self.own_id(record)
        answer = match(own, keys, self.leads.__contains__, self.found, self.taken)
        if len(keys) < 2 or not answer.candidates or answer.by in (OUR_ID, keys[0][0]):
            return answer
        # Found by a weaker rule. Whom a stronger one tells apart is another person where this system has both, and a
        # question where it has not.
        near = {lead_id for _, key in keys for lead_id in self.found.get(key, ())}
        apart = {lead_id for lead_id in near if contradicts(keys, self._keys_of(lead_id))}
        others = {lead_id for lead_id in apart if self.taken(lead_id)}
        found = {key: set(self.found.get(key, ())) - others for _, key in keys}
        answer = match(own, keys, self.leads.__contains__, found, self.taken)
        doubtful = answer.answer == "lead" and answer.candidates[0] in apart
        return answer._replace(answer="ambiguous") if doubtful else answer

    def _keys_of(self, lead_id: str) -> list[tuple[str, int]]:
        lead = self.leads[lead_id]
        parts = [lead.fields, *(link.side.seen for link in lead.links.values())]
        return [key for part in parts for key in match_keys(part, self.entries)]

    def taken(self, lead_id: str) -> bool:
        link = self.leads[lead_id].links.get(self.system)
        return link is not None and link.state == "live"

    def add(self, lead: Lead, record: Record) -> None:
        """Later records of the same batch must find it."""
        self.leads[lead.id] = lead
        for _, key in self.keys[record.id]:
            self.found.setdefault(key, set()).add(lead.id)


def _identify(
    ctx: Context,
    system: str,
    record: Record,
    values: dict[str, Any],
    problems: Sequence[Problem],
    finder: _Finder,
    forced: Forced,
    batch: Batch,
) -> tuple[Lead, Link] | None:
    """The lead of a record that no link knows, found or made; None where that is a question for a person."""
    mapper, counts = ctx.rules.mappers[system], ctx.counts(system)
    if problems and {p.field for p in problems} & {name for entry in mapper.match for name in entry}:
        return None  # who it is cannot be read: the review on the bad value is the way out
    said = forced.get(record.id, {})
    found = finder.match(record)
    if "lead" in said:
        found = Match("lead", (said["lead"],), "a person")
        finder.leads.update(ctx.store.leads([said["lead"]]))
    elif said.get("new"):
        found = Match("new", by="a person")
    if found.answer in ("ambiguous", "duplicate", "unmatchable"):
        if f"{system}:{record.id}" not in ctx.ignored:
            batch.reviews.append(_question(ctx, system, record, values, found, finder))
            counts.reviews += 1
        return None
    if ctx.open_questions:
        _close(ctx, batch, f"{system}:{record.id}", "match", "duplicate")
    if found.answer == "new":
        lead = Lead(ctx.make_id())
        batch.new_leads[lead.id] = lead
        counts.new += 1
    else:
        lead = finder.leads[found.candidates[0]]
        counts.matched += 1
    link = lead.links.get(system)
    if link:  # the record it was linked to is gone: this one takes its place
        link.remote_id, link.state = record.id, "live"
        if found.by != OUR_ID:  # with our id on it, it is the same record under another id, and its bases stand
            link.side, link.mapping = Side(), ctx.mapping
    else:
        link = Link(lead.id, system, record.id, mapping=ctx.mapping)
        lead.links[system] = link
        batch.new_links.append(link)
    finder.add(lead, record)
    return lead, link


def _question(
    ctx: Context, system: str, record: Record, values: dict[str, Any], found: Match, finder: _Finder
) -> Review:
    candidates: list[dict[str, Any]] = []
    for lead_id in found.candidates:
        lead = finder.leads[lead_id]
        shown = lead.fields or {n: v for link in lead.links.values() for n, v in link.side.seen.items()}
        score, reasons = likeness(values, shown)
        links = {s: link.remote_id for s, link in lead.links.items()}
        candidates.append({"lead": lead_id, "fields": shown, "links": links, "score": score, "reasons": reasons})
    candidates.sort(key=lambda c: (-c["score"], c["lead"]))
    kind: Any = "match" if found.answer in ("ambiguous", "unmatchable") else "duplicate"
    detail = {"why": found.answer, "by": found.by, "record": values, "candidates": candidates}
    return Review(kind, f"{system}:{record.id}", detail, None, system, record.id)


def _close(ctx: Context, batch: Batch, subject: str, *kinds: str) -> None:
    """A question that has answered itself, or that a person answered, is a question no more."""
    batch.closed += [(kind, subject) for kind in kinds if (kind, subject) in ctx.open_questions]


def _reopen(ctx: Context, system: str, link: Link) -> bool:
    """A record that was gone is back; and bases that were read by another mapping no longer count. True where
    the lead has to be looked at again for either reason."""
    returned = link.state != "live"
    link.state = "live"
    if link.mapping == ctx.mapping:
        return returned
    now, then = ctx.rules.mappers[system].specs, ctx.specs.get(link.mapping, {}).get(system, {})
    for name in {n for n in {*now, *then} if now.get(n) != then.get(n)}:
        link.side.base_remote.pop(name, None)
        link.side.base_hub.pop(name, None)
        link.side.seen.pop(name, None)
    link.mapping = ctx.mapping
    return True


def _report_problems(ctx: Context, system: str, record: Record, problems: Sequence[Problem], batch: Batch) -> None:
    detail = {"problems": [p._asdict() for p in problems]}
    batch.reviews.append(Review("bad_value", f"{system}:{record.id}", detail, None, system, record.id))
    ctx.counts(system).reviews += 1


def let_go(ctx: Context, system: str, gone: Sequence[Record], at: datetime) -> None:
    """Records that were deleted, merged into another or converted. Merge is told from deletion first; a deletion
    unlinks and flags, it never deletes anything anywhere else."""
    gone = _to_the_end(gone)
    known = ctx.store.known(system, [i for r in gone for i in (r.id, r.became) if i])
    holder = {remote_id: link.lead_id for remote_id, link in known.items()}
    leads = ctx.store.leads([known[r.id].lead_id for r in gone if r.id in known])
    batch = Batch()
    for record in gone:
        link = leads[known[record.id].lead_id].links[system] if record.id in known else None
        if link is None or link.state != "merged":  # that it was merged may be a question itself, and read again
            _close(ctx, batch, f"{system}:{record.id}", "match", "duplicate", "bad_value")
        if link is None or link.remote_id != record.id or not _may_move(link, record):
            continue
        link.digest = None
        detail: dict[str, Any] = {"was": record.id, "became": record.became}
        if record.became and record.became not in holder:
            link.remote_id, link.state = record.became, "live"
            holder[record.became] = link.lead_id
            _hear_out(ctx, system, record, leads[link.lead_id], link, batch)
            ctx.look_again.setdefault(system, set()).add(record.became)
            _close(ctx, batch, f"{system}:{record.became}", "match", "duplicate")
            kind = "linked"
        else:
            link.state = "merged" if record.became else "deleted"
            ctx.counts(system).vanished += 1
            kind = "unlinked"
        if link.state == "merged" and record.became and holder[record.became] != link.lead_id:
            lead = leads[link.lead_id]
            if lead.alive:  # two leads are one person, and some system does not know yet
                about = {"why": "merged", "by": system, "lead": holder[record.became], **detail}
                batch.reviews.append(Review("duplicate", f"{system}:{record.id}", about, lead.id, system, record.id))
            else:
                for name, other in lead.links.items():
                    _close(ctx, batch, f"{name}:{other.remote_id}", "duplicate")
        batch.touch(link)
        row = {"lead_id": link.lead_id, "run_id": ctx.run_id, "at": at, "kind": kind, "system": system}
        batch.changes.append({**row, "detail": detail})
    batch.flush(ctx, at)


def _hear_out(ctx: Context, system: str, record: Record, lead: Lead, link: Link, batch: Batch) -> None:
    """What a record says last counts where its heir has no field for it: a Lead's status "converted", which its Contact
    cannot show."""
    last = unseen(link.side.base_remote, ctx.rules.mappers[system].to_hub(record.fields)[0])
    if last:
        link.side.seen = {**link.side.seen, **last}
        lead.touched = True
        batch.leads[lead.id] = lead


def _may_move(link: Link, record: Record) -> bool:
    """A link that a refused write took for deleted may still hear that its record goes on under another id."""
    return link.state == "live" or (link.state == "deleted" and record.became is not None)


def _to_the_end(gone: Sequence[Record]) -> list[Record]:
    """A record that became another that became a third became the third; one whose heir is deleted is deleted."""
    ends = {record.id: record for record in gone}

    def end(record: Record, hops: int) -> Record:
        heir = ends.get(record.became or "")
        return (
            record
            if heir is None or hops == 0
            else end(record._replace(became=heir.became, deleted=heir.deleted), hops - 1)
        )

    return [end(record, len(ends)) for record in gone]
