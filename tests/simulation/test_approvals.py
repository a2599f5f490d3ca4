"""Histories in which plans are approved in part: records and fields are left out, and runs die in the middle.

What was not approved is not written; all that was left out comes with the next plans, and every invariant of a history holds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path

import pytest

from state.records import WriteRow
from sync.approval import Approval
from sync.context import Report
from sync.plan import fingerprint
from sync.references import known_by
from sync.run import Options, preview, sync
from tests.simulation.history import _Quiet, _settle, run
from tests.simulation.test_histories import place  # noqa: F401  (a fixture)
from tests.simulation.world import Crash, World

HISTORIES = 36


def shown(world: World) -> dict[str, WriteRow]:
    """The plan, by the fingerprints of its writes."""
    store = world.store(dry=True)
    try:
        _, found = asyncio.run(
            preview(world.rules, world.connectors(), store, clock=world.clock, options=Options(batch=4))
        )
        rows = list(found)
        names = known_by(store, rows)
        return {fingerprint(row, names): row for row in rows}
    finally:
        store.close()


def chosen(plan: Mapping[str, WriteRow], some: random.Random) -> dict[str, Collection[str]]:
    """Some writes, most of them whole, some without a field or two."""
    approved: dict[str, Collection[str]] = {}
    for key, row in plan.items():
        if some.random() < 0.7:
            fields = sorted(row.fields)
            approved[key] = some.sample(fields, min(len(fields), some.choice((0, 0, 1, 2)))) if fields else ()
    return approved


def carry_out(world: World, approval: Approval) -> Report:
    store = world.store()
    try:
        options = Options(kind="apply", confirmed=True, batch=4, only=approval)
        return asyncio.run(sync(world.rules, world.connectors(), store, clock=world.clock, options=options))
    finally:
        store.close()


def picture(world: World) -> dict[tuple[str, str], dict[str, object]]:
    return {(s, i): deepcopy(row.fields) for s, vendor in world.vendors.items() for i, row in vendor.live().items()}


@pytest.mark.parametrize("start", range(0, HISTORIES, 12))
def test_what_is_left_out_is_not_written_and_not_lost(start: int, place: tuple[Path, Path]) -> None:  # noqa: F811
    wrote = held = died = 0
    for seed in range(start, start + 12):
        some = random.Random(f"approvals {seed}")
        world = World(seed, *place, page_size=1 + seed % 5, around=seed % 2 == 1, archives=seed % 4 == 2)
        try:
            before = _Quiet(world)
            world.populate()
            for _ in range(3):
                for _ in range(some.randrange(1, 6)):
                    world.agitate()
                plan = shown(world)
                approval = Approval(chosen(plan, some))
                was = picture(world)
                if some.random() < 0.3:
                    world.steps, world.crash_at = 0, some.randrange(1, 40)
                try:
                    carry_out(world, approval)
                except Crash:
                    died += 1
                finally:
                    world.crash_at, world.calm = None, True
                wrote += _only_what_was_approved(world, plan, approval, was)
                held += any(approval.writes[key] for key in approval.met)
                if some.random() < 0.5:
                    _settle(world)
                    before.check(world)
                    before = _Quiet(world)
            _settle(world)
            before.check(world)
            assert not shown(world)
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}\n" + "\n".join(world.log[-30:])) from None
        finally:
            world.close()
    assert wrote > 30
    assert held > 5
    assert died > 0


def _only_what_was_approved(
    world: World, plan: Mapping[str, WriteRow], approval: Approval, was: Mapping[tuple[str, str], Mapping[str, object]]
) -> int:
    """By what the systems show of leads, not by what we say of it; what a system notes by itself does not count. Returns how
    many records are not as they were."""
    ours = {
        system: {m.remote for m in mapper.maps.values() if m.push} for system, mapper in world.rules.mappers.items()
    }
    changed = 0
    allowed: dict[tuple[str, str | None], set[str]] = {}
    creates: list[set[str]] = []
    for key, row in plan.items():
        if key in approval.writes and row.kind == "lead":
            maps = world.rules.mappers[row.system].maps
            names = {maps[name].remote for name in row.fields.keys() - set(approval.writes[key]) if name in maps}
            if row.operation == "create":
                creates.append(names)
            else:
                allowed.setdefault((row.system, row.remote_id), set()).update(names)
    new = 0
    for key, now in picture(world).items():
        if key in was:
            differs = {name for name in now.keys() | was[key].keys() if now.get(name) != was[key].get(name)}
            differs &= ours[key[0]]
            assert differs <= allowed.get(key, set()), (key, differs, allowed.get(key))
            changed += bool(differs)
        else:
            new += 1
            filled = {name for name, value in now.items() if value not in (None, "", [])} & ours[key[0]]
            assert any(filled <= names for names in creates), (key, filled)
    assert new <= len(creates)
    return changed + new


def test_a_write_that_changed_since_is_not_written_though_only_another_field_did(place: tuple[Path, Path]) -> None:  # noqa: F811
    world = World(7, *place, trouble=False)
    try:
        world.vendors["crm"].create({"email": "a@x", "name": "Ann", "phone": "1"})
        world.clock.tick(10)
        run(world)
        world.clock.tick(10)
        [remote_id] = world.vendors["crm"].live()
        world.edit("crm", remote_id, "name", "Anna")
        world.clock.tick(10)
        plan = shown(world)
        world.edit("crm", remote_id, "phone", "2")
        world.clock.tick(10)
        approval = Approval(dict.fromkeys(plan, ()))
        assert carry_out(world, approval).writes == 0
        assert approval.met == set()
    finally:
        world.close()
