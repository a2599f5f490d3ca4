"""The fewest API calls that the vendors' batches allow, counted by the vendors themselves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sandbox.both import Both
from sandbox.hubspot import FAST, HubSpot
from sandbox.people import World as People
from sandbox.people import make_world as make_people
from sandbox.people import to_hubspot
from sandbox.salesforce.seeding import to_salesforce
from sandbox.salesforce.server import Salesforce
from tests.e2e.story import PAGE, plain_people, small_requests
from tests.e2e.world import BATCHES, SYSTEMS, World

MakeWorld = Callable[..., World]
WRITES = {"hubspot": "POST .*/batch/(create|update|upsert)$", "salesforce": "(POST|PATCH) .*/composite/sobjects"}
READS = {"hubspot": "(GET .*contacts$|POST .*/search$|POST .*/batch/read$)", "salesforce": "GET .*/query"}
"""The hourly look at Salesforce's delete log, a call for each object, is told apart."""

PAGES = {"hubspot": 200, "salesforce": 2000}
QUARTER = 15 * 60.0
"""Seconds from run to run: longer than either system's overlap, so that a run reads what is new and no more."""


def people_in(system: str, count: int) -> Both:
    """So many leads, each known to this system only."""
    town = make_people(7, marketing=count + 50, crm=count + 50, shared=count)
    people = {p["key"]: p for p in (town.marketing if system == "hubspot" else town.crm) if p["key"] in town.shared}
    leads = [{**p, "stage": "lead", "kind": "lead"} for p in people.values()]
    both = Both(People(7, leads, leads, frozenset()), HubSpot(FAST), Salesforce())
    if system == "hubspot":
        both.hubspot.seed(to_hubspot(person) for person in leads)
    else:
        both.salesforce.seed(to_salesforce(person) for person in leads)
    return both


@pytest.mark.parametrize("count", [100, 250])
@pytest.mark.parametrize("origin", SYSTEMS)
def test_the_first_push_takes_as_many_writes_as_full_batches(make_world: MakeWorld, origin: str, count: int) -> None:
    other = next(system for system in SYSTEMS if system != origin)
    w = make_world(both=people_in(origin, count), own_clock=True)
    report = w.sync()
    created, updated = report.systems[other].created, report.systems[origin].updated
    assert created == count
    assert report.systems[other].updated == report.systems[origin].created == 0
    assert w.calls(other, WRITES[other]) == math.ceil(created / BATCHES[other])
    assert w.calls(origin, WRITES[origin]) == math.ceil(updated / BATCHES[origin])


def test_creates_and_updates_that_come_mixed_take_no_more(make_world: MakeWorld) -> None:
    """They go to different addresses: each fills its own batches."""
    w = make_world(marketing=260, crm=240, shared=130, own_clock=True)
    report = w.sync()
    for system in SYSTEMS:
        counts = report.systems[system]
        assert counts.created > 50
        assert counts.updated > 200
        # Salesforce takes Leads and Contacts in one request, but creates by another address.
        least = math.ceil(counts.created / BATCHES[system]) + math.ceil(counts.updated / BATCHES[system])
        assert w.calls(system, WRITES[system]) == least, system


@pytest.mark.parametrize("changes", [0, 7, 230])
@pytest.mark.parametrize("origin", SYSTEMS)
def test_an_incremental_run_takes_two_reads_and_a_page_for_its_changes(
    make_world: MakeWorld, origin: str, changes: int
) -> None:
    w = make_world(both=people_in(origin, 240), own_clock=True)
    for _ in range(3):
        w.sync()
        w.later(QUARTER)
    people = sorted(e for lead in w.leads() if set(lead.links) == set(SYSTEMS) and (e := lead.fields.get("email")))
    edited = people[:changes]
    for n, email in enumerate(edited):
        w.set(origin, email, **({"city": f"City {n}"} if origin == "hubspot" else {"City": f"City {n}"}))
    w.forget_calls()
    report = w.sync()
    assert report.outcome == "done"
    assert report.writes == len(edited)
    spent = {system: (w.calls(system, READS[system]), w.calls(system, WRITES[system])) for system in SYSTEMS}
    for system in SYSTEMS:
        reads, writes = spent[system]
        assert reads <= math.ceil(len(edited) / PAGES[system]) + 2, spent
        assert writes <= math.ceil(len(edited) / BATCHES[system]), spent
        others = w.calls(system) - reads - writes - w.calls(system, "token|/deleted")
        assert others <= 1, "a describe, to know which fields a contact has"
    w.later(QUARTER)
    w.forget_calls()
    assert w.sync().writes == 0
    for system in SYSTEMS:
        assert w.calls(system, READS[system]) <= math.ceil(len(edited) / PAGES[system]) + 2
        assert w.calls(system, WRITES[system]) == 0


def test_a_quiet_day_costs_two_calls_a_run_and_system(make_world: MakeWorld) -> None:
    """And an hourly look at Salesforce's delete log, one for each object."""
    w = make_world(own_clock=True)
    for _ in range(3):
        w.sync()
        w.later(QUARTER)
    w.forget_calls()
    for _ in range(8):
        w.sync()
        w.later(QUARTER)
    assert w.calls("hubspot") == 8 * 2
    assert w.calls("salesforce", "/query") == 8 * 2
    assert w.calls("salesforce", "/deleted") <= 2 * 2


# -- limits -----------------------------------------------------------------------------------------------------------


def test_the_vendors_limits_are_kept_without_one_refusal(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HubSpot's windows a tenth as long: 19 calls a second, 5 searches a second."""
    small_requests(monkeypatch)
    both = Both.make(7, marketing=150, crm=120, shared=80)
    limits = replace(FAST, burst=19, burst_seconds=1.0, search=5)
    hubspot = HubSpot(limits)
    hubspot.seed(to_hubspot(person) for person in both.world.marketing)
    w = make_world(both=Both(both.world, hubspot, both.salesforce))
    began = time.monotonic()
    w.sync()
    time.sleep(1.1)  # another process cannot know what the one before has used
    w.sync()
    took = time.monotonic() - began
    assert w.calls("hubspot") > 35
    assert w.calls("hubspot", "/search") > 8
    assert w.refused() == 0
    assert took < 12


def test_a_day_whose_calls_are_used_up_ends_in_words_and_goes_on_tomorrow(make_world: MakeWorld) -> None:
    both = Both.make(7, marketing=60, crm=50, shared=30)
    salesforce = Salesforce(daily_calls=26)
    salesforce.seed(to_salesforce(person) for person in both.world.crm)
    w = make_world(both=Both(both.world, both.hubspot, salesforce), own_clock=True)
    reports = [w.sync() for _ in range(3)]
    error = reports[-1].errors["salesforce"]
    assert error["code"] == "rate-limited"
    assert "24 hours" in error["hint"]
    assert reports[-1].systems["hubspot"].read > 0, "HubSpot goes on"
    used = w.calls("salesforce")
    w.sync()
    assert w.calls("salesforce") - used <= 5, "it does not hammer at a closed door"
    w.later(25 * 3600)
    w.settled(2)
    assert w.sync().writes == 0


def test_others_who_use_the_same_allowance_are_taken_into_account(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HubSpot's headers tell what is left: half of it has been used by somebody else."""
    small_requests(monkeypatch)
    both = Both.make(7, marketing=150, crm=20, shared=10)
    hubspot = HubSpot(replace(FAST, burst=19, burst_seconds=2.0, search=1000))
    hubspot.seed(to_hubspot(person) for person in both.world.marketing)
    w = make_world(both=Both(both.world, hubspot, both.salesforce))
    for _ in range(10):
        hubspot.limits["TEN_SECONDLY_ROLLING"].take()
    w.sync()
    assert w.calls("hubspot") > 12
    assert w.refused() == 0


def seen(report: Any) -> dict[str, int]:
    return {system: counts.calls for system, counts in report.systems.items()}


def test_the_report_counts_as_the_vendor_does(make_world: MakeWorld) -> None:
    w = make_world()
    for _ in range(2):
        w.forget_calls()
        report = w.sync()
        assert seen(report) == {system: w.calls(system) - w.calls(system, "token") for system in SYSTEMS}
    assert plain_people(w)
    assert BATCHES["hubspot"] > PAGE
