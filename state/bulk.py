"""Many rows by one statement, as tuples: compiled once, handed to the driver and taken from it as they are.

SQLAlchemy's own way takes every row through its type system; on a first load that costs more than the database itself.
What it would convert is for the caller to convert: points in time (`tables.stored_time`). Everything else that the
engine reads and writes in bulk (text, numbers, bytes) the drivers know by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Row = tuple[Any, ...]


class Bulk:
    """`statement` for rows whose values come in the order of `names`: columns, or bindparams of its WHERE."""

    def __init__(self, dialect: sa.Dialect, statement: sa.Executable, names: Sequence[str]) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=names, for_executemany=True)  # type: ignore[attr-defined]
        self._sql = str(compiled)
        self._names = tuple(names)
        order = getattr(compiled, "positiontup", None)
        self._order = None if order is None else [self._names.index(name) for name in order]

    def run(self, connection: sa.Connection, rows: Iterable[Row]) -> None:
        given: Any
        if self._order is None:  # the driver takes names
            given = [dict(zip(self._names, row, strict=True)) for row in rows]
        elif self._order == sorted(self._order):
            given = list(rows)
        else:
            given = [tuple(row[i] for i in self._order) for row in rows]
        if given:
            connection.exec_driver_sql(self._sql, given)


class Lookup:
    """`query` for the rows whose `column` is one of many values. They travel as one parameter: JSON for SQLite, an
    array for PostgreSQL; a list of question marks would be read anew for every batch."""

    def __init__(self, dialect: sa.Dialect, query: sa.Select[Any], column: sa.ColumnElement[Any]) -> None:
        self._json = dialect.name == "sqlite"
        if self._json:
            some: Any = sa.select(sa.column("value")).select_from(
                sa.func.json_each(sa.bindparam("some", type_=sa.Text))
            )
            query = query.where(column.in_(some))
        else:
            query = query.where(column == sa.any_(sa.bindparam("some", type_=postgresql.ARRAY(column.type))))
        compiled: Any = query.compile(dialect=dialect)
        self._sql = str(compiled)
        self._fixed = dict(compiled.params)
        self._order: Sequence[str] | None = getattr(compiled, "positiontup", None)

    def rows(self, connection: sa.Connection, values: Iterable[Any], **others: Any) -> Iterator[Row]:
        """`others`: values of the query's own parameters."""
        some: list[Any] = list(values)
        if not some:
            return iter(())
        given = {**self._fixed, **others, "some": orjson.dumps(some).decode() if self._json else some}
        parameters: Any = given if self._order is None else tuple(given[name] for name in self._order)
        cursor = connection.exec_driver_sql(self._sql, parameters).cursor
        assert cursor is not None
        found: Iterator[Row] = iter(cursor.fetchall())
        return found
