"""Small histories that chance seldom plays, each told in full. What each says is held by a test of its own, and a rule of
the engine that is switched off makes it break.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

from tests.simulation import erasing, happenings
from tests.simulation.history import Broken, _hubs, hub_values, run
from tests.simulation.world import Crash, World, norm


def small(seed: int, place: tuple[Path, Path], page_size: int = 2) -> World:
    """Two people known to both tools, a third to one; a settled start, and then an edit of every sort."""
    world = World(seed, *place, page_size=page_size)
    crm, mkt = world.vendors["crm"], world.vendors["mkt"]
    for vendor, email, name in ((crm, "a@x", "Ann"), (mkt, "a@x", "Anna"), (mkt, "b@x", "Bob"), (crm, "c@x", "Cy")):
        vendor.create({"email": email, "name": name, "phone": norm(vendor.name, "phone")("ab1"), "note": "n"})
    return world


def put_back(place: tuple[Path, Path]) -> None:
    """We write a value, and before we have read it back somebody restores the old one: chance seldom plays this."""
    world = World(3, *place)
    try:
        world.vendors["crm"].create({"email": "a@x", "name": "Ann"})
        for name in ("Ann", "Anna"):
            world.edit("crm", "crm-000001", "name", name)
            for _ in range(3 if name == "Ann" else 1):
                world.clock.tick(10)
                run(world)
        world.clock.tick(10)
        world.edit("mkt", "mkt-000001", "name", "Ann")
        for _ in range(2):
            world.clock.tick(10)
            run(world)
        held = {name: vendor.live()[f"{name}-000001"].fields.get("name") for name, vendor in world.vendors.items()}
        if set(held.values()) != {"Ann"}:
            raise Broken(f"3: mkt put Ann back, and now there is {held}")
    finally:
        world.close()


def first_load_dies(place: tuple[Path, Path]) -> None:
    """A crash at any step of the first load, of records too old to be read again by the overlap."""
    for step in range(1, 40):
        world = small(2, place)
        try:
            world.clock.tick(60)
            world.crash_at = step
            with contextlib.suppress(Crash):
                run(world)
            world.crash_at = None
            run(world)
            if set(hub_values(world)) != {"a@x", "b@x", "c@x"}:
                raise Broken(f"3: after a crash at step {step} only {sorted(hub_values(world))} are known")
        finally:
            world.close()


def comes_late(place: tuple[Path, Path]) -> None:
    """One system refuses a company at first, and has it only once everybody else is in line."""
    world = World(0, *place, around=True)
    try:
        company = world.of("crm", "company").create({"domain": "a.x", "label": "Acme"})
        world.of("crm", "lead").create({"email": "u@x", "employer": company})
        there = world.of("mkt", "company")
        refuse, there.refuse = there.refuse, lambda fields: "not today"
        for _ in range(3):
            run(world)
            world.clock.tick(10)
        there.refuse = refuse
        world.of("crm", "company").edit(company, {"label": "Acme Inc"})  # else what was refused is not tried again
        for _ in range(3):
            run(world)
            world.clock.tick(10)
        [lead] = world.of("mkt", "lead").live().values()
        if lead.fields.get("employer") not in there.live():
            raise Broken("1: mkt has the company, and does not know who works there")
    finally:
        world.close()


def told_of_nobody(place: tuple[Path, Path]) -> None:
    """Somebody moves to a company that could not be read yet."""
    world = World(0, *place, around=True)
    try:
        lead_id = world.of("crm", "lead").create({"email": "u@x"})
        for _ in range(3):
            run(world)
            world.clock.tick(10)
        company = world.of("crm", "company").create({"domain": "b.x"})
        world.of("crm", "lead").edit(lead_id, {"employer": company})
        world.broken = "crm", "company"
        for n in range(2):
            world.clock.tick(60)
            world.of("crm", "lead").create({"email": f"later{n}@x"})  # else the overlap would read the first again
            run(world)
        world.broken = None
        for _ in range(3):
            world.clock.tick(10)
            run(world)
        [lead] = [hub for hub in _hubs(world) if hub.fields.get("email") == "u@x"]
        if not lead.fields.get("employer"):
            raise Broken("3: the hub never hears where the lead works")
    finally:
        world.close()


def opts_out_after_the_act(place: tuple[Path, Path]) -> None:
    """We tell crm of an act and die before its answer is stored; the person opts out once more: at every step."""
    for step in range(1, 60):
        world = small(2, place)
        try:
            world.edit("crm", "crm-000001", "optout", True)
            for _ in range(2):
                world.clock.tick(10)
                run(world)
            world.act()
            world.clock.tick(10)
            world.steps, world.crash_at = 0, step
            with contextlib.suppress(Crash):
                run(world)
            world.crash_at = None
            told = not world.vendors["crm"].allowed
            if told:
                world.edit("crm", "crm-000001", "optout", True)
            for _ in range(3):
                world.clock.tick(10)
                run(world)
            rows = {(n, r.fields.get("email")): r for n, v in world.vendors.items() for r in v.live().values()}
            out = {name: rows[name, "a@x"].fields.get("optout") for name in world.vendors}
            undone = [one for vendor in world.vendors.values() for one in vendor.undone]
            if undone or (told and set(out.values()) != {True}):
                raise Broken(f"13: after a crash at step {step} there is {out}, undone {undone}")
        finally:
            world.close()


def never_in(place: tuple[Path, Path]) -> None:
    """Whoever was turned down before we came is in both tools, and outside the rule of one. Nobody has left it."""
    world = World(0, *place, archives=True)
    try:
        world.vendors["crm"].create({"email": "a@x", "status": "dead"})
        world.vendors["mkt"].create({"email": "a@x", "status": "other"})
        world.vendors["crm"].create({"email": "b@x", "status": "new"})
        for name in ("Ann", "Anna"):
            for _ in range(3):
                world.clock.tick(10)
                run(world)
            world.edit("crm", "crm-000001", "name", name)
        held = {row.fields["email"] for row in world.vendors["mkt"].live().values()}
        if held != {"a@x", "b@x"}:
            raise Broken(f"16: mkt has {sorted(held)}: somebody was archived who had never been in")
        world.edit("crm", "crm-000002", "status", "dead")
        for _ in range(3):
            world.clock.tick(10)
            run(world)
        if (held := {row.fields["email"] for row in world.vendors["mkt"].live().values()}) != {"a@x"}:
            raise Broken(f"16: mkt has {sorted(held)}: who has left is still there")
    finally:
        world.close()


def full_scan_dies(place: tuple[Path, Path]) -> None:
    """Somebody is deleted, then everything is read, which dies at any step and is resumed: whom the first half did not
    show may be gone, and whom the second did not show may have been in the first."""
    for step in range(1, 30):
        world = World(2, *place, page_size=1)
        try:
            for n in range(7):
                world.vendors["crm"].create({"email": f"p{n}@x"})
            for _ in range(3):
                world.clock.tick(60)
                run(world)
            world.vendors["crm"].delete("crm-000002")
            world.clock.tick(60)
            world.steps, world.crash_at = 0, step
            with contextlib.suppress(Crash):
                run(world, full=True)
            world.crash_at = None
            world.clock.tick(60)
            run(world)
            gone = [str(hub.fields.get("email")) for hub in _hubs(world) if hub.links["crm"].state == "deleted"]
            if gone != ["p1@x"]:
                raise Broken(f"8: p1@x was deleted in crm; after a crash at step {step} it is {gone}")
        finally:
            world.close()


def last_one_goes(place: tuple[Path, Path]) -> None:
    """The only record of a system is deleted, and the run that reads everything is allowed to go on with nothing."""
    world = World(2, *place)
    try:
        world.vendors["crm"].create({"email": "a@x"})
        for full in (False, True):
            for _ in range(2):
                world.clock.tick(60)
                run(world, full=full)
            if not full:
                world.vendors["crm"].delete("crm-000001")
        [lead] = _hubs(world)
        if lead.links["crm"].state != "deleted":
            raise Broken("8: crm says that a@x was deleted, and nobody hears it")
    finally:
        world.close()


def happens_first(place: tuple[Path, Path]) -> None:
    """What happens to an address is read before the lead is known."""
    world = World(2, *place, activities=True)
    try:
        at = world.clock()
        world.of("mkt", "activity").happen("form", at, email="a@x")
        for _ in range(2):
            world.clock.tick(10)
            run(world)
        world.vendors["crm"].create({"email": "a@x"})
        for _ in range(3):
            world.clock.tick(10)
            run(world)
        for problem in happenings.problems(world, _hubs(world)):
            raise Broken(problem)
    finally:
        world.close()


def forgotten_midway(place: tuple[Path, Path]) -> None:
    """We have just made a record of somebody, and no answer of it is stored, when they ask to be forgotten, and what has
    happened to them with it."""
    for step in ("crm: read", "mkt: answer", "sup: answer", "never"):
        world = World(2, *place, activities=True)
        try:
            lead = world.vendors["crm"].create({"email": "a@x"})
            world.of("crm", "activity").happen("form", world.clock(), [lead])
            world.of("mkt", "activity").happen("form", world.clock(), email="a@x")
            world.crash_on = step
            with contextlib.suppress(Crash):
                run(world)
            world.crash_at = world.crash_on = None
            for hub in _hubs(world):
                asyncio.run(erasing.forget(world, hub.id))
                world.erased.add("a@x")
                for problem in erasing.problems(world, "a@x", {"a@x"}, set()):
                    raise Broken(f"after a crash at {step!r}: {problem}")
                for _ in range(2):
                    world.clock.tick(10)
                    run(world)
                for problem in happenings.problems(world, _hubs(world)):
                    raise Broken(f"after a crash at {step!r}: {problem}")
        finally:
            world.close()


def out_of_the_bin(place: tuple[Path, Path]) -> None:
    """A record is deleted, by a person or by us, everybody hears it, and somebody takes it out of the bin again."""
    for archives in (False, True):
        world = World(2, *place, archives=archives)
        try:
            world.vendors["crm"].create({"email": "a@x", "name": "Ann"})
            for name, value in (("status", "new"), ("status", "dead"), ("name", "Anna")):
                world.edit("crm", "crm-000001", name, value)
                for _ in range(3):
                    world.clock.tick(10)
                    run(world)
                if name == "status" and value == "dead" and not archives:
                    world._delete(world.vendors["mkt"], "mkt-000001")
            world.restore(world.vendors["mkt"])
            for _ in range(3):
                world.clock.tick(10)
                run(world)
            world.edit("mkt", "mkt-000001", "phone", "ab1")
            for _ in range(3):
                world.clock.tick(10)
                run(world)
            [lead] = _hubs(world)
            row = world.vendors["mkt"].live()["mkt-000001"]
            told = row.fields["name"] == "Anna" or archives  # who is outside the rule is heard, and told nothing
            if lead.links["mkt"].state != "live" or lead.fields.get("phone") != "ab1" or not told:
                raise Broken(f"8: back out of the bin, and there is {lead} and {row}")
        finally:
            world.close()


def two_are_one(place: tuple[Path, Path]) -> None:
    """Two leads to whom much has happened are merged in one system, then in the other, and a run dies at any step."""
    for step in range(1, 60, 3):
        world = World(2, *place, activities=True)
        world.rules = replace(world.rules, follow_merges=True)
        try:
            crm, happened = world.vendors["crm"], world.of("crm", "activity")
            ids = [crm.create({"email": email}) for email in ("a@x", "b@x")]
            for named in ([ids[0]], [ids[1]], ids):
                happened.happen("form", world.clock(), named)
            world.of("mkt", "activity").happen("form", world.clock(), email="b@x")
            for _ in range(3):
                world.clock.tick(10)
                run(world)
            mine = {row.fields["email"]: i for i, row in world.vendors["mkt"].live().items()}
            for vendor, winner, loser in ((crm, *ids), (world.vendors["mkt"], mine["a@x"], mine["b@x"])):
                vendor.merge(winner, loser)
                world.repoint(vendor.name, loser, winner)
                world.clock.tick(10)
                world.steps, world.crash_at = 0, step
                with contextlib.suppress(Crash):
                    run(world)
                world.crash_at = None
            for _ in range(3):
                world.clock.tick(10)
                run(world)
            [lead] = [hub for hub in _hubs(world) if hub.alive and not hub.merged_into]
            if lead.fields.get("happenings") != 4:
                raise Broken(f"15: after a crash at step {step} there are {lead.fields.get('happenings')} of 4")
        finally:
            world.close()


def contact_comes_back(place: tuple[Path, Path]) -> None:
    """A deal comes to a system that has no record of its contact, which then comes out of the bin."""
    world = World(0, *place, around=True)
    try:
        lead = world.of("crm", "lead").create({"email": "a@x"})
        for change in ("none", "delete", "deal", "restore"):
            if change == "delete":
                world._delete(world.vendors["crm"], lead)
            if change == "deal":
                [there] = world.of("mkt", "lead").live()
                world.of("mkt", "deal").create({"code": "d1", "contacts": [there]})
            if change == "restore":
                world.restore(world.vendors["crm"])
            for _ in range(3):
                world.clock.tick(10)
                run(world)
        [deal] = world.of("crm", "deal").live().values()
        if deal.fields.get("contacts") != [lead]:
            raise Broken(f"1: crm has the contact again, and names {deal.fields.get('contacts')} in the deal")
    finally:
        world.close()


STORIES = {
    "returned_are_not_named": contact_comes_back,
    "activities_stay_with_who_gave_way": two_are_one,
    "back_from_the_bin_unheard": out_of_the_bin,
    "activities_never_wait": happens_first,
    "activities_outlive_a_person": forgotten_midway,
    "records_met_later_are_spared": forgotten_midway,
    "absence_is_deletion": full_scan_dies,
    "scan_moves_the_cursor": full_scan_dies,
    "archives_without_evidence": never_in,
    "nothing_waits": told_of_nobody,
    "referrers_forgotten": comes_late,
    "digest_outlives_a_push": put_back,
    "cursor_first": first_load_dies,
    "act_applied_twice": opts_out_after_the_act,
}
"""By the mutation that it notices."""
