"""Histories that end with a run taken back: the systems are as before its writes, wherever nobody has edited since."""

from __future__ import annotations

import asyncio
import contextlib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from state import tables as t
from state.records import WriteRow
from state.rows import write_of
from sync.run import Options, sync
from tests.simulation.history import run
from tests.simulation.test_histories import place  # noqa: F401  (a fixture)
from tests.simulation.world import Crash, World

FIELDS = ("email", "name", "phone", "title", "status", "tags")
"""What a system shows of what was pushed. Not `note`, which sup rewrites without telling; nor `score`, never read."""
HUB_NAMES = {"status": "stage"}


def picture(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    return {(s, i): deepcopy(row.fields) for s, vendor in world.vendors.items() for i, row in vendor.live().items()}


def written(world: World) -> tuple[str, list[WriteRow]]:
    """The newest run that wrote, and what it did."""
    rows = _done(world)
    return rows[-1].run_id, [row for row in rows if row.run_id == rows[-1].run_id]


def _done(world: World) -> list[WriteRow]:
    with world.engine.connect() as c:
        query = sa.select(t.write).where(t.write.c.state == "done").order_by(t.write.c.id)
        return [write_of(tuple(row), lambda at: at) for row in c.execute(query)]


def revert(world: World, run_id: str) -> Any:
    store = world.store()
    try:
        options = Options(kind="revert", confirmed=True, batch=4, revert=run_id)
        return asyncio.run(sync(world.rules, world.connectors(), store, clock=world.clock, options=options))
    finally:
        store.close()


def quiet(world: World, runs: int = 3) -> None:
    for _ in range(runs):
        world.clock.tick(10)
        run(world)


def lived(seed: int, place: tuple[Path, Path]) -> tuple[World, dict[tuple[str, str], dict[str, Any]]]:  # noqa: F811
    """A world at rest, then edited, and what it was just before one run wrote."""
    world = World(seed, *place, page_size=1 + seed % 5, trouble=False)
    world.populate()
    quiet(world)
    before = picture(world)
    while picture(world) == before or not _wrote(world):
        world.clock.tick(10)
        for _ in range(world.random.randrange(2, 8)):
            world.agitate()
        before = picture(world)
        world.clock.tick(10)
        run(world)
    return world, before


def _wrote(world: World) -> bool:
    with world.engine.connect() as c:
        newest = c.execute(sa.select(sa.func.max(t.run.c.id))).scalar()
        query = sa.select(t.write.c.id).where(t.write.c.run_id == newest, t.write.c.state == "done")
        return c.execute(query).first() is not None


def check(world: World, rows: list[WriteRow], before: Any, edited: set[tuple[str, str]], opted: Any) -> int:
    """How many fields are back. `edited`: what people have touched since, in any system: the next sync tells it to all."""
    now = picture(world)
    back = 0
    for row in rows:
        key = (row.system, str(row.remote_id))
        touched = {name for hub_id, name in edited if hub_id == row.hub_id}
        if row.operation == "create":
            assert (key not in now) or touched, f"{key} was created, nobody edited it, and it is still there"
            continue
        for name in FIELDS:
            if HUB_NAMES.get(name, name) in row.fields and name not in touched:
                assert now[key].get(name) == before[key].get(name), (key, name)
                back += 1
    for key, fields in opted.items():
        if fields.get("optout") is True and key in now:
            assert now[key].get("optout") is True, f"{key} was opted in again"
    for key in before.keys() - {(row.system, row.remote_id) for row in rows}:
        but = {name for _, name in edited}
        assert {**now[key], **dict.fromkeys(but)} == {**before[key], **dict.fromkeys(but)}, key
    return back


@pytest.mark.parametrize("start", range(0, 120, 40))
def test_after_a_revert_the_systems_are_as_before_the_run(start: int, place: tuple[Path, Path]) -> None:  # noqa: F811
    back = 0
    for seed in range(start, start + 40):
        world, before = lived(seed, place)
        try:
            run_id, rows = written(world)
            edited: set[tuple[str, str]] = set()
            if seed % 2:  # somebody edits what the run wrote
                row = world.random.choice(rows)
                world.clock.tick(10)
                world.edit(row.system, str(row.remote_id), "phone", f"n{seed}")
                edited.add((row.hub_id, "phone"))
            opted = picture(world)
            world.clock.tick(10)
            report = revert(world, run_id)
            assert report.outcome == "done", report.errors
            back += check(world, rows, before, edited, opted)
            if not edited:
                writes, held = world.writes(), picture(world)
                quiet(world)
                assert (world.writes(), picture(world)) == (writes, held), f"seed {seed}: a run after the revert writes"
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}\n" + "\n".join(world.log[-30:])) from None
        finally:
            world.close()
    assert back > 50


def test_a_revert_that_dies_anywhere_is_finished_by_another(place: tuple[Path, Path]) -> None:  # noqa: F811
    for seed in (3, 5, 8):
        for step in range(1, 60, 3):
            world, before = lived(seed, place)
            try:
                run_id, rows = written(world)
                opted = picture(world)
                world.clock.tick(10)
                world.steps, world.crash_at = 0, step
                with contextlib.suppress(Crash):
                    revert(world, run_id)
                world.crash_at = None
                world.clock.tick(10)
                revert(world, run_id)
                check(world, rows, before, set(), opted)
                done = len(_done(world))
                quiet(world)
                # What sup made of a note without telling is an edit of its own where nobody settled our write.
                echoes = {"note"} if any(r.system == "sup" and "note" in r.fields for r in rows) else set()
                more = [row for row in _done(world)[done:] if not row.fields.keys() <= echoes]
                assert not more, f"seed {seed}, step {step}: a run after the revert writes {more}"
            finally:
                world.close()


def test_a_reverted_revert_is_the_run_again(place: tuple[Path, Path]) -> None:  # noqa: F811
    for seed in range(40):
        world, _ = lived(seed, place)
        try:
            run_id, _ = written(world)
            after = picture(world)
            world.clock.tick(10)
            revert(world, run_id)
            again, undone = written(world)
            world.clock.tick(10)
            if again == run_id:
                continue  # there was nothing to take back
            revert(world, again)
            now = picture(world)
            for row in undone:
                key = (row.system, str(row.remote_id))
                for name in FIELDS:
                    if row.operation == "restore" and HUB_NAMES.get(name, name) in row.fields:
                        assert now[key].get(name) == after[key].get(name), (seed, key, name)
        finally:
            world.close()
