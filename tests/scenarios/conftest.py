"""An empty database for each scenario: a copy, since making one by migration costs more than the scenario."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from state.database import open_database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenarios") / "template.sqlite"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def new_engine(template: Path, tmp_path: Path) -> Iterator[Callable[[], sa.Engine]]:
    made: list[sa.Engine] = []

    def make() -> sa.Engine:
        path = tmp_path / f"{len(made)}.sqlite"
        shutil.copy(template, path)
        made.append(open_database(f"sqlite:///{path}", migrate=False))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()
