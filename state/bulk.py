"""Statements that are run over and over: compiled once, handed to the driver and taken from it as they are.

SQLAlchemy's own way builds every statement anew and takes every row through its type system; on a first load that costs
more than the database itself. What it would convert is for the caller to convert: points in time (`tables.stored_time`).
Everything else that the engine reads and writes so (text, numbers, bytes) the drivers know by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Row = tuple[Any, ...]
Insert = Callable[[sa.Table], Any]
"""A dialect's own INSERT, which can say ON CONFLICT."""

PARAMETERS = 999
"""Of one statement, by SQLite's oldest limit. So many are filled by one INSERT: beginning a statement anew for every
row is a quarter of the cost of it."""


class Bulk:
    """`statement` for rows whose values come in the order of `names`: columns, or bindparams of its WHERE."""

    def __init__(self, dialect: sa.Dialect, statement: sa.Executable, names: Sequence[str]) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=names, for_executemany=True)  # type: ignore[attr-defined]
        self._sql = str(compiled)
        self._names = tuple(names)
        self._order: Sequence[str] | None = getattr(compiled, "positiontup", None)
        if self._order is not None and tuple(self._order) != self._names:
            raise ValueError(f"name the values in the order of the statement: {', '.join(self._order)}")
        self._together, self._several = 1, ""
        row = f"({', '.join('?' * len(self._names))})"
        if f" VALUES {row}" in self._sql:
            self._together = PARAMETERS // len(self._names)
            self._several = self._sql.replace(row, ", ".join([row] * self._together))

    def run(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        rest = 0
        if self._several:
            rest = len(rows) // self._together * self._together
            for start in range(0, rest, self._together):
                part = tuple(chain.from_iterable(rows[start : start + self._together]))
                connection.exec_driver_sql(self._several, part)
        left: Any = rows[rest:]
        if self._order is None:  # the driver takes names
            left = [dict(zip(self._names, row, strict=True)) for row in left]
        if left:
            connection.exec_driver_sql(self._sql, left)


class Query:
    """`statement` with its values as bindparams, compiled when first used. `statement` may be made for the dialect, from
    its own kind of INSERT."""

    def __init__(self, statement: sa.Executable | Callable[[Insert], sa.Executable]) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, dict[str, Any], Sequence[str] | None]] = {}

    def run(self, connection: sa.Connection, **values: Any) -> None:
        self._execute(connection, values)

    def rows(self, connection: sa.Connection, **values: Any) -> list[Row]:
        cursor = self._execute(connection, values).cursor
        assert cursor is not None
        rows: Any = cursor.fetchall()
        return cast(list[Row], rows)

    def value(self, connection: sa.Connection, **values: Any) -> Any:
        """The only value of the first row; None where there is none."""
        rows = self.rows(connection, **values)
        return rows[0][0] if rows else None

    def _execute(self, connection: sa.Connection, values: dict[str, Any]) -> sa.CursorResult[Any]:
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = _compiled(self._for(dialect), dialect)
        sql, fixed, order = self._compiled[dialect.name]
        given = {**fixed, **values}
        parameters: Any = given if order is None else tuple([given[name] for name in order])
        return connection.exec_driver_sql(sql, parameters)

    def _for(self, dialect: sa.Dialect) -> sa.Executable:
        if isinstance(self._statement, sa.Executable):
            return self._statement
        return self._statement(sqlite.insert if dialect.name == "sqlite" else postgresql.insert)


def _compiled(statement: Any, dialect: sa.Dialect) -> tuple[str, dict[str, Any], Sequence[str] | None]:
    """The text, the values that stand fixed in it, and the order of all values where the driver takes no names."""
    compiled = statement.compile(dialect=dialect)
    return str(compiled), dict(compiled.params), getattr(compiled, "positiontup", None)


class Lookup:
    """`query` for the rows whose `column` is one of many values. They travel as one parameter: JSON for SQLite, an
    array for PostgreSQL; a list of question marks would be read anew for every batch. Compiled when first used."""

    def __init__(self, query: sa.Select[Any], column: sa.ColumnElement[Any]) -> None:
        self._query, self._column = query, column
        self._compiled: dict[str, tuple[str, dict[str, Any], Sequence[str] | None]] = {}

    def rows(self, connection: sa.Connection, values: Iterable[Any], **others: Any) -> Iterator[Row]:
        """`others`: values of the query's own parameters."""
        some: list[Any] = list(values)
        if not some:
            return iter(())
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = self._compile(dialect)
        sql, fixed, order = self._compiled[dialect.name]
        given = {**fixed, **others, "some": orjson.dumps(some).decode() if dialect.name == "sqlite" else some}
        parameters: Any = given if order is None else tuple(given[name] for name in order)
        cursor = connection.exec_driver_sql(sql, parameters).cursor
        assert cursor is not None
        found: Iterator[Row] = iter(cursor.fetchall())
        return found

    def _compile(self, dialect: sa.Dialect) -> tuple[str, dict[str, Any], Sequence[str] | None]:
        if dialect.name == "sqlite":
            some: Any = sa.select(sa.column("value")).select_from(
                sa.func.json_each(sa.bindparam("some", type_=sa.Text))
            )
            query = self._query.where(self._column.in_(some))
        else:
            array = sa.bindparam("some", type_=postgresql.ARRAY(self._column.type))
            query = self._query.where(self._column == sa.any_(array))
        return _compiled(query, dialect)
