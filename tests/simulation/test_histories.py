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
from tests.simulation import mutations
from tests.simulation.history import Broken, history, hub_values, run
from tests.simulation.stories import (
    STORIES,
    comes_late,
    contact_comes_back,
    first_load_dies,
    forgotten_midway,
    full_scan_dies,
    happens_first,
    last_one_goes,
    never_in,
    opts_out_after_the_act,
    out_of_the_bin,
    put_back,
    small,
    told_of_nobody,
    two_are_one,
)
from tests.simulation.world import Crash, World

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


MUTATIONS: dict[str, int | tuple[int, ...]] = {
    "single_base": 60,
    "base_before_write": (77,),
    "base_from_whole_row": 60,
    "full_record": 60,
    "no_recovery": 120,
    "recovery_trusts_the_row": (182,),
    "cursor_first": 1,
    "digest_outlives_a_push": 1,
    "strict_cursor": 150,
    "blank_is_a_value": 60,
    "prefer_without_base": 60,
    "opt_out_by_preference": 150,
    "one_channel_by_preference": 150,
    "lists_are_united": 150,
    "act_applied_twice": 1,
    "lists_sent_whole": (792,),
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
    "scan_moves_the_cursor": 1,
    "back_from_the_bin_unheard": 1,
    "forgotten_are_taken_in": 150,
    "forgotten_stay_named": (939,),
    "records_met_later_are_spared": 1,
    "returned_are_not_named": 1,
    "activities_outlive_a_person": 1,
    "activities_never_wait": 1,
    "activities_as_first_told": 150,
    "activities_stay_with_who_gave_way": 1,
    "activities_uncounted": 60,
}
"""How many histories it takes, from seed 0 on; or which, where chance plays it seldom."""


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_rule_switched_off_is_noticed(name: str, place: tuple[Path, Path]) -> None:
    def try_all() -> None:
        if name in STORIES:
            STORIES[name](place)
        tried = MUTATIONS[name]
        for seed in range(tried) if isinstance(tried, int) else tried:
            history(seed, *place)

    with getattr(mutations, name)(), pytest.raises((Broken, LookupError)):
        try_all()


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


def test_a_contact_that_comes_back_is_named_again(place: tuple[Path, Path]) -> None:
    contact_comes_back(place)


def test_two_that_become_one_keep_what_happened_to_both(place: tuple[Path, Path]) -> None:
    two_are_one(place)


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
