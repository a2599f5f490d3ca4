"""One parameter per connector."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

import pytest

from connectors.base import Connector
from tests.contract.harness import HARNESSES, Harness


def _harness(name: str) -> Harness:
    module, cls = HARNESSES[name].split(":")
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{name} has no harness yet ({module})")
    made: Harness = getattr(importlib.import_module(module), cls)()
    return made


@pytest.fixture(params=HARNESSES)
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    with _harness(request.param).running() as running:
        yield running


@pytest.fixture
async def connector(harness: Harness):
    made: Connector = harness.connector()
    yield made
    await made.aclose()
