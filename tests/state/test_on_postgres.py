"""Whole syncs on PostgreSQL: scenarios of every chapter, and random histories with crashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from state.database import open_database
from tests.scenarios.play import Play
from tests.scenarios.story import chapters
from tests.simulation import history as simulated
from tests.simulation.world import World
from tests.state.postgres import Postgres

STORIES = {
    f"{file}: {story.name}": (story, chapter.project)
    for file, chapter in chapters().items()
    for story in chapter.stories[:: max(1, len(chapter.stories) // 2)]
}


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[sa.Engine]:
    engine = postgres.empty()
    yield engine
    postgres.drop(engine)


@pytest.mark.parametrize("name", STORIES)
def test_a_scenario_on_postgresql(name: str, empty: sa.Engine) -> None:
    story, project = STORIES[name]
    Play(story, empty, project).perform()


@pytest.mark.parametrize("seed", range(20))
def test_a_random_history_on_postgresql(
    seed: int, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PostgresWorld(World):
        def __post_init__(self) -> None:
            super().__post_init__()
            self.engine.dispose()
            self.engine = postgres.empty()

        def close(self) -> None:
            super().close()
            postgres.drop(self.engine)

    monkeypatch.setattr(simulated, "World", PostgresWorld)
    template = tmp_path / "template.sqlite"
    open_database(f"sqlite:///{template}").dispose()
    simulated.history(seed, tmp_path, template)
