"""New SQLite databases for tests: a copy of one that the migrations made, since making each by migration takes longer
than most tests do.

Not for the tests of the migrations themselves (tests/state): those get the real thing. The invariant: a copy is made
only into a database without any table, and is what `upgrade` to the newest revision makes of it.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from state import database

Upgrade = Callable[[sa.Engine, str], None]


@contextmanager
def copying() -> Iterator[Upgrade]:
    """An `upgrade` in place of the real one. The database to copy is made when first needed."""
    upgrade = database.upgrade
    with tempfile.TemporaryDirectory(prefix="smarketing-") as folder:
        template = Path(folder) / "template.sqlite"

        def copy(engine: sa.Engine, revision: str = "head") -> None:
            if engine.dialect.name != "sqlite" or revision != "head":
                return upgrade(engine, revision)
            if not template.exists():
                made = database.open_database(f"sqlite:///{template}", migrate=False)
                upgrade(made)
                made.dispose()
            with closing(engine.raw_connection()) as connection, closing(sqlite3.connect(template)) as source:
                into = connection.driver_connection
                assert isinstance(into, sqlite3.Connection)
                if into.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                    source.backup(into)
                    return None
            return upgrade(engine, revision)

        yield copy
