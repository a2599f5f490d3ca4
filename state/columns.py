"""What the tables are made of: the types of their columns, points in time above all, and the catalogue that they stand in.

Times are UTC. Nothing here knows a table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Utc(sa.TypeDecorator[datetime]):
    """A point in time, always with its zone in Python. SQLite, which has no such type, holds the microseconds since
    1970: a third of the room of a text (`SELECT datetime(at / 1000000, 'unixepoch')` shows it to a person)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.BigInteger() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return stored_time(dialect)(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return read_time(dialect)(value)


def stored_time(dialect: Dialect) -> Callable[[datetime | None], Any]:
    """From a point in time to what the driver is given. Raises ValueError for one without a zone."""
    return _microseconds if dialect.name == "sqlite" else _zoned


def read_time(dialect: Dialect) -> Callable[[Any], datetime | None]:
    """And back."""
    return _from_microseconds if dialect.name == "sqlite" else _zoned


def _microseconds(at: datetime | None) -> int | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    return (at - EPOCH) // MICROSECOND


def _from_microseconds(at: int | None) -> datetime | None:
    return None if at is None else EPOCH + timedelta(microseconds=at)


def _zoned(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be stored")
    return at.astimezone(UTC)


Id = sa.String(32)
Word = sa.String(64)  # a system or a stage: as long as the configuration lets their names be
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
