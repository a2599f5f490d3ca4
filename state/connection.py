"""One open connection to the database of a project, and how many rows travel over it at once.

What `store.py`, `outbox.py` and `questions.py` stand on; no query lives here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from mapping.fields import Kind
from state import tables as t
from state.bulk import Bulk, Row

CHUNK = 900
"""Parameters of one IN list: below SQLite's oldest limit of 999."""


class Connected:
    """Opened `dry`, nothing is ever committed. `of` gives the same transaction for another kind of hub record."""

    def __init__(self, engine: sa.Engine, *, dry: bool = False) -> None:
        self.engine = engine
        self.dry = dry
        self.kind: Kind = "lead"
        self._c = engine.connect()
        self._insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
        self._bulk: dict[str, Bulk] = {}
        self._stored, self._read = t.stored_time(engine.dialect), t.read_time(engine.dialect)

    def of(self, kind: Kind) -> Self:
        """The same connection and transaction, asked about hub records of this kind."""
        if kind == self.kind:
            return self
        other = self.__class__.__new__(self.__class__)
        other.__dict__.update(self.__dict__)
        other.kind = kind
        return other

    def commit(self) -> None:
        if not self.dry:
            self._c.commit()

    def rollback(self) -> None:
        if not self.dry:
            self._c.rollback()

    def close(self) -> None:
        self._c.rollback()
        self._c.close()

    def _values(self, values: Collection[str]) -> sa.Select[tuple[str]]:
        """Many values as one parameter, to stand in an IN."""
        if self.engine.dialect.name == "sqlite":
            return sa.select(sa.column("value", sa.Text)).select_from(
                sa.func.json_each(orjson.dumps(list(values)).decode())
            )
        return sa.select(sa.func.unnest(sa.cast(list(values), postgresql.ARRAY(sa.Text))))

    def _some(self, statement: sa.Delete, column: sa.ColumnElement[str], values: Collection[str]) -> None:
        if values:
            self._c.execute(statement.where(column.in_(self._values(values))))

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
