"""The same tests on SQLite and on PostgreSQL: whoever asks for `engine` is run on both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from state.database import open_database
from state.store import Store
from tests.state.postgres import Postgres, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state") / "template.sqlite"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Iterator[sa.Engine]:
    """An empty database with our tables."""
    if request.param == "sqlite":
        path = tmp_path / "state.sqlite"
        shutil.copy(sqlite_template, path)
        made = open_database(f"sqlite:///{path}", migrate=False)
        yield made
        made.dispose()
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = server.empty()
        yield made
        server.drop(made)


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database without tables."""
    if request.param == "sqlite":
        made = open_database(f"sqlite:///{tmp_path / 'bare.sqlite'}", migrate=False)
        yield made
        made.dispose()
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = server.bare()
        yield made
        server.drop(made)


@pytest.fixture
def store(engine: sa.Engine) -> Iterator[Store]:
    opened = Store(engine)
    yield opened
    opened.close()
