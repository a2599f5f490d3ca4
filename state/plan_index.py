"""A plan's writes in a form that can be looked through page by page: a SQLite file beside the plan's own.

Made from the plan once, thrown away and made again at will: it decides nothing, and nothing is carried out from it. Writes of
the same system, kind, operation and fields make one group, of which there are few; all counting is done on groups, and a page
reads only the rows that it shows. Invariant: no question looks at more than `WINDOW` rows, however large the plan.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

FORMAT = 1
WINDOW = 100_000
"""Rows that one question for a text looks through before it says how far it came."""

_TABLES = """
CREATE TABLE head (format INTEGER, body BLOB);
CREATE TABLE part (id INTEGER PRIMARY KEY, system TEXT, kind TEXT, operation TEXT, fields TEXT, count INTEGER);
CREATE TABLE row (n INTEGER PRIMARY KEY, part INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE body (n INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""

_SPARSE = """
SELECT n FROM row WHERE n > ? AND n <= ? AND part IN (SELECT value FROM json_each(?))
AND (? = '' OR instr(text, ?) > 0) ORDER BY n LIMIT ?
"""
_DENSE = _SPARSE.replace("part IN", "+part IN")
"""Where many rows are asked for: in their order, not group by group and then sorted."""


@dataclass(frozen=True, slots=True)
class Group:
    """Writes that are alike. `fields`: field -> kind of change, "filled", "changed" or "blanked"."""

    id: int
    system: str
    kind: str
    operation: str
    fields: Mapping[str, str]
    count: int


@dataclass(frozen=True, slots=True)
class Filter:
    """What of a plan is asked for; an empty word asks for all. `text`: anywhere in a name, an id or a value."""

    system: str = ""
    kind: str = ""
    operation: str = ""
    field: str = ""
    change: str = ""
    text: str = ""

    def takes(self, group: Group) -> bool:
        return (
            self.system in ("", group.system)
            and self.kind in ("", group.kind)
            and self.operation in ("", group.operation)
            and (not self.field or self.field in group.fields)
            and (not self.change or self._changes(group))
        )

    def _changes(self, group: Group) -> bool:
        changes = [group.fields[self.field]] if self.field else group.fields.values()
        return self.change in changes


class Row(NamedTuple):
    """`n`: which write of the plan it is, counted from 0; `body`: the write as the plan has it."""

    n: int
    group: int
    body: dict[str, Any]


class Found(NamedTuple):
    """`next`: after which row to go on; None where that was all."""

    rows: list[Row]
    next: int | None


@dataclass(frozen=True)
class PlanIndex:
    """`head`: what is told of the plan besides its writes."""

    path: Path
    head: Mapping[str, Any]
    groups: tuple[Group, ...]

    def count(self, asked: Filter = Filter()) -> int:
        """Without regard to a text."""
        return sum(group.count for group in self.groups if asked.takes(group))

    def page(self, asked: Filter, after: int = -1, limit: int = 50) -> Found:
        """The next rows after one, in the order of the plan."""
        with closing(_connect(self.path)) as connection:
            found, further = self._numbers(connection, asked, after, limit + 1)
            rows = self._rows(connection, found[:limit])
        if len(found) > limit:
            return Found(rows, found[limit - 1])
        return Found(rows, further)

    def rows(self, numbers: Iterable[int]) -> list[Row]:
        """These, where they are there."""
        with closing(_connect(self.path)) as connection:
            return self._rows(connection, sorted(numbers))

    def groups_of(self, numbers: Collection[int]) -> dict[int, int]:
        """Row -> its group."""
        with closing(_connect(self.path)) as connection:
            query = "SELECT n, part FROM row WHERE n IN (SELECT value FROM json_each(?))"
            return dict(connection.execute(query, [_json(numbers)]).fetchall())

    def all(self, asked: Filter) -> list[int]:
        """Every row that is asked for, by its number."""
        numbers: list[int] = []
        with closing(_connect(self.path)) as connection:
            after: int | None = -1
            while after is not None:
                found, after = self._numbers(connection, asked, after, WINDOW)
                numbers += found
                if len(found) == WINDOW:
                    after = found[-1]
        return numbers

    def _numbers(
        self, connection: sqlite3.Connection, asked: Filter, after: int, limit: int
    ) -> tuple[list[int], int | None]:
        """Row numbers, and where to go on looking where the window ended before the rows did."""
        groups = [group for group in self.groups if asked.takes(group)]
        if not groups:
            return [], None
        total, some = sum(group.count for group in self.groups), sum(group.count for group in groups)
        until = after + WINDOW if asked.text else total
        values = [
            after,
            until,
            _json(group.id for group in groups),
            asked.text.casefold(),
            asked.text.casefold(),
            limit,
        ]
        found = connection.execute(_DENSE if some * 5 > total else _SPARSE, values).fetchall()
        return [n for (n,) in found], until if until + 1 < total else None

    def _rows(self, connection: sqlite3.Connection, numbers: list[int]) -> list[Row]:
        query = (
            "SELECT n, part, body FROM body JOIN row USING (n) WHERE n IN (SELECT value FROM json_each(?)) ORDER BY n"
        )
        return [Row(n, part, orjson.loads(body)) for n, part, body in connection.execute(query, [_json(numbers)])]


def build(
    path: Path, head: Mapping[str, Any], writes: Iterable[Mapping[str, Any]], progress: Callable[[int], object] = id
) -> None:
    """`writes`: as a plan's file has them, with names in place of ids. Whoever looks meanwhile sees the file as it was before,
    or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(new)) as connection:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES)
        groups: dict[tuple[str, str, str, str], tuple[int, int]] = {}
        batch: list[tuple[int, int, str, bytes]] = []
        for n, write in enumerate(writes):
            fields = orjson.dumps({name: _change(entry) for name, entry in sorted(write["fields"].items())}).decode()
            key = write["system"], write["kind"], write["operation"], fields
            id_, count = groups.get(key, (len(groups) + 1, 0))
            groups[key] = id_, count + 1
            batch.append((n, id_, _text(write), orjson.dumps(write)))
            if len(batch) == 5000:
                _insert(connection, batch)
                progress(n + 1)
        _insert(connection, batch)
        rows = ((id_, *key, count) for key, (id_, count) in groups.items())
        connection.executemany("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE INDEX ix_row_part ON row (part, n)")
        connection.execute("INSERT INTO head VALUES (?, ?)", (FORMAT, orjson.dumps(head)))
        connection.commit()
    os.replace(new, path)


def opened(path: Path) -> PlanIndex | None:
    """None where there is none that can be read."""
    try:
        return _opened(path, path.stat().st_mtime_ns)
    except (OSError, sqlite3.Error):
        return None


@lru_cache(maxsize=8)
def _opened(path: Path, _: int) -> PlanIndex | None:
    with closing(_connect(path)) as connection:
        format_, head = connection.execute("SELECT format, body FROM head").fetchone()
        if format_ != FORMAT:
            return None
        rows = connection.execute("SELECT id, system, kind, operation, fields, count FROM part ORDER BY id")
        groups = tuple(Group(i, s, k, o, orjson.loads(fields), count) for i, s, k, o, fields, count in rows)
    return PlanIndex(path, orjson.loads(head), groups)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _insert(connection: sqlite3.Connection, batch: list[tuple[int, int, str, bytes]]) -> None:
    connection.executemany("INSERT INTO row VALUES (?, ?, ?)", ((n, part, text) for n, part, text, _ in batch))
    connection.executemany("INSERT INTO body VALUES (?, ?)", ((n, body) for n, _, _, body in batch))
    batch.clear()


def _change(entry: Mapping[str, Any]) -> str:
    if entry["new"] in (None, "", []):
        return "blanked"
    return "filled" if entry["old"] in (None, "", []) else "changed"


def _text(write: Mapping[str, Any]) -> str:
    return "\n".join(_words(write)).casefold()


def _words(write: Mapping[str, Any]) -> Iterator[str]:
    yield str(write["who"])
    yield str(write["remote_id"] or "")
    for entry in write["fields"].values():
        for value in (entry["old"], entry["new"]):
            if value is not None and not isinstance(value, bool):
                yield str(value)[:120]


def _json(numbers: Iterable[int]) -> str:
    return orjson.dumps(list(numbers)).decode()
