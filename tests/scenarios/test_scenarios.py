"""Every scenario, whichever system is read first and however the records fall into batches; and the table in the docs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.scenarios.play import Play
from tests.scenarios.story import chapters

STORIES = {f"{file}: {story.name}": story for file, chapter in chapters().items() for story in chapter.stories}


@pytest.mark.parametrize("name", STORIES)
def test_scenario(name: str, new_engine: Callable[[], sa.Engine]) -> None:
    story = STORIES[name]
    Play(story, new_engine()).perform()
    Play(story, new_engine(), first="marketing", batch=1).perform()


def test_no_two_scenarios_share_a_name() -> None:
    names = [story.name for chapter in chapters().values() for story in chapter.stories]
    assert len(names) == len(set(names))
