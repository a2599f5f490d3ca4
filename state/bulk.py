"""Many rows by one statement, as tuples: compiled once, handed to the driver as they are.

SQLAlchemy's own way takes a dictionary a row through its type system; on a first load that costs more than the
database itself. What it would convert is converted here: points in time. Everything else that the engine writes in bulk
(text, numbers, bytes) the drivers take as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

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


def clock_writer(dialect: sa.Dialect) -> Callable[[datetime | None], Any]:
    """How the driver wants a point in time: as it is, or for SQLite as the text that `tables.Utc` reads."""
    return _checked if dialect.name != "sqlite" else _as_text


def _checked(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    return at


def _as_text(at: datetime | None) -> str | None:
    if at is None:
        return None
    if at.tzinfo is not UTC:
        at = _in_utc(at)
    return at.isoformat(" ", "microseconds")[:26]


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    return at.astimezone(UTC)
