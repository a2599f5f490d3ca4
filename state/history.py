"""What people ask about the past: why a hub record is what it is, what runs did, what waits for an answer.

Reading only, and never more than a handful of queries an answer, however many hubs or reviews it is about. The
engine's own queries are in `store.py`. Opened on a store, it sees what the store's transaction has not committed yet:
that is how a dry run is explained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Self

import sqlalchemy as sa

from mapping.fields import KINDS, Kind, RecordKind
from state import tables as t
from state.connection import chunks
from state.records import Hub, WriteRow
from state.store import Store, loads
from state.totals import Counted, number, totals

OF_RECORDS = ("match", "duplicate", "bad_value")
"""Kinds of questions about a record that may be no hub record's yet."""

Engine = sa.Engine
"""For the rooms that pass one on and may not know SQLAlchemy."""


@dataclass(frozen=True, slots=True)
class Run:
    """`outcome` is None while it runs, and for ever where it died."""

    id: str
    kind: str
    started: datetime
    ended: datetime | None
    outcome: str | None
    rules_hash: str
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One entry of the history of a hub record; `detail` as `sync.observe` wrote it."""

    hub_id: str
    run_id: str
    at: datetime
    kind: str
    system: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StageRow:
    hub_id: str
    run_id: str
    at: datetime
    old: str | None
    new: str
    system: str
    reason: str | None
    evidence: str
    noted: datetime | None = None
    """When we wrote it, where that is not `at`."""
    dated: str = "run"
    """How `at` is known: `vendor` (the system dates the stage), `changed` (the record's last change), `run`."""


@dataclass(frozen=True, slots=True)
class SentRow:
    """A write to a system, and what became of it."""

    write: WriteRow
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ReviewRow:
    id: int
    kind: str
    subject: str
    hub_id: str | None
    system: str | None
    remote_id: str | None
    detail: dict[str, Any]
    run_id: str
    opened_at: datetime
    resolution: dict[str, Any] | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    record_kind: RecordKind = "lead"

    @property
    def of(self) -> Kind:
        """The kind of the hub record that it is about. Raises ValueError for one about an activity, which is none."""
        if self.record_kind == "activity":
            raise ValueError(f"question {self.id} is about an activity")
        return self.record_kind


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to a lead."""

    system: str
    remote_id: str
    type: str
    at: datetime
    rest: dict[str, Any]
    run_id: str


class History:
    """Questions to one project's database. `with` it, or close it; on a store, the store closes."""

    def __init__(self, source: Engine | Store) -> None:
        self._own = not isinstance(source, Store)
        self._c = source._c if isinstance(source, Store) else source.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._c.close()

    # --- the project ------------------------------------------------------------------------------------------------

    def counted(self) -> Counted:
        return totals(self._c)

    def stages_now(self) -> dict[str, int]:
        """Stage -> how many leads are in it. Looks at every lead."""
        c = t.hub.c
        query = sa.select(c.stage, sa.func.count()).where(
            c.kind == "lead", c.merged_into.is_(None), c.stage.is_not(None)
        )
        return {stage: int(count) for stage, count in self._c.execute(query.group_by(c.stage))}

    def runs(self, limit: int = 10) -> list[Run]:
        """The last runs, newest first."""
        return [_run(row) for row in self._c.execute(sa.select(t.run).order_by(t.run.c.id.desc()).limit(limit))]

    def runs_named(self, part: str, limit: int = 6) -> list[Run]:
        """Runs whose id begins or ends so, newest first."""
        c = t.run.c
        named = sa.or_(c.id.startswith(part, autoescape=True), c.id.endswith(part, autoescape=True))
        return [_run(row) for row in self._c.execute(sa.select(t.run).where(named).order_by(c.id.desc()).limit(limit))]

    def last_that_wrote(self) -> Run | None:
        """The newest run of which any write was done."""
        wrote = sa.exists().where(t.write.c.run_id == t.run.c.id, t.write.c.state == "done")
        row = self._c.execute(sa.select(t.run).where(wrote).order_by(t.run.c.id.desc()).limit(1)).first()
        return _run(row) if row else None

    def runs_by_id(self, ids: Iterable[str]) -> dict[str, Run]:
        found: dict[str, Run] = {}
        for part in chunks(sorted(set(ids))):
            found.update((row.id, _run(row)) for row in self._c.execute(sa.select(t.run).where(t.run.c.id.in_(part))))
        return found

    # --- hub records -------------------------------------------------------------------------------------------------

    def find_leads(self, start_of_id: str, limit: int = 6) -> list[str]:
        """Leads whose id begins so."""
        query = sa.select(t.hub.c.id).where(t.hub.c.id >= start_of_id, t.hub.c.id < start_of_id + "g")
        return [row.id for row in self._c.execute(query.order_by(t.hub.c.id).limit(limit))]

    def holders(self, hashes: Iterable[int]) -> list[str]:
        """Leads that have any of these match keys."""
        c = t.match_key.c
        query = sa.select(c.hub_id).where(c.hash.in_(list(hashes))).distinct()
        return sorted(row.hub_id for row in self._c.execute(query))

    def linked(self, system: str, remote_ids: Iterable[str]) -> dict[str, str]:
        """Remote id -> the hub that has or had this record."""
        c = t.link.c
        query = sa.select(c.remote_id, c.hub_id).where(c.system == system)
        return {
            row.remote_id: row.hub_id
            for part in chunks(sorted(set(remote_ids)))
            for row in self._c.execute(query.where(c.remote_id.in_(part)))
        }

    def called(self, name: str, limit: int = 6) -> list[str]:
        """Hub records whose name or domain this is, whatever its case. Looks through all of them."""
        c = t.hub.c
        query = sa.select(c.id, c.fields).where(c.fields.icontains(name, autoescape=True), c.merged_into.is_(None))
        said = name.casefold()
        rows = ((row.id, loads(row.fields)) for row in self._c.execute(query.order_by(c.id)))
        found = (i for i, fields in rows if said in {str(fields.get(key)).casefold() for key in ("name", "domain")})
        return list(islice(found, limit))

    def holding(self, system: str, remote_id: str) -> dict[Kind, str]:
        """Kind -> the hub record that has or had the record of this kind and id."""
        c = t.link.c
        query = sa.select(c.kind, c.hub_id).where(c.system == system, c.kind.in_(KINDS), c.remote_id == remote_id)
        return {row.kind: row.hub_id for row in self._c.execute(query)}

    def mentioning(self, text: str, limit: int = 6) -> list[str]:
        """Leads with the text anywhere in their fields, whatever its case. Looks through all of them."""
        column = t.hub.c.fields
        query = sa.select(t.hub.c.id).where(column.icontains(text, autoescape=True))
        return [row.id for row in self._c.execute(query.order_by(t.hub.c.id).limit(limit))]

    def kinds(self, hub_ids: Iterable[str]) -> dict[str, Kind]:
        """Of which kind each of these hub records is."""
        c = t.hub.c
        return {
            row.id: row.kind
            for part in chunks(sorted(set(hub_ids)))
            for row in self._c.execute(sa.select(c.id, c.kind).where(c.id.in_(part)))
        }

    def changes(self, hub_ids: Iterable[str]) -> dict[str, list[ChangeRow]]:
        """By hub record, oldest first."""
        c = t.change.c
        columns = (c.hub_id, c.run_id, c.at, c.kind, c.system, c.detail)
        found: dict[str, list[ChangeRow]] = {}
        for part in chunks(sorted(set(hub_ids))):
            query = sa.select(*columns).where(c.hub_id.in_(part)).order_by(c.id)
            for row in self._c.execute(query):
                detail = loads(row.detail) if row.detail else {}
                change = ChangeRow(row.hub_id, row.run_id, row.at, row.kind, row.system, detail)
                found.setdefault(row.hub_id, []).append(change)
        return found

    def conflicts(self, run_id: str) -> Iterator[ChangeRow]:
        """What a run decided between systems, or left to a person. Looks through the history of all hub records."""
        c = t.change.c
        columns = (c.hub_id, c.run_id, c.at, c.kind, c.system, c.detail)
        query = sa.select(*columns).where(c.run_id == run_id, c.detail.contains('"claims"')).order_by(c.id)
        for row in self._c.execute(query):
            yield ChangeRow(row.hub_id, row.run_id, row.at, row.kind, row.system, loads(row.detail))

    def stages(self, hub_ids: Iterable[str]) -> dict[str, list[StageRow]]:
        """By hub record, oldest first."""
        c = t.stage_event.c
        columns = (c.hub_id, c.run_id, c.at, c.old, c.new, c.system, c.reason, c.evidence, c.noted, c.dated)
        found: dict[str, list[StageRow]] = {}
        for part in chunks(sorted(set(hub_ids))):
            for row in self._c.execute(sa.select(*columns).where(c.hub_id.in_(part)).order_by(c.id)):
                found.setdefault(row.hub_id, []).append(StageRow(*row))
        return found

    def sent(self, hub_id: str) -> list[SentRow]:
        """Every write about a hub record, oldest first."""
        rows = self._c.execute(sa.select(t.write).where(t.write.c.hub_id == hub_id).order_by(t.write.c.id))
        return [SentRow(_write(row), row.at) for row in rows]

    def written(self, run_id: str) -> list[WriteRow]:
        """What a run planned, and what became of each write."""
        rows = self._c.execute(sa.select(t.write).where(t.write.c.run_id == run_id).order_by(t.write.c.id))
        return [_write(row) for row in rows]

    def activities(self, hub_id: str, limit: int) -> list[Happened]:
        """What happened to a lead, newest first."""
        of, c = t.activity_lead.c, t.activity.c
        same = sa.and_(c.month == of.month, c.system == of.system, c.remote_id == of.remote_id)
        query = (
            sa.select(c.system, c.remote_id, c.type, c.at, c.rest, c.run_id)
            .join_from(t.activity_lead, t.activity, same)
            .where(of.hub_id == hub_id)
            .order_by(of.at.desc(), of.system.desc(), of.remote_id.desc())
        )
        m = t.activity_month.c.month
        found: list[Happened] = []
        for month in self._c.execute(sa.select(m).distinct().order_by(m.desc())).scalars().all():
            rows = self._c.execute(query.where(of.month == month, c.month == month).limit(limit - len(found)))
            found += [Happened(r.system, r.remote_id, r.type, r.at, loads(r.rest), r.run_id) for r in rows]
            if len(found) == limit:
                break
        return found

    # --- reviews ----------------------------------------------------------------------------------------------------

    def reviews(self, *kinds: str, hub_id: str | None = None, limit: int | None = None) -> list[ReviewRow]:
        """Open reviews, oldest first; of these kinds, where any is named."""
        c = t.review.c
        query = sa.select(t.review).where(c.closed_at.is_(None)).order_by(c.id)
        if kinds:
            query = query.where(c.kind.in_(kinds))
        if hub_id is not None:
            query = query.where(c.hub_id == hub_id)
        return [review_row(row) for row in self._c.execute(query.limit(limit))]

    def reviews_about(self, hub_ids: Iterable[str], records: Iterable[tuple[str, str]]) -> list[ReviewRow]:
        """Every question about these leads or these (system, remote id), oldest first; closed ones too."""
        c = t.review.c
        mine: list[sa.ColumnElement[bool]] = [c.hub_id.in_(list(hub_ids))]
        mine += [sa.and_(c.system == s, c.remote_id == i, c.record_kind == "lead") for s, i in sorted(records)]
        return [review_row(row) for row in self._c.execute(sa.select(t.review).where(sa.or_(*mine)).order_by(c.id))]

    def questions_about(self, hub_id: str, subjects: Iterable[str]) -> list[ReviewRow]:
        """Every question about this hub record, closed ones too, and those that are open about records of these subjects."""
        c = t.review.c
        asked = sa.select(t.review).where(
            c.kind.in_(OF_RECORDS), c.subject.in_(sorted(subjects)), c.closed_at.is_(None)
        )
        rows = [*self._c.execute(sa.select(t.review).where(c.hub_id == hub_id)), *self._c.execute(asked)]
        return [review_row(row) for _, row in sorted({row.id: row for row in rows}.items())]

    def reviews_by_id(self, ids: Sequence[int]) -> dict[int, ReviewRow]:
        """Closed ones too."""
        query = sa.select(t.review).where(t.review.c.id.in_(ids))
        return {row.id: review_row(row) for row in self._c.execute(query)}

    def _count(self, query: sa.Select[Any]) -> int:
        return number(self._c, query)


def shown_fields(hub: Hub) -> Mapping[str, Any]:
    """What is known of a hub record, also before its claims have been merged."""
    if hub.fields:
        return hub.fields
    return {name: value for link in hub.links.values() for name, value in link.side.seen.items()}


def _run(row: Any) -> Run:
    report = loads(row.report) if row.report else {}
    return Run(row.id, row.kind, row.started, row.ended, row.outcome, row.rules_hash, report)


def _write(row: Any) -> WriteRow:
    fields = {name: (old, new) for name, (old, new) in loads(row.fields).items()}
    return WriteRow(
        row.run_id, row.hub_id, row.system, row.operation, row.remote_id, fields, row.state, row.error, row.id
    )


def review_row(row: Any) -> ReviewRow:
    return ReviewRow(
        row.id, row.kind, row.subject, row.hub_id, row.system, row.remote_id, loads(row.detail), row.run_id,
        row.opened_at, loads(row.resolution) if row.resolution else None, row.resolved_by, row.resolved_at,
        row.closed_at, row.record_kind,
    )  # fmt: skip
