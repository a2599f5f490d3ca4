"""Every query of the engine, as a verb. One open connection, one transaction a batch: the caller says `commit`.

Opened `dry`, nothing is ever committed: the whole run happens in one transaction that is rolled back, on the same
code path as a real one. What people ask about the past is in `history.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal

import sqlalchemy as sa

from state import tables as t
from state.bulk import Query, Row
from state.connection import chunks
from state.outbox import Outbox
from state.questions import Questions
from state.records import Hub, Known, Link
from state.references import References
from state.rows import (
    CANDIDATES,
    CHANGE,
    HUB,
    HUBS,
    KNOWN,
    LINK,
    LINKS,
    REMOTE_IDS,
    STAGE_EVENT,
    STAGE_TIMES,
    change_row,
    dumps,
    hub_of,
    hub_row,
    link_of,
    link_row,
    loads,
    repeated,
    stage_event_row,
)
from state.scores import Scores

__all__ = ["Store", "chunks", "dumps", "loads"]


_c, _w, _run, _link = t.cursor.c, t.write.c, t.run.c, t.link.c
_system: sa.BindParameter[str] = sa.bindparam("system")
_kind: sa.BindParameter[str] = sa.bindparam("kind")
_one: sa.ColumnClause[int] = sa.literal_column("1")
_live = (_link.system == _system, _link.kind == _kind, _link.state == sa.literal_column("'live'"))
_done = (_w.system == _system, _w.kind == _kind, _w.state == "done")

CURSOR = Query(sa.select(_c.value).where(_c.system == _system, _c.stream == sa.bindparam("stream")))
SAVE_CURSOR = Query(lambda insert: _upsert(insert(t.cursor)))
COUNT_LINKS = Query(sa.select(sa.func.count(_link.n)).where(*_live))
LIVE_LINKS = Query(
    sa.select(_link.n)
    .where(*_live, _link.n > sa.bindparam("after"), _link.n <= sa.bindparam("upto"))
    .order_by(_link.n)
    .limit(sa.bindparam("limit"))
)
LAST_LINK = Query(sa.select(sa.func.coalesce(sa.func.max(_link.n), 0)))
EVER_WRITTEN = Query(sa.select(_w.id).where(*_done).limit(1))
EVER_LEFT = Query(sa.select(_w.id).where(*_done, _w.operation == "archive", _w.fields == "{}").limit(1))
LAST_RULES = Query(
    sa.select(_run.rules_hash)
    .where(sa.exists().where(_w.run_id == _run.id, _w.state == "done"))
    .order_by(_run.id.desc())
    .limit(1)
)
NEWEST_RULES = Query(sa.select(_run.rules_hash).order_by(_run.id.desc()).limit(1))
FLAGGED = {
    flag: Query(
        sa.select(t.hub.c.id)
        .where(t.hub.c[flag] == _one, t.hub.c.kind == _kind, t.hub.c.id > sa.bindparam("after"))
        .order_by(t.hub.c.id)
        .limit(sa.bindparam("limit"))
    )
    for flag in ("touched", "dirty")
}
VERSION = Query(sa.select(t.mapping_version.c.id).where(t.mapping_version.c.hash == sa.bindparam("hash")))
SPECS = Query(sa.select(t.mapping_version.c.id, t.mapping_version.c.specs))
"""What a run asks even where nothing has changed."""


def _upsert(insert: Any) -> sa.Executable:
    row: dict[str, Any] = {name: sa.bindparam(name) for name in ("system", "stream", "value", "saved_at")}
    news = {"value": insert.excluded.value, "saved_at": insert.excluded.saved_at}
    upsert: sa.Executable = insert.values(row).on_conflict_do_update(index_elements=["system", "stream"], set_=news)
    return upsert


known_of: Callable[[Row], Known] = partial(tuple.__new__, Known)
"""`Known(*row)`, in one step: the only thing that is made of a record that has not changed."""


class Store(Outbox, Questions, References, Scores):
    """The database of one project, as the engine sees it: one kind of hub record at a time, leads unless it is asked
    for another (`of`). Not for use by two threads at once."""

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
        found: str | None = LAST_RULES.value(self._c)
        return found

    def ever_written(self, system: str) -> bool:
        """Whether a write to the system has ever been done."""
        return EVER_WRITTEN.value(self._c, system=system, kind=self.kind) is not None

    def ever_left(self, system: str) -> bool:
        """Whether a record that left its rule has ever been archived there. What a revert archives does not count."""
        return EVER_LEFT.value(self._c, system=system, kind=self.kind) is not None

    def ever_merged(self, system: str) -> bool:
        """Whether we have ever merged two records there."""
        c = t.write.c
        mine = (c.system == system, c.kind == self.kind, c.state == "done", c.operation == "merge")
        return self._c.execute(sa.select(c.id).where(*mine).limit(1)).first() is not None

    def cursor(self, system: str, stream: str) -> dict[str, Any] | None:
        text = CURSOR.value(self._c, system=system, stream=stream)
        return loads(text) if text else None

    def save_cursor(self, system: str, stream: str, value: Mapping[str, Any], at: datetime) -> None:
        text, saved = dumps(value), self._stored(at)
        SAVE_CURSOR.run(self._c, system=system, stream=stream, value=text, saved_at=saved)

    def drop_cursor(self, system: str, stream: str) -> None:
        self._c.execute(t.cursor.delete().where(t.cursor.c.system == system, t.cursor.c.stream == stream))

    def mapping_version(self, hash_: str, specs: Mapping[str, Any], document: str, at: datetime) -> int:
        """The number of this configuration, made when it is new."""
        found = VERSION.value(self._c, hash=hash_)
        if found is not None:
            return int(found)
        number = int(self._c.execute(sa.select(sa.func.coalesce(sa.func.max(t.mapping_version.c.id), 0))).scalar_one())
        row = {"id": number + 1, "hash": hash_, "published_at": at, "specs": dumps(specs), "document": document}
        self._c.execute(t.mapping_version.insert(), [row])
        return number + 1

    def newest_rules(self) -> str | None:
        """Hash of the configuration of the newest run."""
        found: str | None = NEWEST_RULES.value(self._c)
        return found

    def mapping_specs(self) -> dict[int, dict[str, dict[str, str]]]:
        return {number: loads(specs) for number, specs in SPECS.rows(self._c)}

    # --- reading hub records and links -----------------------------------------------------------------------------

    def known(self, system: str, remote_ids: Iterable[str]) -> dict[str, Known]:
        """What is linked already, of a batch of remote ids."""
        rows = KNOWN.rows(self._c, remote_ids, system=system, kind=self.kind)
        return {row[3]: known_of(row) for row in rows}

    def candidates(self, hashes: Iterable[int]) -> dict[int, set[str]]:
        """The hub records that have each match key."""
        found: dict[int, set[str]] = {}
        for key, hub_id in CANDIDATES.rows(self._c, hashes):
            found.setdefault(key, set()).add(hub_id)
        return found

    def ids(self) -> list[str]:
        """Of every hub record of this kind."""
        c = t.hub.c
        query = sa.select(c.id).where(c.kind == self.kind, c.merged_into.is_(None)).order_by(c.id)
        return [row.id for row in self._c.execute(query)]

    def hubs(self, ids: Iterable[str]) -> dict[str, Hub]:
        """Hub records with all their links, whatever their kind."""
        some = set(ids)
        found = {hub.id: hub for hub in map(hub_of, HUBS.rows(self._c, some))}
        for row in LINKS.rows(self._c, some):
            link = link_of(row, self._read)
            found[link.hub_id].links[link.system] = link
        return found

    def flagged(self, flag: Literal["touched", "dirty"], after: str, limit: int) -> list[Hub]:
        """The next hub records of the kind, by id, that merge (touched) or plan (dirty) has to look at."""
        rows = FLAGGED[flag].rows(self._c, kind=self.kind, after=after, limit=limit)
        return list(self.hubs([row[0] for row in rows]).values()) if rows else []

    def live_links(self, system: str, after: int, upto: int, limit: int) -> list[int]:
        """The next live links, by their number: those above `after`, not above `upto`."""
        rows = LIVE_LINKS.rows(self._c, system=system, kind=self.kind, after=after, upto=upto, limit=limit)
        return [row[0] for row in rows]

    def remote_ids(self, links: Iterable[int]) -> list[str]:
        return [row[0] for row in REMOTE_IDS.rows(self._c, links)]

    def count_links(self, system: str) -> int:
        """How many live links there are."""
        return int(COUNT_LINKS.value(self._c, system=system, kind=self.kind))

    def last_link(self) -> int:
        return int(LAST_LINK.value(self._c))

    # --- writing hub records and links -----------------------------------------------------------------------------

    def insert_hubs(self, hubs: Sequence[Hub]) -> None:
        self._rows("insert_hubs", t.hub.insert, HUB, [hub_row(hub) for hub in hubs])

    def update_hubs(self, hubs: Sequence[Hub]) -> None:
        self._rows(
            "update_hubs",
            lambda: t.hub.update().where(t.hub.c.id == sa.bindparam("_id")),
            (*HUB[1:], "_id"),
            [(*row[1:], row[0]) for row in map(hub_row, hubs)],
        )

    def flag(self, ids: Sequence[str], **flags: bool) -> None:
        values = {name: int(value) for name, value in flags.items()}
        self._many(t.hub.update().where(t.hub.c.id == sa.bindparam("_id")).values(**values), [{"_id": i} for i in ids])

    def flag_all(self, **flags: bool) -> None:
        self._c.execute(t.hub.update().values(**{name: int(value) for name, value in flags.items()}))

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
        self._rows("add_keys", insert.on_conflict_do_nothing, ("hash", "hub_id"), keys)

    def drop_keys(self, keys: Sequence[tuple[int, str]]) -> None:
        c = t.match_key.c
        statement = t.match_key.delete().where(c.hash == sa.bindparam("_hash"), c.hub_id == sa.bindparam("_lead"))
        self._many(statement, [{"_hash": h, "_lead": i} for h, i in keys])

    def log_changes(self, rows: Sequence[dict[str, Any]]) -> None:
        """Rows with hub_id, run_id, at, kind, system and detail (a mapping or None)."""
        at = repeated(self._stored)
        self._rows("log_changes", t.change.insert, CHANGE, [change_row(row, at) for row in rows])

    def stage_times(self, hub_ids: Iterable[str]) -> dict[str, datetime]:
        """When the last stage event of each of these hub records happened, of those that have any."""
        found: dict[str, datetime] = {}
        for hub_id, stored in STAGE_TIMES.rows(self._c, hub_ids):
            at = self._read(stored)
            if at is not None and (hub_id not in found or at > found[hub_id]):
                found[hub_id] = at
        return found

    def log_stages(self, rows: Sequence[dict[str, Any]]) -> None:
        """Rows with hub_id, run_id, at, old, new, system, reason and evidence; and, where it was not in this run that it
        happened, `noted` (when we write it) and `dated` (vendor, changed)."""
        at = repeated(self._stored)
        events = [stage_event_row(row, at) for row in rows]
        self._rows("log_stages", t.stage_event.insert, STAGE_EVENT, events)
