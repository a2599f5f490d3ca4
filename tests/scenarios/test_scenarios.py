"""Every scenario, whichever system is read first and however the records fall into batches; and the table in the docs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.scenarios.play import Play
from tests.scenarios.story import chapters
from tests.scenarios.table import PAGE, page

STORIES = {
    f"{file}: {story.name}": (story, chapter.project)
    for file, chapter in chapters().items()
    for story in chapter.stories
}


@pytest.mark.parametrize("name", STORIES)
def test_scenario(name: str, fresh: Callable[[], sa.Engine]) -> None:
    story, project = STORIES[name]
    Play(story, fresh(), project).perform()
    Play(story, fresh(), project, first="marketing", batch=1).perform()


def test_no_two_scenarios_share_a_name() -> None:
    names = [story.name for chapter in chapters().values() for story in chapter.stories]
    assert len(names) == len(set(names))


def test_the_page_in_the_docs_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.scenarios`"
