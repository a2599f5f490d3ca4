"""What people type, or an import leaves, in the field that carries our id."""

from __future__ import annotations

from pathlib import Path

import pytest

from state.database import open_database
from tests.simulation.history import hub_values, run
from tests.simulation.world import World


@pytest.mark.parametrize(
    "typed",
    ["n/a", "0", " ", "\0", "\ud800", "0" * 31, "f" * 32, "é" * 32, "x" * 10_000, 7, True, ["0" * 32], {}],
    ids=repr,
)
def test_whatever_stands_there_costs_nobody_anything(typed: object, tmp_path: Path) -> None:
    template = tmp_path / "template.sqlite"
    open_database(f"sqlite:///{template}").dispose()
    world = World(1, tmp_path, template)
    try:
        world.vendors["crm"].create({"email": "a@x", "name": "Ann"})
        world.vendors["mkt"].create({"email": "a@x", "ext": typed})
        world.vendors["mkt"].create({"email": "b@x", "name": "Bob"})
        run(world)
        assert {who: values.get("name") for who, values in hub_values(world).items()} == {"a@x": "Ann", "b@x": "Bob"}
        assert world.picture()["mkt"]["a@x"]["name"] == "Ann"
    finally:
        world.close()
