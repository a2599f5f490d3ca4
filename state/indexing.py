"""Filling the tables by which hub records are found: once from all there is, then after every change.

Not here: how they are asked (`search.py`). Effects: these two tables and a row of `cursor`, in short transactions with a pause
between them, so that a run never waits long. The first time, the words are put in order in a file of its own and then laid down
one after the other: a million records change each page of the table once, not a thousand times. What many share (a stage, an
owner, a system) comes in order by itself, and stays in memory. Invariant: what is written of a
record is what the record was in that transaction; of one that is gone, merged or erased meanwhile nothing is written.
"""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, Self

import sqlalchemy as sa

from state import tables as t
from state.bulk import Lookup
from state.connection import Connected
from state.rows import dumps, loads
from state.words import facets_of, lines, words_in, words_of

STREAM = "search"
"""Where the position is kept, among the cursors."""

RECORDS, WORDS, CHANGES = 1_000, 20_000, 200
"""Of one transaction at most: records of the first time, words of the first time, records that have changed."""

LONG = 0.15
"""Seconds that a transaction of the first time should take: where the machine is busy, fewer records are put into one."""

OVERLAP = 200
"""Changes that are looked at again: on PostgreSQL, one with a lower number may be committed later."""

LAST = "g"
"""After every id of a hub record."""

BEHIND = 5_000
"""Changes from which on catching up is work for a process of its own."""


@dataclass(frozen=True)
class Progress:
    """`phase`: "" before anything was done, records, words (the first time), then follow. `change` and `link`: all up to these
    numbers are in; `done` of `total`: of the phase."""

    phase: str = ""
    change: int = 0
    link: int = 0
    done: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """How much of the first time is done, from 0 to 1."""
        if self.phase == "follow":
            return 1.0
        part = self.done / self.total if self.total else 0.0
        return {"": 0.0, "records": part / 2, "words": 0.5 + part / 2}[self.phase]


@dataclass(frozen=True)
class _Entry:
    """A record as it is indexed."""

    kind: str
    words: set[str]
    facets: set[str]

    @property
    def all(self) -> set[str]:
        return self.words | self.facets


_h, _l, _c, _r, _w, _p = t.hub.c, t.link.c, t.change.c, t.search_record.c, t.search_word.c, t.cursor.c
HUBS = Lookup(sa.select(_h.id, _h.kind, _h.fields).where(_h.merged_into.is_(None)), _h.id)
LOCKED = Lookup(sa.select(_h.id, _h.kind, _h.fields).where(_h.merged_into.is_(None)).with_for_update(read=True), _h.id)
LINKED = Lookup(sa.select(_l.hub_id, _l.system), _l.hub_id)
SEEN = Lookup(sa.select(_l.hub_id, _l.seen).where(_l.seen.is_not(None)), _l.hub_id)
NEWEST = Lookup(sa.select(_c.hub_id, sa.func.max(_c.id)).group_by(_c.hub_id), _c.hub_id)
INDEXED = Lookup(sa.select(_r.hub_id, _r.n, _r.kind, _r.changed, _r.words), _r.hub_id)
THERE = Lookup(sa.select(_r.n).with_for_update(read=True), _r.n)
RECORD = ("n", "hub_id", "kind", "changed", "words")


def progress_of(connection: sa.Connection) -> Progress:
    query = sa.select(_p.value).where(_p.system == "", _p.stream == STREAM)
    value = connection.execute(query).scalar()
    return Progress(**loads(value)) if value else Progress()


class Indexer(Connected):
    """`pause` is called with the seconds that each transaction took; `go_on` says whether to. `with` it, or close it."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        pause: Callable[[float], object] = lambda _: None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(engine)
        self._pause, self._go_on = pause, go_on
        self._lookup = HUBS if engine.dialect.name == "sqlite" else LOCKED

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def behind(self) -> int | None:
        """How many changes are not in yet, new records in systems among them; None before the first time is through."""
        at = progress_of(self._c)
        change, link = self._ends()
        self._c.rollback()
        if at.phase != "follow" or change < at.change:
            return None
        return change - at.change + max(0, link - at.link)

    def counted(self) -> dict[str, int]:
        """Kind -> how many records can be found. Looks at all of them."""
        rows = self._c.execute(sa.select(_r.kind, sa.func.count()).group_by(_r.kind)).all()
        self._c.rollback()
        return {kind: int(count) for kind, count in rows}

    def catch_up(self) -> bool:
        """Until there is nothing left to do. False where it was told not to go on."""
        return (self.behind() is not None or self._build()) and self._follow()

    # --- the first time ---------------------------------------------------------------------------------------------

    def _build(self) -> bool:
        self._clear()
        with self._transaction():
            change, link = self._ends()
            total = int(self._c.execute(sa.select(sa.func.count()).select_from(t.hub)).scalar_one())
            self._note(at := Progress("records", change, link, 0, total))
        with _sorted() as words:
            facets: dict[str, array[int]] = {}
            return self._lay_records(at, words, facets) and self._lay_words(at, words, facets)

    def _clear(self) -> None:
        """What an earlier time has left that came to no end."""
        for table in (t.search_word, t.search_record):
            key = sa.tuple_(*table.primary_key.columns)
            some = table.delete().where(key.in_(sa.select(*table.primary_key.columns).limit(WORDS)))
            while True:
                with self._transaction():
                    gone = self._c.execute(some).rowcount
                if gone < WORDS:
                    break

    def _lay_records(self, at: Progress, words: sqlite3.Connection, facets: dict[str, array[int]]) -> bool:
        """The newest first; whoever comes meanwhile is taken in afterwards, with what has changed."""
        before, n, done, size = LAST, -at.total - 1, 0, RECORDS
        while self._go_on():
            with self._transaction() as took:
                self._note(replace(at, done=done))
                query = sa.select(_h.id).where(_h.id < before).order_by(_h.id.desc()).limit(size)
                ids = self._c.execute(query).scalars().all()
                entries = self._entries(ids)
                changed: dict[str, int] = dict(NEWEST.rows(self._c, entries))
                rows, found = [], list[tuple[str, int]]()
                for hub_id in (one for one in ids if one in entries):
                    n += 1
                    some = entries[hub_id]
                    rows.append((n, hub_id, some.kind, changed.get(hub_id, n), lines(some.all)))
                    found += [(word, n) for word in some.words]
                    for facet in some.facets:
                        facets.setdefault(facet, array("q")).append(n)
                self._rows("search_record", t.search_record.insert, RECORD, rows)
            words.executemany("INSERT INTO word VALUES (?, ?)", found)
            if len(ids) < size:
                return True
            before, done, size = ids[-1], done + len(ids), _size(size, took(), RECORDS)
        return False

    def _lay_words(self, at: Progress, words: sqlite3.Connection, facets: Mapping[str, array[int]]) -> bool:
        count = words.execute("SELECT count(*) FROM word").fetchone()[0] + sum(map(len, facets.values()))
        at, size = replace(at, phase="words", done=0, total=count), WORDS
        ordered, before = _in_order(words, facets), self._others()
        while self._go_on():
            rows = list(islice(ordered, size))
            with self._transaction() as took:
                self._note(at)
                now = self._others()
                kept = rows if now is not None and now == before else self._there(rows)
                self._rows("search_word", t.search_word.insert, ("word", "n"), kept)
                at = replace(at, done=at.done + len(rows))
                if len(rows) < size:
                    self._note(at := replace(at, phase="follow"))
            if at.phase == "follow":
                return True
            size = _size(size, took(), WORDS)
        return False

    def _others(self) -> int | None:
        """On SQLite, a number that is another one once anybody else has written (https://www.sqlite.org/pragma.html#pragma_data_version)."""
        if self.engine.dialect.name != "sqlite":
            return None
        return int(self._c.exec_driver_sql("PRAGMA data_version").scalar_one())

    def _there(self, rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Without the words of those that have gone since they were laid down."""
        there = {row[0] for row in THERE.rows(self._c, {n for _, n in rows})}
        return [row for row in rows if row[1] in there]

    # --- from then on -----------------------------------------------------------------------------------------------

    def _follow(self) -> bool:
        overlap = 0 if self.engine.dialect.name == "sqlite" else OVERLAP
        while self._go_on():
            at = progress_of(self._c)
            some = sa.select(_c.id, _c.hub_id).where(_c.id > at.change - overlap).order_by(_c.id)
            newest = {row.hub_id: row.id for row in self._c.execute(some.limit(CHANGES + overlap))}
            more = sa.select(_l.n, _l.hub_id).where(_l.n > at.link).order_by(_l.n).limit(CHANGES)
            linked = {row.hub_id: row.n for row in self._c.execute(more)}
            due = self._due(newest, at.change) | linked.keys()
            self._c.rollback()
            if not due and max(newest.values(), default=0) <= at.change:
                return True
            with self._transaction():
                change, link = (max(some.values(), default=0) for some in (newest, linked))
                self._note(replace(at, change=max(change, at.change), link=max(link, at.link)))
                self._renew(due)
        return False

    def _due(self, newest: Mapping[str, int], seen: int) -> set[str]:
        """Those that have changed since they were indexed. `newest`: hub record -> its last change among those looked at; up
        to `seen`, all were looked at before that were there."""
        due = {hub_id for hub_id, change in newest.items() if change > seen}
        again = newest.keys() - due
        stored = {row[0]: row[3] for row in INDEXED.rows(self._c, again)}
        there = {row[0] for row in HUBS.rows(self._c, again)}
        return due | {hub_id for hub_id in again if stored.get(hub_id, 0 if hub_id in there else seen) < newest[hub_id]}

    def _renew(self, due: Collection[str]) -> None:
        stored = {row[0]: row[1:] for row in INDEXED.rows(self._c, due)}
        entries = self._entries(due)
        changed: dict[str, int] = dict(NEWEST.rows(self._c, due))
        lowest = int(self._c.execute(sa.select(sa.func.coalesce(sa.func.min(_r.n), 0))).scalar_one())
        gone: list[tuple[str, int]] = []
        come: list[tuple[str, int]] = []
        for hub_id in sorted(due):
            old, entry = stored.get(hub_id), entries.get(hub_id)
            n = old[0] if old else (lowest := lowest - 1)
            before, after = words_in(old[3]) if old else set(), entry.all if entry else set()
            gone += [(word, n) for word in before - after]
            come += [(word, n) for word in after - before]
            if entry is None:
                self._c.execute(t.search_record.delete().where(_r.hub_id == hub_id))
                continue
            values = {"kind": entry.kind, "changed": changed.get(hub_id, n), "words": lines(entry.all)}
            if old is None:
                self._c.execute(t.search_record.insert().values(n=n, hub_id=hub_id, **values))
            elif tuple(values.values()) != tuple(old[1:]):
                self._c.execute(t.search_record.update().where(_r.n == n).values(**values))
        self._drop(gone)
        self._rows("search_word", t.search_word.insert, ("word", "n"), sorted(come))

    def _drop(self, words: Sequence[tuple[str, int]]) -> None:
        mine = t.search_word.delete().where(_w.word == sa.bindparam("_word"), _w.n == sa.bindparam("_n"))
        self._many(mine, [{"_word": word, "_n": n} for word, n in sorted(words)])

    # --- both -------------------------------------------------------------------------------------------------------

    def _entries(self, ids: Collection[str]) -> dict[str, _Entry]:
        """Of those that are there, as they are now, until the end of the transaction."""
        rows = list(self._lookup.rows(self._c, ids))
        systems: dict[str, set[str]] = {hub_id: set() for hub_id, _, _ in rows}
        seen: dict[str, dict[str, Any]] = {}
        for hub_id, system in LINKED.rows(self._c, systems):
            systems[hub_id].add(system)
        merged = {hub_id: loads(text) for hub_id, _, text in rows}
        for hub_id, unmerged in SEEN.rows(self._c, [hub_id for hub_id, fields in merged.items() if not fields]):
            seen.setdefault(hub_id, {}).update(loads(unmerged))
        found = {}
        for hub_id, kind, _ in rows:
            fields = merged[hub_id] or seen.get(hub_id, {})
            found[hub_id] = _Entry(kind, words_of(fields), facets_of(kind, fields, systems[hub_id]))
        return found

    def _ends(self) -> tuple[int, int]:
        """The last change and the last link there are."""
        change, link = (sa.select(sa.func.coalesce(sa.func.max(one), 0)) for one in (_c.id, _l.n))
        return int(self._c.execute(change).scalar_one()), int(self._c.execute(link).scalar_one())

    def _note(self, progress: Progress) -> None:
        """The first statement of a transaction: on SQLite, from here on nobody else writes."""
        row = {"system": "", "stream": STREAM, "value": dumps(asdict(progress)), "saved_at": datetime.now(UTC)}
        insert = self._insert(t.cursor)
        news = {"value": insert.excluded.value, "saved_at": insert.excluded.saved_at}
        self._c.execute(insert.on_conflict_do_update(index_elements=["system", "stream"], set_=news), [row])

    @contextmanager
    def _transaction(self) -> Iterator[Callable[[], float]]:
        """Gives, once it is over, how many seconds it took."""
        began = time.monotonic()
        ended = began
        try:
            yield lambda: ended - began
            self._c.commit()
        except BaseException:
            self._c.rollback()
            raise
        ended = time.monotonic()
        self._pause(ended - began)


def _size(size: int, took: float, most: int) -> int:
    """Of the next transaction, by how long the last one took."""
    return max(most // 20, min(most, size * 2, int(size * LONG / max(took, 0.001))))


def _in_order(words: sqlite3.Connection, facets: Mapping[str, array[int]]) -> Iterator[tuple[str, int]]:
    """Facets begin with a sign that no word begins with; of each, the records come in order as it is."""
    query = "SELECT word, n FROM word WHERE word {} '=' ORDER BY word, n"
    shared = ((facet, n) for facet in sorted(facets) for n in facets[facet])
    return chain(words.execute(query.format("<")), shared, words.execute(query.format(">")))


@contextmanager
def _sorted() -> Iterator[sqlite3.Connection]:
    """A table in a file that has no name: it is gone with the process, and nobody else can open it."""
    words = sqlite3.connect("")
    try:
        words.execute("PRAGMA journal_mode = OFF")
        words.execute("PRAGMA cache_size = -65536")
        words.execute("CREATE TABLE word (word TEXT, n INTEGER)")
        yield words
    finally:
        words.close()
