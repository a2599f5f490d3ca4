"""An empty database for each scenario: a copy, since making one by migration costs more than the scenario does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from state.database import open_database


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], sa.Engine]]:
    """Empties the database. One engine for all: its statements are compiled once."""
    folder = tmp_path_factory.mktemp("scenarios")
    template, path = folder / "template.sqlite", folder / "state.sqlite"
    open_database(f"sqlite:///{template}").dispose()
    engine = open_database(f"sqlite:///{path}", migrate=False)

    def empty() -> sa.Engine:
        engine.dispose()
        for beside in ("-wal", "-shm"):
            Path(f"{path}{beside}").unlink(missing_ok=True)
        shutil.copy(template, path)
        return engine

    yield empty
    engine.dispose()
