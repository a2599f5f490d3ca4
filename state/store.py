"""Every query of the engine, as a verb. One open connection, one transaction a batch: the caller says `commit`.

Opened `dry`, nothing is ever committed: the whole run happens in one transaction that is rolled back, on the same
code path as a real one. What people ask about the past is in `history.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from state import tables as t
from state.bulk import Bulk, Lookup, Row
from state.records import Known, Lead, Link, Review, WriteRow
from state.rows import (
    CANDIDATES,
    CHANGE,
    KNOWN,
    LEAD,
    LEADS,
    LINK,
    LINKS,
    STAGE_EVENT,
    change_row,
    dumps,
    lead_of,
    lead_row,
    link_of,
    link_row,
    loads,
    repeated,
    review_of,
    stage_event_row,
    storable,
    write_of,
    write_row,
)

__all__ = ["Store", "chunks", "dumps", "loads"]

CHUNK = 900
"""Parameters of one IN list: below SQLite's oldest limit of 999."""

_known: Callable[[Row], Known] = partial(tuple.__new__, Known)
"""`Known(*row)`, in one step: the only thing that is made of a record that has not changed."""


class Store:
    """The database of one project, as the engine sees it. Not for use by two threads at once."""

    def __init__(self, engine: sa.Engine, *, dry: bool = False) -> None:
        self.engine = engine
        self.dry = dry
        self._c = engine.connect()
        self._insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
        self._bulk: dict[str, Bulk] = {}
        self._stored, self._read = t.stored_time(engine.dialect), t.read_time(engine.dialect)
        known = KNOWN.where(t.link.c.system == sa.bindparam("system"))
        self._known = Lookup(engine.dialect, known, t.link.c.remote_id)
        self._candidates = Lookup(engine.dialect, CANDIDATES, t.match_key.c.hash)
        self._leads = Lookup(engine.dialect, LEADS, t.lead.c.id)
        self._links = Lookup(engine.dialect, LINKS, t.link.c.lead_id)
        self._remote_ids = Lookup(engine.dialect, sa.select(t.link.c.remote_id), t.link.c.n)

    # --- transactions ---------------------------------------------------------------------------------------------

    def commit(self) -> None:
        if not self.dry:
            self._c.commit()

    def rollback(self) -> None:
        if not self.dry:
            self._c.rollback()

    def close(self) -> None:
        self._c.rollback()
        self._c.close()

    # --- runs and cursors -----------------------------------------------------------------------------------------

    def begin_run(self, run_id: str, kind: str, started: datetime, rules_hash: str) -> None:
        self._c.execute(t.run.insert(), [{"id": run_id, "kind": kind, "started": started, "rules_hash": rules_hash}])

    def end_run(self, run_id: str, ended: datetime, outcome: str, report: Mapping[str, Any]) -> None:
        self._c.execute(
            t.run.update().where(t.run.c.id == run_id),
            {"ended": ended, "outcome": outcome, "report": dumps(report)},
        )

    def last_rules_hash(self) -> str | None:
        """The configuration by which something was last written to a system."""
        wrote = sa.exists().where(t.write.c.run_id == t.run.c.id, t.write.c.state == "done")
        query = sa.select(t.run.c.rules_hash).where(wrote).order_by(t.run.c.id.desc()).limit(1)
        return self._c.execute(query).scalar()

    def ever_written(self, system: str) -> bool:
        """Whether a write to the system has ever been done."""
        c = t.write.c
        query = sa.select(c.id).where(c.system == system, c.state == "done").limit(1)
        return self._c.execute(query).first() is not None

    def cursor(self, system: str, stream: str) -> dict[str, Any] | None:
        c = t.cursor.c
        text = self._c.execute(sa.select(c.value).where(c.system == system, c.stream == stream)).scalar()
        return loads(text) if text else None

    def save_cursor(self, system: str, stream: str, value: Mapping[str, Any], at: datetime) -> None:
        row = {"system": system, "stream": stream, "value": dumps(value), "saved_at": at}
        insert = self._insert(t.cursor)
        self._c.execute(
            insert.on_conflict_do_update(
                index_elements=["system", "stream"],
                set_={"value": insert.excluded.value, "saved_at": insert.excluded.saved_at},
            ),
            [row],
        )

    def drop_cursor(self, system: str, stream: str) -> None:
        self._c.execute(t.cursor.delete().where(t.cursor.c.system == system, t.cursor.c.stream == stream))

    def mapping_version(self, hash_: str, specs: Mapping[str, Any], document: str, at: datetime) -> int:
        """The number of this configuration, made when it is new."""
        found = self._c.execute(sa.select(t.mapping_version.c.id).where(t.mapping_version.c.hash == hash_)).scalar()
        if found is not None:
            return int(found)
        number = int(self._c.execute(sa.select(sa.func.coalesce(sa.func.max(t.mapping_version.c.id), 0))).scalar_one())
        row = {"id": number + 1, "hash": hash_, "published_at": at, "specs": dumps(specs), "document": document}
        self._c.execute(t.mapping_version.insert(), [row])
        return number + 1

    def newest_rules(self) -> str | None:
        """Hash of the configuration of the newest run."""
        return self._c.execute(sa.select(t.run.c.rules_hash).order_by(t.run.c.id.desc()).limit(1)).scalar()

    def mapping_specs(self) -> dict[int, dict[str, dict[str, str]]]:
        rows = self._c.execute(sa.select(t.mapping_version.c.id, t.mapping_version.c.specs))
        return {row.id: loads(row.specs) for row in rows}

    # --- reading leads and links ----------------------------------------------------------------------------------

    def known(self, system: str, remote_ids: Iterable[str]) -> dict[str, Known]:
        """What is linked already, of a batch of remote ids."""
        return {row[3]: _known(row) for row in self._known.rows(self._c, remote_ids, system=system)}

    def candidates(self, hashes: Iterable[int]) -> dict[int, set[str]]:
        """The leads that have each match key."""
        found: dict[int, set[str]] = {}
        for key, lead_id in self._candidates.rows(self._c, hashes):
            found.setdefault(key, set()).add(lead_id)
        return found

    def leads(self, ids: Iterable[str]) -> dict[str, Lead]:
        """Leads with all their links."""
        some = set(ids)
        found = {lead.id: lead for lead in map(lead_of, self._leads.rows(self._c, some))}
        for row in self._links.rows(self._c, some):
            link = link_of(row, self._read)
            found[link.lead_id].links[link.system] = link
        return found

    def flagged(self, flag: Literal["touched", "dirty"], after: str, limit: int) -> list[Lead]:
        """The next leads, by id, that merge (touched) or plan (dirty) has to look at."""
        column = t.lead.c[flag]
        query = (
            sa.select(t.lead.c.id)
            .where(column == sa.literal_column("1"), t.lead.c.id > after)
            .order_by(t.lead.c.id)
            .limit(limit)
        )
        ids = [row.id for row in self._c.execute(query)]
        return list(self.leads(ids).values())

    def live_links(self, system: str, after: int, upto: int, limit: int) -> list[int]:
        """The next live links, by their number: those above `after`, not above `upto`."""
        c = t.link.c
        query = sa.select(c.n).where(c.system == system, c.state == "live", c.n > after, c.n <= upto)
        cursor = self._c.execute(query.order_by(c.n).limit(limit)).cursor
        return [row[0] for row in cursor.fetchall()] if cursor else []

    def remote_ids(self, links: Iterable[int]) -> list[str]:
        return [row[0] for row in self._remote_ids.rows(self._c, links)]

    def count_links(self, system: str) -> int:
        """How many live links there are."""
        c = t.link.c
        return int(
            self._c.execute(sa.select(sa.func.count(c.n)).where(c.system == system, c.state == "live")).scalar_one()
        )

    def last_link(self) -> int:
        return int(self._c.execute(sa.select(sa.func.coalesce(sa.func.max(t.link.c.n), 0))).scalar_one())

    # --- writing leads and links ----------------------------------------------------------------------------------

    def insert_leads(self, leads: Sequence[Lead]) -> None:
        self._rows("insert_leads", t.lead.insert, LEAD, [lead_row(lead) for lead in leads])

    def update_leads(self, leads: Sequence[Lead]) -> None:
        self._rows(
            "update_leads",
            lambda: t.lead.update().where(t.lead.c.id == sa.bindparam("_id")),
            (*LEAD[1:], "_id"),
            [(*row[1:], row[0]) for row in map(lead_row, leads)],
        )

    def flag(self, ids: Sequence[str], **flags: bool) -> None:
        values = {name: int(value) for name, value in flags.items()}
        self._many(
            t.lead.update().where(t.lead.c.id == sa.bindparam("_id")).values(**values), [{"_id": i} for i in ids]
        )

    def flag_all(self, **flags: bool) -> None:
        self._c.execute(t.lead.update().values(**{name: int(value) for name, value in flags.items()}))

    def insert_links(self, links: Sequence[Link]) -> None:
        self._rows("insert_links", t.link.insert, LINK, [link_row(link, self._stored) for link in links])

    def update_links(self, links: Sequence[Link]) -> None:
        self._rows(
            "update_links",
            lambda: t.link.update().where(t.link.c.n == sa.bindparam("_n")),
            (*LINK, "_n"),
            [(*link_row(link, self._stored), link.n) for link in links],
        )

    def add_keys(self, keys: Sequence[tuple[int, str]]) -> None:
        insert = self._insert(t.match_key)
        self._rows("add_keys", insert.on_conflict_do_nothing, ("hash", "lead_id"), keys)

    def drop_keys(self, keys: Sequence[tuple[int, str]]) -> None:
        c = t.match_key.c
        statement = t.match_key.delete().where(c.hash == sa.bindparam("_hash"), c.lead_id == sa.bindparam("_lead"))
        self._many(statement, [{"_hash": h, "_lead": i} for h, i in keys])

    def log_changes(self, rows: Sequence[dict[str, Any]]) -> None:
        """Rows with lead_id, run_id, at, kind, system and detail (a mapping or None)."""
        at = repeated(self._stored)
        self._rows("log_changes", t.change.insert, CHANGE, [change_row(row, at) for row in rows])

    def log_stages(self, rows: Sequence[dict[str, Any]]) -> None:
        at = repeated(self._stored)
        events = [stage_event_row(row, at) for row in rows]
        self._rows("log_stages", t.stage_event.insert, STAGE_EVENT, events)

    # --- writes: the plan, the intents, the record of what was sent ------------------------------------------------

    def add_writes(self, rows: Sequence[WriteRow], at: datetime) -> None:
        self._many(t.write.insert(), [{**write_row(row), "at": at} for row in rows])

    def writes(self, run_id: str, system: str, after: int, limit: int) -> list[WriteRow]:
        c = t.write.c
        query = sa.select(t.write).where(c.run_id == run_id, c.system == system, c.state == "planned", c.id > after)
        return [write_of(row) for row in self._c.execute(query.order_by(c.id).limit(limit))]

    def intents(self, system: str) -> list[WriteRow]:
        """Writes that were under way when a run ended: sent, with no word of what became of them."""
        c = t.write.c
        query = sa.select(t.write).where(c.system == system, c.state.in_(("sent", "unknown"))).order_by(c.id)
        return [write_of(row) for row in self._c.execute(query)]

    def mark_writes(self, rows: Sequence[WriteRow], at: datetime) -> None:
        """Store the state, error and remote id of each row."""
        statement = t.write.update().where(t.write.c.id == sa.bindparam("_id"))
        self._many(
            statement,
            [
                {"_id": r.id, "state": r.state, "error": storable(r.error), "remote_id": r.remote_id, "at": at}
                for r in rows
            ],
        )

    def drop_planned(self) -> None:
        """Writes that a run planned and never sent: the next plan derives them anew."""
        self._c.execute(t.write.delete().where(t.write.c.state == "planned"))

    # --- reviews --------------------------------------------------------------------------------------------------

    def open_reviews(self, reviews: Sequence[Review], run_id: str, at: datetime) -> None:
        """Open each review, or renew the detail of the open one on the same subject."""
        insert = self._insert(t.review)
        statement = insert.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=t.review.c.closed_at.is_(None),
            set_={"detail": insert.excluded.detail},
        )
        self._many(
            statement,
            [
                {
                    "kind": r.kind, "subject": r.subject, "lead_id": r.lead_id, "system": r.system,
                    "remote_id": r.remote_id, "detail": dumps(r.detail), "run_id": run_id, "opened_at": at,
                }
                for r in reviews
            ],
        )  # fmt: skip

    def reviews(self, *kinds: str, resolved: bool | None = None, lead_ids: Iterable[str] | None = None) -> list[Review]:
        """Open reviews of these kinds (all where none is named); `resolved`: whether a person has answered."""
        c = t.review.c
        query = sa.select(t.review).where(c.closed_at.is_(None))
        if kinds:
            query = query.where(c.kind.in_(kinds))
        if resolved is not None:
            query = query.where(c.resolution.is_not(None) if resolved else c.resolution.is_(None))
        if lead_ids is None:
            return [review_of(row) for row in self._c.execute(query.order_by(c.id))]
        parts = chunks(sorted(set(lead_ids)))
        return [review_of(row) for part in parts for row in self._c.execute(query.where(c.lead_id.in_(part)))]

    def parked(self, lead_ids: Iterable[str]) -> dict[tuple[str, str], set[str]]:
        """(lead, system) -> fingerprints of the writes that the system has refused: while they wait for an answer, and
        for good once a person has said to leave them."""
        c = t.review.c
        query = sa.select(c.lead_id, c.system, c.detail).where(
            c.kind.in_(("dead_letter", "duplicate")),
            sa.or_(c.closed_at.is_(None), c.resolution == dumps({"ignore": True})),
        )
        found: dict[tuple[str, str], set[str]] = {}
        for ids in chunks(sorted(set(lead_ids))):
            for row in self._c.execute(query.where(c.lead_id.in_(ids))):
                if write := loads(row.detail).get("write"):
                    found.setdefault((row.lead_id, row.system), set()).add(write)
        return found

    def ignored(self) -> set[str]:
        """system:id of the records that a person said to leave alone."""
        c = t.review.c
        query = sa.select(c.subject).where(
            c.kind.in_(("match", "duplicate")), c.closed_at.is_not(None), c.resolution == dumps({"ignore": True})
        )
        return {row.subject for row in self._c.execute(query)}

    def close_reviews(self, subjects: Iterable[tuple[str, str]], at: datetime) -> None:
        """Close what is settled, by (kind, subject)."""
        c = t.review.c
        statement = (
            t.review.update()
            .where(c.kind == sa.bindparam("_kind"), c.subject == sa.bindparam("_subject"), c.closed_at.is_(None))
            .values(closed_at=at)
        )
        self._many(statement, [{"_kind": k, "_subject": s} for k, s in subjects])

    def resolve_review(self, review_id: int, resolution: Mapping[str, Any], by: str, at: datetime) -> bool:
        """Note a person's answer; the next run carries it out. False where no such review is open."""
        c = t.review.c
        done = self._c.execute(
            t.review.update()
            .where(c.id == review_id, c.closed_at.is_(None))
            .values(resolution=dumps(resolution), resolved_by=by, resolved_at=at)
        )
        return done.rowcount == 1

    def _many(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._c.execute(statement, rows)

    def _rows(self, verb: str, statement: Callable[[], Any], names: Sequence[str], rows: Sequence[Row]) -> None:
        """As `_many`, for the statements that a first load is made of."""
        if rows:
            if verb not in self._bulk:
                self._bulk[verb] = Bulk(self.engine.dialect, statement(), names)
            self._bulk[verb].run(self._c, rows)


T = TypeVar("T")


def chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[i : i + CHUNK] for i in range(0, len(items), CHUNK))
