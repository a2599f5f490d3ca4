"""A merge made in one system is done in the others, and the run dies at every step of it.

Once with a system that keeps the winner's id, once with one that gives the survivor a third id, as HubSpot does.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.memory import Memory, Vendor
from state import tables as t
from tests.simulation.history import _hubs, hub_values, run
from tests.simulation.test_histories import place
from tests.simulation.world import SYSTEMS, Crash, SimVendor, World, rules

__all__ = ["place"]


@dataclass
class Renaming(SimVendor):
    """Two records become a third."""

    calls: int = 0

    def merge(self, winner: str, loser: str) -> None:
        Vendor.merge(self, winner, loser)
        self.calls += 1
        self.convert(winner)


@dataclass
class Keeping(SimVendor):
    calls: int = 0

    def merge(self, winner: str, loser: str) -> None:
        Vendor.merge(self, winner, loser)
        self.calls += 1


class Merging(World):
    """Leads alone; every system lets us merge."""

    def connectors(self, systems: Collection[str] = SYSTEMS) -> dict[str, Memory]:
        found = super().connectors(systems)
        for connector in found.values():
            connector.can = replace(connector.can, merge=True, write_batch=50)
        return found


@dataclass
class Start:
    """Ann under two addresses, known to all three systems as two, settled: to begin from again and again."""

    folder: Path
    vendor: type[SimVendor]
    template: Path = Path()

    def __post_init__(self) -> None:
        self.template = self.folder / f"{self.vendor.__name__}.sqlite"
        with contextlib.closing(self._world(self.folder / "template.sqlite")) as world:
            crm = world.vendors["crm"]
            crm.create({"email": "a@x", "name": "Ann"})
            crm.create({"email": "b@x", "name": "Ann", "phone": "AB1", "title": "Chief"})
            crm.create({"email": "c@x", "name": "Cy"})
            quiet(world, 2)
            assert all(len(v.live()) == 3 for v in world.vendors.values())
            world.engine.dispose()
            shutil.copy(world.path, self.template)
        self.now = world.clock.now
        self.rows = {name: (deepcopy(v.rows), v.made) for name, v in world.vendors.items()}

    def _world(self, template: Path) -> World:
        world = Merging(5, self.folder, template, page_size=50)
        for name in SYSTEMS:
            world.vendors[name] = self.vendor(name, unique=frozenset({"ext"}), clock=world.clock)
        return world

    def world(self, policy: str = "merge") -> World:
        world = self._world(self.template)
        world.rules = replace(rules(), follow_merges=policy != "ask", merges=policy == "merge")
        world.clock.now = self.now
        for name, (rows, made) in self.rows.items():
            world.vendors[name].rows, world.vendors[name].made = deepcopy(rows), made
        return world


def quiet(world: World, runs: int) -> None:
    for _ in range(runs):
        world.clock.tick(10)
        run(world)


def of(world: World, system: str, email: str) -> str:
    [found] = world.vendors[system].by("email", email)
    return found


def merge_in_crm(world: World) -> None:
    """Somebody merges, edits what stays, and edits what is to go in another system."""
    crm = world.vendors["crm"]
    Vendor.merge(crm, of(world, "crm", "a@x"), of(world, "crm", "b@x"))
    world.edit("crm", of(world, "crm", "a@x"), "note", "merged")
    world.edit("mkt", of(world, "mkt", "c@x"), "name", "Cyril")


def picture(world: World) -> Any:
    reviews: list[Any] = []
    with world.engine.connect() as c:
        reviews = c.execute(sa.select(t.review.c.kind, t.review.c.detail).where(t.review.c.closed_at.is_(None))).all()
    return world.picture(), hub_values(world), [tuple(r) for r in reviews]


def end_of(start: Start, crash_at: int | None) -> tuple[Any, int, dict[str, int]]:
    world = start.world()
    try:
        merge_in_crm(world)
        world.clock.tick(10)
        world.steps, world.crash_at = 0, crash_at
        with contextlib.suppress(Crash):
            run(world)
        steps, world.crash_at = world.steps, None
        quiet(world, 2)
        writes = world.writes()
        quiet(world, 1)
        assert world.writes() == writes, "at rest"
        for system, held in world.vendors.items():
            links = {hub.links[system].remote_id for hub in _hubs(world) if not hub.merged_into}
            assert links == set(held.live()), system
        return picture(world), steps, {s: v.calls for s, v in world.vendors.items()}  # type: ignore[attr-defined]
    finally:
        world.close()


@pytest.mark.parametrize(("vendor", "every"), [(Renaming, 1), (Keeping, 3)])
def test_a_crash_at_any_step_of_a_merge_changes_nothing_in_the_end(
    place: tuple[Path, Path], vendor: type[SimVendor], every: int
) -> None:
    start = Start(place[0], vendor)
    expected, steps, calls = end_of(start, None)
    systems, hub, reviews = expected
    assert {name: sorted(held) for name, held in systems.items()} == {name: ["a@x", "c@x"] for name in SYSTEMS}
    assert hub["a@x"]["phone"] == "AB1", "what the other knew is kept"
    assert reviews == []
    assert calls == {"crm": 0, "mkt": 1, "sup": 1}, "crm is where it was merged"
    assert steps > 20
    for step in range(1, steps + 1, every):
        found, _, made = end_of(start, step)
        assert found == expected, f"crashed at step {step} of {steps}"
        assert made == calls, f"crashed at step {step} of {steps}"


@pytest.mark.parametrize("policy", ["ask", "follow"])
def test_no_policy_but_merge_merges_anything(place: tuple[Path, Path], policy: str) -> None:
    world = Start(place[0], Keeping).world(policy)
    try:
        merge_in_crm(world)
        quiet(world, 3)
        assert {s: len(v.live()) for s, v in world.vendors.items()} == {"crm": 2, "mkt": 3, "sup": 3}
        assert {v.calls for v in world.vendors.values()} == {0}  # type: ignore[attr-defined]
    finally:
        world.close()


def test_an_opt_out_of_either_survives_a_crash_at_any_step(place: tuple[Path, Path]) -> None:
    """What is to go shows an opt-out that nobody has read yet: first it is told to what stays, then they are merged."""

    start = Start(place[0], Renaming)

    def played(crash_at: int | None) -> int:
        world = start.world()
        try:
            merge_in_crm(world)
            world.edit("mkt", of(world, "mkt", "b@x"), "optout", True)
            world.clock.tick(10)
            world.steps, world.crash_at = 0, crash_at
            with contextlib.suppress(Crash):
                run(world)
            steps, world.crash_at = world.steps, None
            for _ in range(3):
                out = [r.fields for r in world.vendors["mkt"].live().values() if r.fields.get("optout") is True]
                assert out, f"crashed at step {crash_at}: the opt-out is lost"
                quiet(world, 1)
            for name, held in world.vendors.items():
                assert {row.fields["email"]: row.fields.get("optout") for row in held.live().values()} == {
                    "a@x": True, "c@x": None,
                }, (name, crash_at)  # fmt: skip
            return steps
        finally:
            world.close()

    steps = played(None)
    for step in range(1, steps + 1, 2):
        played(step)
