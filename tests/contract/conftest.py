"""One parameter per connector; a test that needs what a connector does not have is deselected for it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

import pytest

from connectors.base import Connector
from tests.contract.harness import HARNESSES, Harness
from tests.contract.sources import SOURCES, Source


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lacking = [item for item in items if not _applies(item)]
    if lacking:
        config.hook.pytest_deselected(items=lacking)
        items[:] = [item for item in items if item not in set(lacking)]


def _applies(item: pytest.Item) -> bool:
    spec = getattr(item, "callspec", None)
    if spec is None or spec.params.get("harness") not in HARNESSES:
        return True
    module, cls = HARNESSES[spec.params["harness"]].split(":")
    if importlib.util.find_spec(module) is None:
        return True
    kind = getattr(importlib.import_module(module), cls)
    return all(getattr(kind, trait) for mark in item.iter_markers("needs") for trait in mark.args)


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


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    made = SOURCES[request.param]()
    with made.running():
        yield made


@pytest.fixture
async def reader(source: Source):
    made: Connector = source.connector()
    yield made
    await made.aclose()
