"""Histories in which somebody is forgotten, by a process that may die at any step: they never come back, and no trace is
in the files of the database."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from sync.run import Options, sync
from tests.simulation.erasing import KEY, forget, unfinished
from tests.simulation.history import _leads
from tests.simulation.test_histories import place  # noqa: F401  (a fixture)
from tests.simulation.world import Crash, World


def run(world: World, *, full: bool = False) -> None:
    store = world.store()
    try:
        options = Options(confirmed=True, batch=4, full=full, forget_key=KEY)
        asyncio.run(sync(world.rules, world.connectors(), store, clock=world.clock, options=options))
    finally:
        store.close()


def traces(world: World, email: str) -> list[str]:
    files = [Path(f"{world.path}{suffix}") for suffix in ("", "-wal")]
    return [file.name for file in files if file.exists() and f'"{email}"'.encode() in file.read_bytes()]


def check(world: World, email: str) -> None:
    assert not [lead for lead in _leads(world) if lead.fields.get("email") == email], f"{email} came back"
    for vendor in world.vendors.values():
        held = [i for i, row in vendor.rows.items() if row.fields.get("email") == email]
        assert not held, f"{email} is in {vendor.name}"
    assert traces(world, email) == []


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_who_was_forgotten_never_comes_back(start: int, place: tuple[Path, Path]) -> None:  # noqa: F811
    died = 0
    for seed in range(start, start + 20):
        world = World(seed, *place, page_size=1 + seed % 5)
        r = random.Random(seed)
        try:
            world.populate()
            world._person(world.vendors["crm"], "u9@x")
            run(world)
            for _ in range(3):
                for _ in range(r.randrange(4)):
                    world.agitate()
                world.clock.tick(10)
                run(world)
            [lead] = [lead for lead in _leads(world) if lead.fields.get("email") == "u9@x"]
            world.clock.tick(10)
            world.steps, world.crash_at = 0, r.randrange(1, 16) if seed % 3 else None
            with contextlib.suppress(Crash):
                asyncio.run(forget(world, lead.id))
            world.crash_at = None
            open_ = unfinished(world)
            if open_ and seed % 2:  # a run between the crash and the resumption
                run(world, full=True)
                assert not [one for one in _leads(world) if one.fields.get("email") == "u9@x" and one.id != lead.id]
            died += bool(open_)
            for erasure in open_:
                asyncio.run(forget(world, erasure.hubs[0], erasure))
            if not open_ and any(
                one.id == lead.id for one in _leads(world)
            ):  # it died before the intent: nothing was begun
                asyncio.run(forget(world, lead.id))
            assert unfinished(world) == []
            check(world, "u9@x")
            world.vendors["mkt"].create({"email": "u9@x", "name": "Again"})  # somebody imports an old list
            for full in (False, True, False):
                for _ in range(r.randrange(4)):
                    world.agitate()
                world.clock.tick(10)
                run(world, full=full)
            assert not [one for one in _leads(world) if one.fields.get("email") == "u9@x"]
            assert traces(world, "u9@x") == []
            assert not any(row.fields.get("email") == "u9@x" for row in world.vendors["crm"].rows.values())
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}\n" + "\n".join(world.log[-20:])) from None
        finally:
            world.close()
    assert died > 1
