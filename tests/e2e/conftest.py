"""Worlds for a test: made in its own folder, gone with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.e2e.story", "tests.e2e.world")

from tests.e2e.world import World, world  # noqa: E402

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """`make_world(**how)` as `tests.e2e.world.world`; every world is served until the test ends."""
    with ExitStack() as stack:
        made = 0

        def make(**how: Any) -> World:
            nonlocal made
            made += 1
            return stack.enter_context(world(tmp_path / f"project{made}", **how))

        yield make


@pytest.fixture
def synced(make_world: MakeWorld) -> World:
    """A world that two runs have brought in line."""
    made = make_world()
    made.settled()
    return made
