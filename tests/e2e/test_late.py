"""What a vendor shows late is not missed: HubSpot's search lags behind, Salesforce's long transactions come to light
with a time that has passed already."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.both import Both
from tests.e2e.story import plain_people
from tests.e2e.world import World

MakeWorld = Callable[..., World]


@pytest.mark.parametrize("delay", [5.0, 45.0, 100.0])
def test_changes_that_hubspots_search_shows_late_are_not_missed(make_world: MakeWorld, delay: float) -> None:
    """A run comes before each of them is shown, and moves the cursor on by other people's edits."""
    both = Both.make(7, marketing=60, crm=50, shared=30, index_delay=delay)
    w = make_world(both=both, own_clock=True)
    w.settled()
    w.later(600)
    w.settled(1)
    people = plain_people(w, "Lead")[:6]
    for n, email in enumerate(people):
        w.set("hubspot", email, city=f"Late {n}")
        w.later(delay / 4)
        w.sync()
    w.later(delay)
    w.settled(1)
    assert [w.row(email)["City"] for email in people] == [f"Late {n}" for n in range(len(people))]
    w.later(600)
    assert w.sync().writes == 0


def test_a_person_whom_search_does_not_show_yet_is_not_made_twice(make_world: MakeWorld) -> None:
    """Our own creates and updates are late in the index, too."""
    both = Both.make(7, marketing=60, crm=50, shared=30, index_delay=60.0)
    w = make_world(both=both, own_clock=True)
    w.settled()
    w.edit("salesforce", "create", "", fields={"Email": "new@example.net", "LastName": "New", "Company": "Co"})
    for _ in range(3):
        w.sync()
        w.later(10)
    assert w.contact("new@example.net").values["lastname"] == "New"
    w.later(120)
    w.settled()
    assert len([lead for lead in w.leads() if lead.fields.get("email") == "new@example.net"]) == 1
    assert w.sync().writes == 0


@pytest.mark.parametrize("delay", [5.0, 60.0, 240.0])
def test_rows_that_salesforce_shows_late_are_not_missed(make_world: MakeWorld, delay: float) -> None:
    w = make_world(marketing=60, crm=50, shared=30, own_clock=True)
    w.settled()
    w.later(900)
    w.settled(1)
    people = plain_people(w, "Lead")[:6]
    switches = w.both.salesforce.org.switches
    for n, email in enumerate(people):
        # One in a long transaction, the next at once: the mark passes the time of the first.
        switches.late_visibility = delay if n % 2 == 0 else 0.0
        w.set("salesforce", email, City=f"Late {n}")
        switches.late_visibility = 0.0
        w.later(delay / 5)
        w.sync()
    w.later(delay)
    w.settled(1)
    assert [w.contact(email).values["city"] for email in people] == [f"Late {n}" for n in range(len(people))]
    w.later(900)
    w.settled(1)
    assert w.sync().writes == 0


def test_many_rows_of_one_moment_are_not_missed(make_world: MakeWorld) -> None:
    """An import stamps everybody with the same time, in both systems; pages end in the middle of it."""
    w = make_world(marketing=60, crm=50, shared=30, own_clock=True)
    w.settled()
    w.later(900)
    w.both.salesforce.org.switches.page_size = 5
    people = plain_people(w, "Lead")[:16]
    for vendor in (w.both.hubspot, w.both.salesforce):
        vendor.clock.freeze()
    for email in people[:8]:
        w.set("salesforce", email, City="Imported")
    for email in people[8:]:
        w.set("hubspot", email, city="Imported")
    for vendor in (w.both.hubspot, w.both.salesforce):
        vendor.clock.unfreeze()
    w.settled()
    assert {w.row(email)["City"] for email in people} == {"Imported"}
    assert {w.contact(email).values["city"] for email in people} == {"Imported"}
