"""3,000 random histories, a crash at every step of small ones, and mutations that the suite must notice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import Vendor
from state.database import open_database
from sync.run import Options, sync
from tests.simulation import erasing, happenings, mutations
from tests.simulation.history import Broken, _hubs, history, hub_values, run
from tests.simulation.world import Crash, World, norm

HISTORIES = 3000
CHUNK = 100


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A folder, and an empty database to copy: making one by migration costs more than a history does."""
    fast = Path("/dev/shm")
    folder = Path(tmp_path_factory.mktemp("sim"))
    if fast.is_dir():
        folder = fast / f"smarketing-{folder.parent.name}-{folder.name}-{random.randrange(10**9)}"
        folder.mkdir()
    template = folder / "template.sqlite"
    open_database(f"sqlite:///{template}").dispose()
    yield folder, template
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("start", range(0, HISTORIES, CHUNK))
def test_invariants_hold_in_random_histories(start: int, place: tuple[Path, Path]) -> None:
    for seed in range(start, start + CHUNK):
        history(seed, *place)


MUTATIONS = {
    "single_base": 60,
    "base_before_write": 60,
    "base_from_whole_row": 60,
    "full_record": 60,
    "no_recovery": 120,
    "recovery_trusts_the_row": 150,
    "cursor_first": 1,
    "digest_outlives_a_push": 1,
    "strict_cursor": 150,
    "blank_is_a_value": 60,
    "prefer_without_base": 60,
    "opt_out_by_preference": 150,
    "one_channel_by_preference": 150,
    "lists_are_united": 150,
    "act_applied_twice": 1,
    "lists_sent_whole": 300,
    "stages_may_fall": 60,
    "match_nothing": 60,
    "conflicts_unrecorded": 60,
    "changes_unrecorded": 60,
    "dry_run_keeps": 60,
    "absence_is_deletion": 1,
    "never_derive": 120,
    "clears_travel_everywhere": 60,
    "keep_no_touch": 60,
    "list_as_answered": 600,
    "nothing_waits": 1,
    "sums_stand_still": 120,
    "referrers_forgotten": 1,
    "kinds_share_ids": 60,
    "archives_without_evidence": 1,
    "deletions_before_a_scan_unheard": 1,
    "back_from_the_bin_unheard": 1,
    "forgotten_are_taken_in": 150,
    "records_met_later_are_spared": 1,
    "activities_outlive_a_person": 1,
    "activities_never_wait": 1,
    "activities_as_first_told": 150,
    "activities_uncounted": 60,
}


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_rule_switched_off_is_noticed(name: str, place: tuple[Path, Path]) -> None:
    def try_all() -> None:
        if name in STORIES:
            STORIES[name](place)
        for seed in range(MUTATIONS[name]):
            history(seed, *place)

    with getattr(mutations, name)(), pytest.raises((Broken, LookupError)):
        try_all()


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


STORIES = {
    "back_from_the_bin_unheard": out_of_the_bin,
    "activities_never_wait": happens_first,
    "activities_outlive_a_person": forgotten_midway,
    "records_met_later_are_spared": forgotten_midway,
    "absence_is_deletion": full_scan_dies,
    "deletions_before_a_scan_unheard": full_scan_dies,
    "archives_without_evidence": never_in,
    "nothing_waits": told_of_nobody,
    "referrers_forgotten": comes_late,
    "digest_outlives_a_push": put_back,
    "cursor_first": first_load_dies,
    "act_applied_twice": opts_out_after_the_act,
}
"""What chance seldom plays."""


def test_nobody_is_lost_when_a_first_load_dies(place: tuple[Path, Path]) -> None:
    first_load_dies(place)


def test_whoever_opts_out_after_an_act_stays_out_whatever_crashes(place: tuple[Path, Path]) -> None:
    opts_out_after_the_act(place)


def test_a_value_that_is_put_back_is_heard(place: tuple[Path, Path]) -> None:
    put_back(place)


def test_who_refers_to_a_late_company_is_told_to_every_system(place: tuple[Path, Path]) -> None:
    comes_late(place)


def test_a_deletion_before_a_scan_that_dies_is_heard(place: tuple[Path, Path]) -> None:
    full_scan_dies(place)


def test_the_last_record_of_a_system_may_be_deleted(place: tuple[Path, Path]) -> None:
    last_one_goes(place)


def test_what_comes_out_of_the_bin_is_heard(place: tuple[Path, Path]) -> None:
    out_of_the_bin(place)


def test_what_happens_before_its_lead_is_known_is_given_to_it(place: tuple[Path, Path]) -> None:
    happens_first(place)


def test_who_is_forgotten_while_a_record_is_made_is_forgotten_there(place: tuple[Path, Path]) -> None:
    forgotten_midway(place)


def test_only_who_was_in_can_leave(place: tuple[Path, Path]) -> None:
    never_in(place)


def test_what_a_lead_refers_to_may_become_known_later(place: tuple[Path, Path]) -> None:
    told_of_nobody(place)


def test_every_mutation_is_tried() -> None:
    written = {n for n, f in vars(mutations).items() if getattr(f, "__module__", "") == mutations.__name__}
    assert {n for n in written if not n.startswith("_")} == set(MUTATIONS)


# --- a crash at every step, exhaustively -----------------------------------------------------------------------------


def small(seed: int, place: tuple[Path, Path], page_size: int = 2) -> World:
    """Two people known to both tools, a third to one; a settled start, and then an edit of every sort."""
    world = World(seed, *place, page_size=page_size)
    crm, mkt = world.vendors["crm"], world.vendors["mkt"]
    for vendor, email, name in ((crm, "a@x", "Ann"), (mkt, "a@x", "Anna"), (mkt, "b@x", "Bob"), (crm, "c@x", "Cy")):
        vendor.create({"email": email, "name": name, "phone": norm(vendor.name, "phone")("ab1"), "note": "n"})
    return world


def edit_all(world: World) -> None:
    by = {(n, r.fields["email"]): i for n, v in world.vendors.items() for i, r in v.live().items()}
    world.edit("mkt", by["mkt", "a@x"], "title", "Chief")
    world.edit("crm", by["crm", "b@x"], "phone", "ZZ9")
    world.edit("crm", by["crm", "c@x"], "name", "Cyrus")
    world.edit("mkt", by["mkt", "c@x"], "name", "Cyril")
    world.edit("sup", by["sup", "a@x"], "note", None)
    world.edit("sup", by["sup", "b@x"], "optout", True)
    world.vendors["mkt"].delete(by["mkt", "b@x"])
    Vendor.create(world.vendors["mkt"], {"email": "d@x", "name": "Di", "status": "sql"})


def end_of(world: World, crash_at: int | None) -> tuple[Any, int]:
    """The final picture of the small story when the run after the edits dies at a step, and how many steps it has."""
    try:
        for _ in range(2):
            world.clock.tick(10)
            run(world)
        world.clock.tick(10)
        edit_all(world)
        world.clock.tick(10)
        world.steps, world.crash_at = 0, crash_at
        with contextlib.suppress(Crash):
            run(world)
        steps, world.crash_at = world.steps, None
        for _ in range(2):
            world.clock.tick(10)
            run(world)
        return (world.picture(), hub_values(world)), steps
    finally:
        world.close()


def test_a_crash_at_any_step_changes_nothing_in_the_end(place: tuple[Path, Path]) -> None:
    expected, steps = end_of(small(1, place), None)
    assert steps > 30
    for step in range(1, steps + 1):
        assert end_of(small(1, place), step)[0] == expected, f"crashed at step {step} of {steps}"


def test_a_crash_at_any_step_of_the_first_load_changes_nothing_in_the_end(place: tuple[Path, Path]) -> None:
    def first_load(crash_at: int | None) -> tuple[Any, int]:
        world = small(2, place, page_size=1)
        try:
            world.crash_at = crash_at
            with contextlib.suppress(Crash):
                run(world)
            steps, world.crash_at = world.steps, None
            for _ in range(2):
                world.clock.tick(10)
                run(world)
            return (world.picture(), hub_values(world)), steps
        finally:
            world.close()

    expected, steps = first_load(None)
    for step in range(1, steps + 1):
        assert first_load(step)[0] == expected, f"crashed at step {step} of {steps}"


# --- order -----------------------------------------------------------------------------------------------------------


def shuffled(order: tuple[str, ...], page_size: int, turn: int, place: tuple[Path, Path]) -> Any:
    """The same people and edits; another order of systems, pages and records."""
    world = World(7, *place, page_size=page_size)
    people = [
        ("crm", "a@x", "Ann"),
        ("mkt", "a@x", "Anna"),
        ("mkt", "b@x", "Bob"),
        ("crm", "c@x", "Cy"),
        ("mkt", "c@x", "Cyd"),
    ]
    random.Random(turn).shuffle(people)
    for system, email, name in people:
        world.vendors[system].create({"email": email, "name": name, "title": "boss" if system == "mkt" else "bos"})
    options = Options(confirmed=True, batch=page_size, order=order)

    def once() -> None:
        world.clock.tick(10)
        store = world.store()
        try:
            asyncio.run(sync(world.rules, world.connectors(), store, clock=world.clock, options=options))
        finally:
            store.close()

    try:
        once()
        by = {(n, r.fields["email"]): i for n, v in world.vendors.items() for i, r in v.live().items()}
        edits = [("mkt", "a@x", "name", "M"), ("crm", "a@x", "name", "C"), ("sup", "a@x", "name", "S")]
        edits += [("mkt", "b@x", "phone", "1"), ("sup", "b@x", "title", "t"), ("crm", "c@x", "status", "won")]
        edits += [("mkt", "c@x", "tags", ["a"]), ("sup", "c@x", "tags", ["b"]), ("mkt", "c@x", "status", "sql")]
        random.Random(turn).shuffle(edits)
        for system, email, name, value in edits:
            world.edit(system, by[system, email], name, value)
        once()
        once()
        return world.picture(), hub_values(world)
    finally:
        world.close()


def test_the_order_of_systems_pages_and_records_changes_nothing(place: tuple[Path, Path]) -> None:
    expected = shuffled(("crm", "mkt", "sup"), 100, 0, place)
    for turn, order in enumerate(itertools.permutations(("crm", "mkt", "sup"))):
        for page_size in (1, 2, 100):
            assert shuffled(order, page_size, turn, place) == expected, f"{order}, pages of {page_size}, turn {turn}"
